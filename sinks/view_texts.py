"""The views whose text does not depend on the event models. What they mean to readers: see ``sinks.views``."""

from typing import Final

SUPERSESSIONS: Final = """
WITH changes AS (
    SELECT
        event_hash, corrects_hash, retracts_hash, known_at, reported_at, input_topic, input_partition, input_offset
    FROM events
    WHERE corrects_hash IS NOT NULL OR retracts_hash IS NOT NULL
),
-- A change that was itself retracted does not count.
standing AS (
    SELECT * FROM changes
    WHERE event_hash NOT IN (
        SELECT retracts_hash FROM changes WHERE retracts_hash IS NOT NULL AND retracts_hash <> event_hash
    )
),
endings AS (
    SELECT corrects_hash AS event_hash, known_at, reported_at FROM standing
    WHERE corrects_hash IS NOT NULL AND corrects_hash <> event_hash
    UNION ALL
    SELECT retracts_hash, known_at, reported_at FROM standing
    WHERE retracts_hash IS NOT NULL AND retracts_hash <> event_hash
    UNION ALL
    SELECT earlier.event_hash, later.known_at, later.reported_at
    FROM changes earlier
    JOIN standing later ON later.corrects_hash = earlier.corrects_hash AND later.event_hash <> earlier.event_hash
    WHERE (later.known_at, later.input_topic, later.input_partition, later.input_offset)
        > (earlier.known_at, earlier.input_topic, earlier.input_partition, earlier.input_offset)
    UNION ALL
    SELECT correction.event_hash, retraction.known_at, retraction.reported_at
    FROM changes correction
    JOIN standing retraction ON retraction.retracts_hash = correction.corrects_hash
        AND retraction.event_hash <> correction.event_hash
)
SELECT
    endings.event_hash,
    greatest(min(endings.known_at), any_value(e.known_at)) AS known_until,
    greatest(min(endings.reported_at), any_value(e.reported_at)) AS reported_until
FROM endings
JOIN events e ON e.event_hash = endings.event_hash
GROUP BY endings.event_hash"""
"""(event_hash, known_until, reported_until): one row for each event that no longer holds."""

SIGNALS: Final = """
SELECT
    e.source || '#' || e.id AS event,
    e.event_type,
    e.track,
    e.occurred_on,
    e.occurred_until,
    e.occurred_precision,
    e.title,
    list_transform(e.orgs, lambda o: coalesce(o.id, o."name")) AS org_names,
    e.amount_usd,
    e.valuation_usd,
    e.status,
    e.publisher,
    e.origin,
    e.urls,
    e.summary,
    e.scores,
    e.evidence,
    e.orgs,
    e.money,
    e.warnings,
    e.source,
    e.id,
    e.version,
    e.reported_at,
    e.known_at,
    e.landed_at,
    e.corrects,
    e.derived_from,
    e.replay_of,
    e.input_topic || '/' || e.input_partition || '/' || e.input_offset AS input,
    e.data
FROM events e
ANTI JOIN supersessions s ON s.event_hash = e.event_hash
WHERE e.retracts_hash IS NULL"""
"""In no order: DuckDB would sort every row before counting them. ``signals_newest_first`` is for looking."""

_UNMATCHED: Final = """
SELECT e.source || '#' || e.id AS event, wanted.what, wanted.target, e.event_type, e.title, e.known_at
FROM (
    SELECT *, unnest([
        {'what': 'corrects', 'target': corrects.source || '#' || corrects.id, 'hash': corrects_hash},
        {'what': 'retracts', 'target': retracts.source || '#' || retracts.id, 'hash': retracts_hash}
    ]) AS wanted
    FROM events
    WHERE corrects_hash IS NOT NULL OR retracts_hash IS NOT NULL
) e
ANTI JOIN events seen ON seen.event_hash = wanted.hash
WHERE wanted.hash IS NOT NULL
ORDER BY e.known_at DESC"""

REJECTION_STATUS: Final = """
WITH replays AS (
    SELECT
        replay_of,
        count(*) AS replays,
        bool_or(outcome <> 'rejected') AS landed,
        max_by(outcome, known_at) AS replay_outcome,
        max_by(topic || '/' || "partition" || '/' || "offset", known_at) AS replay_input
    FROM outcomes
    WHERE replay_of IS NOT NULL
    GROUP BY replay_of
)
SELECT
    r.topic || '/' || r."partition" || '/' || r."offset" AS input,
    r.stage,
    r.rule,
    r.reason,
    r.known_at,
    r.rejected_at,
    r.replay_of,
    p.replays IS NOT NULL AS replayed,
    coalesce(p.replays, 0) AS replays,
    p.replay_outcome,
    p.replay_input,
    coalesce(p.landed, false) AS landed,
    first_one.input IS NOT NULL AS is_replay,
    NOT coalesce(p.landed, false) AND first_one.input IS NULL AS is_open,
    r.topic,
    r."partition",
    r."offset",
    r."key",
    r."value",
    r.headers,
    r.landed_at
FROM rejections r
LEFT JOIN replays p ON p.replay_of = r.topic || '/' || r."partition" || '/' || r."offset"
LEFT JOIN (SELECT DISTINCT topic || '/' || "partition" || '/' || "offset" AS input FROM rejections) first_one
    ON first_one.input = r.replay_of"""
"""Every rejection, and what became of its replays. ``is_open``: no replay has landed it (or found that it had landed
already), and it is no failed replay of another, which stands for both. The command ``rejections`` reads this too."""

_ORGANISATIONS: Final = """
SELECT
    coalesce(org.id, org."name") AS organisation,
    any_value(org.id) AS id,
    list_sort(list_distinct(list(org."name"))) AS names,
    any_value(org.archetype) AS archetype,
    any_value(org.region) AS region,
    any_value(org.country) AS country,
    any_value(org.parent) AS parent,
    count(DISTINCT event) AS events,
    min(occurred_on) AS first_on,
    max(occurred_on) AS last_on
FROM (SELECT event, occurred_on, unnest(orgs) AS org FROM signals)
GROUP BY 1
ORDER BY events DESC, organisation"""

_DUPLICATE: Final = """event_hash, input_topic AS topic, input_partition AS "partition", input_offset AS "offset",
        source, id, content_hash, envelope, data, known_at, landed_at"""

_DUPLICATES: Final = f"""
SELECT d.*, d.content_hash IS DISTINCT FROM l.content_hash AS differs
FROM (
    SELECT {_DUPLICATE} FROM duplicate_events
    UNION ALL
    SELECT {_DUPLICATE} FROM duplicate_decisions
) d
LEFT JOIN (
    SELECT event_hash, source, id, content_hash FROM events
    UNION ALL
    SELECT event_hash, source, id, content_hash FROM decisions
) l ON l.event_hash = d.event_hash AND l.source = d.source AND l.id = d.id"""
"""Every input that is not the first of its (source, id), flagged where it says something else than what landed."""

FIXED_VIEWS: Final[dict[str, str]] = {
    "duplicates": _DUPLICATES,
    "signals_newest_first": "SELECT * FROM signals ORDER BY known_at DESC, input DESC",
    "unmatched_corrections": _UNMATCHED,
    "ledger": "SELECT outcome, kind, count(*) AS inputs FROM outcomes GROUP BY ALL ORDER BY ALL",
    "ledger_by_topic": "SELECT topic, outcome, kind, count(*) AS inputs FROM outcomes GROUP BY ALL ORDER BY ALL",
    "offsets_now": """
        SELECT topic, "partition", max(next_offset) AS next_offset, max(committed_at) AS committed_at
        FROM offsets GROUP BY ALL ORDER BY ALL""",
    "rejection_status": REJECTION_STATUS,
    "rejections_open": "SELECT * FROM rejection_status WHERE is_open",
    "prediction_history": "SELECT * FROM prediction_states ORDER BY prediction, reading, seq",
    "stories": """
        SELECT
            story,
            any_value(event_type) AS event_type,
            min(occurred_on) FILTER (is_current) AS first_on,
            max(occurred_until) FILTER (is_current) AS last_on,
            count(*) FILTER (is_current) AS reports,
            count(DISTINCT origin) FILTER (is_current) AS independent_origins,
            bool_or(decided) AS decided,
            list(source || '#' || id ORDER BY occurred_on, source, id) FILTER (is_current) AS events
        FROM story_events WHERE story IS NOT NULL GROUP BY story_hash, story""",
    "predictions": """
        SELECT * FROM prediction_states
        QUALIFY row_number() OVER (PARTITION BY prediction, reading ORDER BY seq DESC) = 1
        ORDER BY prediction, reading""",
    "alerts": """
        SELECT
            o."key", o.receiver, o.rule, o.prediction, o.reading, o.kind,
            o.milestone,
            o.version,
            o.telling,
            o.payload->>'$.title' AS title,
            o.payload->>'$.state' AS state,
            o.created_at,
            d.delivered_at,
            coalesce(d.attempts, 0) AS attempts,
            d.last_error,
            d.remark,
            coalesce(o.held, false) AS held,
            o.payload
        FROM outbox o
        LEFT JOIN (
            SELECT
                "key", receiver,
                min(attempted_at) FILTER (delivered) AS delivered_at,
                count(*) FILTER (error IS NULL OR NOT delivered) AS attempts,
                max_by(error, attempted_at) FILTER (NOT delivered) AS last_error,
                any_value(error) FILTER (delivered) AS remark
            FROM deliveries GROUP BY ALL
        ) d ON d."key" = o."key" AND d.receiver = o.receiver
        ORDER BY o.created_at DESC, o."key", o.receiver""",
    "organisations": _ORGANISATIONS,
}
"""View name to query, in the order in which they can be made."""
