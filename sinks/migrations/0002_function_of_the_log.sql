-- Version 2: what the tables hold follows from the log alone, in whatever order and batches it was read.

-- The record that brought the outcome: of several deliveries of one input, the first on the log counts, though it be
-- read last. Null where version 1 landed it: such an outcome stays. What was loaded from a file names itself.
ALTER TABLE outcomes ADD COLUMN via_at TIMESTAMPTZ;         -- timestamp of that record
ALTER TABLE outcomes ADD COLUMN via_topic VARCHAR;
ALTER TABLE outcomes ADD COLUMN via_partition INTEGER;
ALTER TABLE outcomes ADD COLUMN via_offset BIGINT;

-- Duplicates keep their whole rows: one of them lands where the landed one turns out not to be the first. The view
-- `duplicates` shows both, and whether they differ from what landed. What version 1 stored of them is not whole:
-- `track` and `decided_by` are null, and such a row stays a duplicate.
CREATE TABLE duplicate_events AS FROM events LIMIT 0;
CREATE TABLE duplicate_decisions AS FROM decisions LIMIT 0;

INSERT INTO duplicate_events BY NAME
SELECT
    d.event_hash, d.source, d.id, d.content_hash, d.envelope, d.data, d.known_at, d.landed_at, o.replay_of,
    regexp_extract(d.envelope->>'$.type', '^ai\.dualtrack\.(.+)\.v\d+$', 1) AS event_type,
    d.data->>'$.title' AS title,
    d.topic AS input_topic, d."partition" AS input_partition, d."offset" AS input_offset
FROM duplicates d
JOIN outcomes o ON o.input_hash = d.input_hash AND o.topic = d.topic AND o."partition" = d."partition"
    AND o."offset" = d."offset"
WHERE o.kind = 'event';

INSERT INTO duplicate_decisions BY NAME
SELECT
    d.event_hash, d.source, d.id, d.content_hash, d.envelope, d.data, d.known_at, d.landed_at,
    d.topic AS input_topic, d."partition" AS input_partition, d."offset" AS input_offset
FROM duplicates d
JOIN outcomes o ON o.input_hash = d.input_hash AND o.topic = d.topic AND o."partition" = d."partition"
    AND o."offset" = d."offset"
WHERE o.kind = 'decision';

DROP TABLE duplicates;

-- What this installation said before the past turned out differently, or by an older version of a definition. A journal:
-- it tells what was done here, and does not follow from the log.
CREATE TABLE prediction_revisions (
    prediction VARCHAR NOT NULL,
    reading VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    definition_hash VARCHAR NOT NULL,
    revision INTEGER NOT NULL,              -- 1, 2, ... within a reading's version
    seq INTEGER NOT NULL,                   -- order within the revision
    known_at TIMESTAMPTZ NOT NULL,
    state VARCHAR NOT NULL,
    verdict VARCHAR NOT NULL,
    progress DOUBLE NOT NULL,
    observed DOUBLE,
    target DOUBLE,
    detail VARCHAR NOT NULL,
    cause STRUCT(source VARCHAR, id VARCHAR, topic VARCHAR, "partition" INTEGER, "offset" BIGINT),
    evidence JSON NOT NULL,
    waiting JSON NOT NULL,
    landed_at TIMESTAMPTZ NOT NULL,
    superseded_at TIMESTAMPTZ NOT NULL
);

INSERT INTO prediction_revisions BY NAME
SELECT old.*, coalesce(
    (
        SELECT min(later.landed_at) FROM prediction_states later
        WHERE later.prediction = old.prediction AND later.reading = old.reading
            AND (later.version > old.version OR (later.version = old.version AND later.revision > old.revision))
    ),
    old.landed_at
) AS superseded_at
FROM prediction_states old
WHERE EXISTS (
    SELECT 1 FROM prediction_states later
    WHERE later.prediction = old.prediction AND later.reading = old.reading
        AND (later.version > old.version OR (later.version = old.version AND later.revision > old.revision))
);

-- The history that holds, of the newest version of each reading.
CREATE TABLE prediction_states_2 (
    prediction VARCHAR NOT NULL,
    reading VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    definition_hash VARCHAR NOT NULL,
    seq INTEGER NOT NULL,                   -- order within the history
    known_at TIMESTAMPTZ NOT NULL,          -- of the event that caused it, or the deadline
    state VARCHAR NOT NULL,                 -- open, met, missed, annulled, unresolvable, late
    verdict VARCHAR NOT NULL,               -- what the criterion alone says: met, not met, unknown
    progress DOUBLE NOT NULL,               -- 0 to 1
    observed DOUBLE,                        -- the measured value, in the criterion's unit
    target DOUBLE,
    detail VARCHAR NOT NULL,                -- one sentence for people
    cause STRUCT(source VARCHAR, id VARCHAR, topic VARCHAR, "partition" INTEGER, "offset" BIGINT),
    evidence JSON NOT NULL,                 -- array of identities with the values used
    waiting JSON NOT NULL,                  -- array: near misses and unknown conditions
    landed_at TIMESTAMPTZ NOT NULL
);

INSERT INTO prediction_states_2 BY NAME
SELECT * EXCLUDE (revision) FROM prediction_states
QUALIFY rank() OVER (PARTITION BY prediction, reading ORDER BY version DESC, revision DESC) = 1;

DROP TABLE prediction_states;
ALTER TABLE prediction_states_2 RENAME TO prediction_states;

-- An alert is named by what is told: the n-th telling of a milestone, odd where it is reached and even where it no
-- longer holds. What version 1 told is numbered in the order of telling, whoever was told; where it told the same
-- twice in a row a number is left out.
CREATE TABLE outbox_2 (
    "key" VARCHAR NOT NULL,                 -- idempotency key
    receiver VARCHAR NOT NULL,              -- topic, webhook, file
    prediction VARCHAR NOT NULL,
    reading VARCHAR NOT NULL,
    version INTEGER NOT NULL,               -- of the definition
    milestone VARCHAR NOT NULL,
    telling INTEGER NOT NULL,               -- 1, 2, ... of this milestone
    kind VARCHAR NOT NULL,                  -- first evidence, progress, met, ..., retracted
    payload JSON NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

INSERT INTO outbox_2 BY NAME
WITH alerts AS (
    SELECT
        o."key",
        any_value(o.prediction) AS prediction,
        any_value(o.reading) AS reading,
        coalesce(any_value(o.payload->>'$.milestone'), any_value(o.kind)) AS milestone,
        coalesce(max(d.version), 1) AS version,
        any_value(o.kind) = 'retracted' AS retracted,
        min(o.created_at) AS told_at,
        min(o.rowid) AS place
    FROM outbox o
    LEFT JOIN prediction_definitions d ON d.prediction = o.prediction AND d.declared_at <= o.created_at
    GROUP BY o."key"
),
in_order AS (
    SELECT
        *,
        lag(retracted, 1, true) OVER (
            PARTITION BY prediction, reading, version, milestone ORDER BY told_at, place
        ) AS retracted_before
    FROM alerts
),
numbered AS (
    SELECT
        "key",
        version,
        milestone,
        sum(CASE WHEN retracted = retracted_before THEN 2 ELSE 1 END) OVER (
            PARTITION BY prediction, reading, version, milestone ORDER BY told_at, place
        ) AS telling
    FROM in_order
)
SELECT o.*, n.version, n.milestone, n.telling
FROM outbox o
JOIN numbered n ON n."key" = o."key";

DROP TABLE outbox;
ALTER TABLE outbox_2 RENAME TO outbox;
