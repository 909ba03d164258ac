-- The tables of dualtrack, version 1. All times are UTC instants; all money is DECIMAL in whole units of its currency.
-- No primary keys: at 5 M rows a 1,000-row batch costs 220 ms with one and 7 ms without. The sink dedupes by a full
-- anti-join on the UBIGINT hashes, verified on a hit.

-- One row per event that landed: (source, id) is unique.
CREATE TABLE events (
    event_hash UBIGINT NOT NULL,            -- hash of (source, id)
    source VARCHAR NOT NULL,
    id VARCHAR NOT NULL,
    event_type VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    title VARCHAR NOT NULL,
    summary VARCHAR,
    publisher VARCHAR,
    origin VARCHAR,
    status VARCHAR NOT NULL,
    urls VARCHAR[] NOT NULL,
    occurred_on DATE NOT NULL,              -- first day that it may have happened
    occurred_until DATE NOT NULL,           -- last day that it may have happened
    occurred_precision VARCHAR NOT NULL,
    reported_at TIMESTAMPTZ NOT NULL,       -- when the publisher learnt it
    known_at TIMESTAMPTZ NOT NULL,          -- timestamp of the raw record in the log
    landed_at TIMESTAMPTZ NOT NULL,         -- wall clock, information only
    track VARCHAR NOT NULL,
    scores MAP(VARCHAR, DOUBLE) NOT NULL,
    evidence STRUCT(kind VARCHAR, what VARCHAR, track VARCHAR, weight DOUBLE)[] NOT NULL,
    orgs STRUCT("name" VARCHAR, id VARCHAR, archetype VARCHAR, region VARCHAR, country VARCHAR, parent VARCHAR)[] NOT NULL,
    money STRUCT(field VARCHAR, "value" DECIMAL(38, 6), currency VARCHAR, qualifier VARCHAR, usd DECIMAL(38, 6), rate DECIMAL(38, 12), rate_date DATE)[] NOT NULL,
    amount_usd DECIMAL(38, 6),              -- of the field `amount`
    valuation_usd DECIMAL(38, 6),           -- of the field `valuation`
    warnings STRUCT(rule VARCHAR, reason VARCHAR)[] NOT NULL,
    corrects STRUCT(source VARCHAR, id VARCHAR),
    retracts STRUCT(source VARCHAR, id VARCHAR),
    derived_from STRUCT(source VARCHAR, id VARCHAR),
    corrects_hash UBIGINT,
    retracts_hash UBIGINT,
    envelope JSON NOT NULL,                 -- CloudEvents attributes as received
    data JSON NOT NULL,                     -- the event as received, unknown fields included
    content_hash VARCHAR NOT NULL,
    replay_of VARCHAR,
    input_topic VARCHAR NOT NULL,
    input_partition INTEGER NOT NULL,
    input_offset BIGINT NOT NULL
);

-- The ledger: one row per input. landed + duplicate + rejected = inputs.
CREATE TABLE outcomes (
    input_hash UBIGINT NOT NULL,            -- hash of (topic, partition, offset)
    topic VARCHAR NOT NULL,
    "partition" INTEGER NOT NULL,
    "offset" BIGINT NOT NULL,
    outcome VARCHAR NOT NULL,               -- landed, duplicate, rejected
    kind VARCHAR NOT NULL,                  -- event, decision
    event_hash UBIGINT,                     -- null when rejected
    known_at TIMESTAMPTZ NOT NULL,
    landed_at TIMESTAMPTZ NOT NULL,
    replay_of VARCHAR
);

CREATE TABLE rejections (
    input_hash UBIGINT NOT NULL,
    topic VARCHAR NOT NULL,
    "partition" INTEGER NOT NULL,
    "offset" BIGINT NOT NULL,
    "key" BLOB,
    "value" BLOB,                           -- the original bytes
    headers STRUCT("name" VARCHAR, "value" BLOB)[] NOT NULL,
    stage VARCHAR NOT NULL,
    rule VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    known_at TIMESTAMPTZ NOT NULL,
    rejected_at TIMESTAMPTZ NOT NULL,
    landed_at TIMESTAMPTZ NOT NULL,
    replay_of VARCHAR
);

-- Another raw record with an identity that landed before; flagged where its content differs.
CREATE TABLE duplicates (
    input_hash UBIGINT NOT NULL,
    event_hash UBIGINT NOT NULL,
    topic VARCHAR NOT NULL,
    "partition" INTEGER NOT NULL,
    "offset" BIGINT NOT NULL,
    source VARCHAR NOT NULL,
    id VARCHAR NOT NULL,
    differs BOOLEAN NOT NULL,
    content_hash VARCHAR NOT NULL,
    envelope JSON NOT NULL,
    data JSON NOT NULL,
    known_at TIMESTAMPTZ NOT NULL,
    landed_at TIMESTAMPTZ NOT NULL
);

-- What people decided: resolve, forecast, review, add-organisation, merge-stories.
CREATE TABLE decisions (
    event_hash UBIGINT NOT NULL,
    source VARCHAR NOT NULL,
    id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    decided_by VARCHAR NOT NULL,
    why VARCHAR,
    data JSON NOT NULL,
    envelope JSON NOT NULL,
    content_hash VARCHAR NOT NULL,
    reported_at TIMESTAMPTZ NOT NULL,
    known_at TIMESTAMPTZ NOT NULL,
    landed_at TIMESTAMPTZ NOT NULL,
    input_topic VARCHAR NOT NULL,
    input_partition INTEGER NOT NULL,
    input_offset BIGINT NOT NULL
);

-- Where to go on reading, appended per batch and never updated (updates with open readers stop the auto-checkpoint).
CREATE TABLE offsets (
    topic VARCHAR NOT NULL,
    "partition" INTEGER NOT NULL,
    next_offset BIGINT NOT NULL,
    committed_at TIMESTAMPTZ NOT NULL
);

-- A definition's hash is recorded when it is declared; a changed criterion is a new version.
CREATE TABLE prediction_definitions (
    prediction VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    definition_hash VARCHAR NOT NULL,
    definition JSON NOT NULL,
    declared_at TIMESTAMPTZ NOT NULL
);

-- Every change of state or progress, appended. A late event that changes the past appends the whole history of its
-- reading under the next revision; the highest revision is what holds.
CREATE TABLE prediction_states (
    prediction VARCHAR NOT NULL,
    reading VARCHAR NOT NULL,
    version INTEGER NOT NULL,
    definition_hash VARCHAR NOT NULL,
    revision INTEGER NOT NULL,
    seq INTEGER NOT NULL,                   -- order within the revision
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

-- Alerts to be delivered, written with the state that caused them; (key, receiver) is unique.
CREATE TABLE outbox (
    "key" VARCHAR NOT NULL,                 -- idempotency key
    receiver VARCHAR NOT NULL,              -- topic, webhook, file
    prediction VARCHAR NOT NULL,
    reading VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    payload JSON NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);

-- Attempts to deliver, appended.
CREATE TABLE deliveries (
    "key" VARCHAR NOT NULL,
    receiver VARCHAR NOT NULL,
    delivered BOOLEAN NOT NULL,
    error VARCHAR,
    attempted_at TIMESTAMPTZ NOT NULL
);
