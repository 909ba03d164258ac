"""Epoch AI's data on companies and models (CC BY 4.0; credit: Epoch AI, epoch.ai).

=============================================  =========================================================
companies/ai_companies_funding_rounds.csv      funding; talks that are not concluded have that status
companies/ai_companies_revenue_reports.csv     metric: annualised revenue, revenue (a year), product revenue
companies/ai_companies_usage_reports.csv       metric: weekly users, daily tokens, daily messages, ...
companies/ai_companies_compute_spend.csv       metric: compute spend
models/notable_ai_models.csv                   model release with training compute and hardware
=============================================  =========================================================

Quirks, and what was decided:

- Mirrors write dates as 2025-12-31 or 12/31/2025; both are read. ``0202-07-30`` is taken for no date.
- A round may be reported long before it closes. It happened when it closed, and nobody could know it before that day.
- Equity and debt of one round are two events; an amount of 0 means a sale of old shares, and is no amount.
- Rows that Epoch keeps out of its graphs repeat others or are of another kind (paying users): they are left out.
- Revenue of half a year or a quarter comes annualised; each kind of statement is a series of its own.
- Nothing says when an estimate of compute was first published: known is the day of the snapshot.
"""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

from publishers.sources.signal import Signal, midnight, slug, usd
from publishers.sources.tables import Row, file_in, read_csv
from schemas.events import Event, Funding, Metric, ModelRelease
from schemas.values import PartialDate, Status

SNAPSHOT: Final = date(2026, 1, 20)
"""When the stored copies were taken."""

COMPANIES: Final = "epoch/companies"
MODELS: Final = "epoch/models"

_TALKS: Final = frozenset({"late discussions", "early discussions"})

_REVENUE: Final = {
    "annualized revenue": ("annualised revenue", "run rate"),
    "annual recurring revenue": ("annualised revenue", "recurring"),
    "quarterly revenue": ("annualised revenue", "quarter"),
    "other": ("annualised revenue", "part of a year"),
    "yearly revenue": ("revenue", "year"),
    "product/division revenue": ("product revenue", "product"),
}
"""Epoch's type of a statement to our metric and series."""


def signals(folder: Path) -> Iterator[Signal]:
    """Everything in Epoch's folder, companies first. Raises SourceBroken, OSError."""
    yield from funding(folder)
    yield from revenue(folder)
    yield from usage(folder)
    yield from compute_spend(folder)
    yield from models(folder)


def funding(folder: Path) -> Iterator[Signal]:
    """Rounds, tenders and talks."""
    file = _companies(folder, "funding_rounds")
    columns = ("Id", "Company", "Close date", "Status", "Funding (equity)", "Funding (debt)")
    for row in read_csv(file, (*columns, "Valuation (post-money)", "Report date")):
        closed, reported = row.when("Close date"), row.day("Report date")
        happened = closed or _as_date(reported)
        if happened is None:
            continue
        common: dict[str, Any] = {
            **_said(row, "funding_rounds"),
            "company": row.text("Company"),
            "occurred_on": happened,
            "status": Status.IN_TALKS if row.text("Status").lower() in _TALKS else Status.CLOSED,
        }
        for kind, amount in (("equity", row.number("Funding (equity)")), ("debt", row.number("Funding (debt)"))):
            if kind == "debt" and not amount:
                continue
            facts = common | {
                "title": f"{row.text('Company')}: {row.text('Id')}" + (" (debt)" if kind == "debt" else ""),
                "round": "debt" if kind == "debt" else row.text("Id")[:80],
            }
            if amount:
                facts["amount"] = usd(amount)
            if kind == "equity" and (valuation := row.number("Valuation (post-money)")):
                facts["valuation"] = usd(valuation)
            yield _signal(row, Funding(**facts), happened, reported, "funding", kind)


def revenue(folder: Path) -> Iterator[Signal]:
    """Statements about revenue; those without a number or a day say nothing."""
    file = _companies(folder, "revenue_reports")
    amounts = ("Revenue amount (normalize to annual)", "Annualized revenue (USD)")
    for row in read_csv(file, ("Id", "Company", "Date", *amounts, "Type", "Report date")):
        happened, amount = row.when("Date"), row.number(amounts[1]) or row.number(amounts[0])
        named = _REVENUE.get(row.text("Type").lower())
        if happened is None or amount is None or named is None:
            continue
        metric, series = named
        company = row.text("Company")
        facts: dict[str, Any] = {
            "title": f"{company}: {metric} of {amount / 1e9:.4g} billion USD",
            "subject": company,
            "metric": metric,
            "series": f"{company} / {metric} / {series}",
        }
        if metric == "revenue":
            facts["period"] = str(happened.first.year)
        event = _metric(row, "revenue_reports", happened, amount, facts)
        yield _signal(row, event, happened, row.day("Report date"), "revenue", metric)


def usage(folder: Path) -> Iterator[Signal]:
    """Users, tokens and messages of products."""
    file = _companies(folder, "usage_reports")
    columns = ("Id", "Company", "Active users", "Active users time period", "Daily tokens", "Daily messages", "Date")
    for row in read_csv(file, (*columns, "Report date", "Product", "Exclude from graph view")):
        happened = row.when("Date")
        if happened is None or row.text("Exclude from graph view") == "True":
            continue
        subject = row.text("Product") or row.text("Company")
        for column, metric, unit in (
            ("Active users", f"{row.text('Active users time period').lower()} users".strip(), "users"),
            ("Daily tokens", "daily tokens", "tokens"),
            ("Daily messages", "daily messages", "messages"),
        ):
            value = row.number(column)
            if value is None:
                continue
            facts: dict[str, Any] = {
                **_said(row, "usage_reports"),
                "title": f"{subject}: {value:,.0f} {metric}",
                "occurred_on": happened,
                "subject": subject,
                "orgs": (row.text("Company"),),
                "metric": metric,
                "value": repr(value),
                "unit": unit,
                "series": f"{subject} / {metric}",
            }
            event = Metric.model_validate(facts)
            yield _signal(row, event, happened, row.day("Report date"), "usage", metric, row.text("Company"))


def compute_spend(folder: Path) -> Iterator[Signal]:
    """What companies spend on compute, by purpose."""
    file = _companies(folder, "compute_spend")
    columns = ("Id", "Company", "Amount", "Category", "Period type", "Date", "Report date", "Exclude from graph view")
    for row in read_csv(file, columns):
        happened, amount = row.when("Date"), row.number("Amount")
        if happened is None or amount is None or row.text("Exclude from graph view") == "True":
            continue
        company = row.text("Company")
        facts: dict[str, Any] = {
            "title": f"{company}: {amount / 1e9:.4g} billion USD for {row.text('Category').lower()}",
            "subject": company,
            "metric": "compute spend",
            "series": f"{company} / compute spend / {row.text('Category').lower()}",
            "period": str(happened.first.year),
        }
        event = _metric(row, "compute_spend", happened, amount, facts)
        yield _signal(row, event, happened, row.day("Report date"), "compute-spend")


def models(folder: Path) -> Iterator[Signal]:
    """Notable models as releases. Of several organisations the first is the developer."""
    file = file_in(folder, "models/notable_ai_models.csv", "notable_ai_models.csv")
    columns = ("Model", "Organization", "Publication date", "Training compute (FLOP)", "Training hardware", "Link")
    for row in read_csv(file, (*columns, "Country (of organization)", "Model accessibility", "Confidence")):
        happened = row.when("Publication date")
        developers = [name.strip() for name in row.text("Organization").split(",") if name.strip()]
        if happened is None or not developers:
            continue
        name = row.text("Model")
        facts: dict[str, Any] = {
            "title": f"{developers[0]}: {name}",
            "occurred_on": happened,
            "publisher": "Epoch AI",
            "provenance": f"Epoch AI, notable_ai_models.csv, row {name}",
            "confidence": row.text("Confidence") or None,
            "kind": "model",
            "developer": developers[0],
            "model": name,
            "orgs": tuple(developers),
            "training_compute_flop": row.number("Training compute (FLOP)"),
            "training_hardware": row.text("Training hardware") or None,
            "country": row.text("Country (of organization)")[:80] or None,
            "open_weights": _is_open(row.text("Model accessibility")),
            "urls": _urls(row.text("Link")),
        }
        event = ModelRelease.model_validate({key: value for key, value in facts.items() if value is not None})
        known = midnight(max(SNAPSHOT, happened.last))
        yield Signal(MODELS, slug(developers[0], name, str(happened)), known, event)


def _companies(folder: Path, what: str) -> Path:
    return file_in(folder, f"companies/ai_companies_{what}.csv", f"ai_companies_{what}.csv")


def _said(row: Row, table: str) -> dict[str, Any]:
    """What an event says about where it comes from."""
    sources = (row.cells.get(f"Source {number}", "") for number in (1, 2, 3))
    return {
        "publisher": "Epoch AI",
        "urls": _urls(*sources),
        "provenance": f"Epoch AI, ai_companies_{table}.csv, row {row.text('Id')}",
        "confidence": row.cells.get("Confidence", "").strip() or None,
    }


def _metric(row: Row, table: str, happened: PartialDate, amount: float, facts: dict[str, Any]) -> Metric:
    money = {"value": repr(amount), "unit": "USD", "amount": usd(amount)}
    return Metric.model_validate({**_said(row, table), "occurred_on": happened, **money, **facts})


def _signal(row: Row, event: Event, happened: PartialDate, reported: date | None, *kind: str) -> Signal:
    """Known is the later of report and happening; without a report the happening, never the future of the snapshot."""
    known = max(reported or happened.last, happened.last)
    id = slug(kind[0], row.text("Company"), row.text("Id"), str(happened), *kind[1:])
    return Signal(COMPANIES, id, midnight(known), event)


def _as_date(day: date | None) -> PartialDate | None:
    return PartialDate.of(day) if day else None


def _is_open(accessibility: str) -> bool | None:
    return accessibility.startswith("Open weights") if accessibility else None


def _urls(*cells: str) -> tuple[str, ...]:
    """Addresses as they are; some cells hold several, or words."""
    words = (word.strip(",;") for cell in cells for word in cell.split())
    return tuple(dict.fromkeys(word for word in words if word.startswith(("https://", "http://"))))
