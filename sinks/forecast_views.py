"""Views on forecasts and on what people resolved. What the numbers mean: docs/forecasts.md.

``forecasts``
    Every forecast that landed. ``made_at`` is what counts for scoring; ``imported`` says that it is somebody's word.
``prediction_outcomes``
    Of each reading its state, 1 or 0 where it was met or missed, and since when that was to be known.
``forecast_scores``
    One row for each forecaster and for the crowd (``is_crowd``) about each reading: ``status`` is ``scored``, or says
    why it was left out. The same as ``predictions.scoring`` computes.
``resolutions``
    What people resolved, with the machine's verdict then and now, and the input that brought it.
"""

from typing import Final

_FORECASTS: Final = """
SELECT
    source || '#' || id AS forecast,
    prediction,
    reading,
    forecaster,
    probability,
    made_at,
    said_imported OR known_at - made_at > INTERVAL 1 HOUR AS imported,
    why,
    decided_by AS recorded_by,
    known_at,
    landed_at,
    input_topic,
    input_partition,
    input_offset
FROM (
    SELECT
        *,
        data->>'$.prediction' AS prediction,
        data->>'$.reading' AS reading,
        trim(data->>'$.forecaster') AS forecaster,
        TRY_CAST(data->>'$.probability' AS DOUBLE) AS probability,
        TRY_CAST(data->>'$.made_at' AS TIMESTAMPTZ) AS stated_at,
        least(stated_at, known_at) AS made_at,
        coalesce(TRY_CAST(data->>'$.imported' AS BOOLEAN), false) AS said_imported
    FROM decisions
    WHERE kind = 'forecast'
)
WHERE prediction IS NOT NULL AND reading IS NOT NULL AND forecaster IS NOT NULL AND stated_at IS NOT NULL
    AND probability BETWEEN 0 AND 1"""

_OUTCOMES: Final = """
WITH last AS (
    SELECT prediction, reading, any_value(version) AS version, max_by(state, seq) AS state,
        max_by(verdict, seq) AS verdict
    FROM prediction_states
    GROUP BY ALL
),
since AS (
    SELECT s.prediction, s.reading, 1 + coalesce(max(s.seq) FILTER (s.state <> last.state), -1) AS seq
    FROM prediction_states s
    JOIN last ON last.prediction = s.prediction AND last.reading = s.reading
    GROUP BY ALL
),
began AS (
    SELECT s.prediction, s.reading, s.known_at, s.cause
    FROM prediction_states s
    JOIN since ON since.prediction = s.prediction AND since.reading = s.reading AND since.seq = s.seq
),
reported AS (
    SELECT input_topic, input_partition, input_offset, reported_at FROM events
    UNION ALL
    SELECT input_topic, input_partition, input_offset, reported_at FROM decisions
)
SELECT
    began.prediction,
    began.reading,
    last.version,
    last.state,
    last.verdict,
    CASE last.state WHEN 'met' THEN 1 WHEN 'missed' THEN 0 END AS outcome,
    CASE WHEN last.state <> 'open' THEN least(began.known_at, reported.reported_at) END AS outcome_known_at
FROM began
JOIN last ON last.prediction = began.prediction AND last.reading = began.reading
LEFT JOIN reported ON reported.input_topic = began.cause.topic AND reported.input_partition = began.cause."partition"
    AND reported.input_offset = began.cause."offset\""""

_SCORES: Final = """
WITH own AS (
    -- What each forecaster held, from one moment until the next.
    SELECT
        f.prediction, f.reading, f.forecaster, f.probability, f.imported, f.made_at, o.outcome, o.outcome_known_at,
        lead(f.made_at, 1, o.outcome_known_at) OVER (
            PARTITION BY f.prediction, f.reading, f.forecaster
            ORDER BY f.made_at, f.known_at, f.input_topic, f.input_partition, f.input_offset
        ) AS until
    FROM forecasts f
    JOIN prediction_outcomes o ON o.prediction = f.prediction AND o.reading = f.reading
    WHERE o.outcome IS NOT NULL AND f.made_at < o.outcome_known_at
),
moments AS (SELECT DISTINCT prediction, reading, made_at, outcome, outcome_known_at FROM own),
crowd AS (
    SELECT
        m.prediction, m.reading, median(own.probability) AS probability, bool_or(own.imported) AS imported, m.made_at,
        m.outcome, m.outcome_known_at,
        lead(m.made_at, 1, m.outcome_known_at) OVER (
            PARTITION BY m.prediction, m.reading ORDER BY m.made_at
        ) AS until
    FROM moments m
    JOIN own ON own.prediction = m.prediction AND own.reading = m.reading
        AND own.made_at <= m.made_at AND m.made_at < own.until
    GROUP BY m.prediction, m.reading, m.made_at, m.outcome, m.outcome_known_at
),
held AS (
    -- Of several forecasts of one moment the last counts: the others were held for no time.
    SELECT *, epoch_us(until) - epoch_us(made_at) AS microseconds
    FROM (FROM own UNION ALL BY NAME SELECT *, NULL::VARCHAR AS forecaster FROM crowd)
    WHERE made_at < until
),
scored AS (
    SELECT
        prediction, reading, forecaster, any_value(outcome) AS outcome,
        max_by(probability, made_at) AS probability, max_by(imported, made_at) AS imported, max(made_at) AS made_at,
        sum((probability - outcome) ** 2 * microseconds) / sum(microseconds) AS time_weighted_brier
    FROM held
    GROUP BY prediction, reading, forecaster
),
given AS (
    SELECT prediction, reading, forecaster, count(*) AS forecasts
    FROM forecasts
    GROUP BY GROUPING SETS ((prediction, reading, forecaster), (prediction, reading))
)
SELECT
    g.prediction,
    g.reading,
    g.forecaster,
    g.forecaster IS NULL AS is_crowd,
    CASE
        WHEN o.state IS NULL THEN 'unknown'
        WHEN o.outcome IS NULL THEN o.state
        WHEN s.probability IS NULL THEN 'after the outcome'
        ELSE 'scored'
    END AS status,
    g.forecasts,
    s.probability,
    s.made_at,
    coalesce(s.imported, false) AS imported,
    o.outcome,
    o.outcome_known_at,
    (s.probability - o.outcome) ** 2 AS brier,
    -- greatest() passes over what is null.
    CASE WHEN s.probability IS NOT NULL
        THEN -ln(least(greatest(if(o.outcome = 1, s.probability, 1 - s.probability), 0.001), 0.999))
    END AS log_score,
    s.time_weighted_brier
FROM given g
LEFT JOIN prediction_outcomes o ON o.prediction = g.prediction AND o.reading = g.reading
LEFT JOIN scored s ON s.prediction = g.prediction AND s.reading = g.reading
    AND s.forecaster IS NOT DISTINCT FROM g.forecaster
ORDER BY g.prediction, g.reading, is_crowd, g.forecaster"""

RESOLUTIONS: Final = """
WITH made AS (
    SELECT
        data->>'$.prediction' AS prediction, data->>'$.reading' AS said_reading, data->>'$.outcome' AS outcome,
        decided_by, why, known_at, source, id, input_topic, input_partition, input_offset
    FROM decisions
    WHERE kind = 'resolve'
),
-- A decision that names no reading is about all of them.
about AS (
    SELECT made.*, readings.reading
    FROM made
    LEFT JOIN (SELECT DISTINCT prediction, reading FROM prediction_states) readings
        ON readings.prediction = made.prediction
            AND (made.said_reading IS NULL OR made.said_reading = readings.reading)
)
SELECT
    a.prediction,
    coalesce(a.reading, a.said_reading) AS reading,
    a.outcome,
    a.decided_by AS "by",
    a.why,
    a.known_at AS decided_at,
    max_by(s.verdict, s.seq) FILTER (
        (s.known_at, coalesce(s.cause.topic, ''), coalesce(s.cause."partition", -1), coalesce(s.cause."offset", -1))
            <= (a.known_at, a.input_topic, a.input_partition, a.input_offset)
    ) AS verdict_then,
    max_by(s.verdict, s.seq) AS verdict_now,
    max_by(s.state, s.seq) AS state_now,
    row_number() OVER (
        PARTITION BY a.prediction, coalesce(a.reading, a.said_reading)
        ORDER BY a.known_at DESC, a.input_topic DESC, a.input_partition DESC, a.input_offset DESC
    ) = 1 AS is_latest,
    a.source || '#' || a.id AS decision,
    a.input_topic AS topic,
    a.input_partition AS "partition",
    a.input_offset AS "offset"
FROM about a
LEFT JOIN prediction_states s ON s.prediction = a.prediction AND s.reading = a.reading
GROUP BY a.prediction, a.reading, a.said_reading, a.outcome, a.decided_by, a.why, a.known_at, a.source, a.id,
    a.input_topic, a.input_partition, a.input_offset
ORDER BY a.prediction, reading, decided_at, topic, "partition", "offset\""""
"""The command ``predictions resolutions`` reads this too."""

FORECAST_VIEWS: Final[dict[str, str]] = {
    "forecasts": _FORECASTS,
    "prediction_outcomes": _OUTCOMES,
    "forecast_scores": _SCORES,
    "resolutions": RESOLUTIONS,
}
"""View name to query, in the order in which they can be made."""
