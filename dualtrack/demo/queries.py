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
FROM signals WHERE occurred_on >= DATE '2024-07-01' GROUP BY ALL ORDER BY 1""",
        chart=True,
    ),
    Question(
        "Where do sources contradict each other about one deal by a factor of ten?",
        """SELECT a.title AS report, a.amount_usd / 1e9 AS usd_bn, b.title AS other_report,
       b.amount_usd / 1e9 AS other_usd_bn
FROM deals a JOIN deals b ON list_has_all(list_sort([o.id FOR o IN a.orgs]), list_sort([o.id FOR o IN b.orgs]))
WHERE a.amount_usd = 10 * b.amount_usd""",
    ),
    Question(
        "Which event moved which prediction, and where is it reported?",
        """SELECT h.prediction, h.reading, h.progress, e.occurred_on, e.title, e.urls[1] AS url
FROM prediction_history h JOIN events e ON e.source = h.cause.source AND e.id = h.cause.id
WHERE h.progress > 0 ORDER BY h.known_at""",
    ),
)
