"""The three questions that the demo asks DuckDB; each is one statement that a reader can paste."""

from typing import Final, NamedTuple


class Question(NamedTuple):
    """A question, its SQL, and how the answer is shown."""

    asks: str
    sql: str
    chart: bool = False


QUESTIONS: Final = (
    Question(
        "How do the two tracks balance, quarter by quarter?",
        """SELECT year(occurred_on) || '-Q' || quarter(occurred_on) AS quarter,
       count(*) FILTER (track IN ('cost', 'both')) AS cost,
       count(*) FILTER (track IN ('application', 'both')) AS application
FROM signals WHERE occurred_on >= DATE '2024-07-01'
GROUP BY ALL ORDER BY quarter""",
        chart=True,
    ),
    Question(
        "Where do sources contradict each other about one deal by a factor of ten?",
        """SELECT a.title AS report, a.amount_usd / 1e9 AS "bn USD",
       b.title AS "other report", b.amount_usd / 1e9 AS "its bn USD"
FROM deals a JOIN deals b ON a.amount_usd = 10 * b.amount_usd
WHERE list_sort([o.id FOR o IN a.orgs]) = list_sort([o.id FOR o IN b.orgs])""",
    ),
    Question(
        "Which events moved which prediction, how far, and who reported them?",
        """SELECT h.prediction, count(DISTINCT h.reading) AS readings,
       CAST(100 * max(h.progress) AS INT) AS "%",
       e.occurred_on AS "day", e.title AS event, e.publisher
FROM prediction_history h
JOIN events e ON e.source = h.cause.source AND e.id = h.cause.id
GROUP BY ALL ORDER BY "%" DESC, "day" DESC LIMIT 8""",
    ),
)
