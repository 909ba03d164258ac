"""Stories as people read them: a list with what is disputed, and one story with its reports side by side."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from dualtrack.cli.output import console
from dualtrack.cli.tables import print_hanging

if TYPE_CHECKING:
    from rich.text import Text

Row = Mapping[str, Any]

_INDENT: Final = 2
_SCALES: Final = ((Decimal(10) ** 12, "tn"), (Decimal(10) ** 9, "bn"), (Decimal(10) ** 6, "m"))
_QUALIFIERS: Final = {"at_least": "more than ", "up_to": "up to ", "about": "about "}


def print_stories(stories: Sequence[Row]) -> None:
    """Each story with the number of its reports and independent origins, and what they disagree about."""
    from rich.text import Text

    out = console()
    if not stories:
        out.print("no such story: no two reports tell of one happening")
    for story in stories:
        print_hanging(out, Text(_dates(story["first_on"], story["last_on"]), "dim"), Text(story["title"], "bold"))
        print_hanging(out, Text(" " * _INDENT + story["story"], "cyan"), Text(_counts(story)))
        for conflict in story["conflicts"]:
            print_hanging(out, Text(" " * _INDENT), _disputed(conflict), _INDENT)


def tell_story(story: Row) -> None:
    """One story: its reports, the closest source first, what they state, and why they are one story."""
    from rich.text import Text

    out = console()
    print_hanging(out, Text(story["story"], "bold cyan"), Text(story["title"], "bold"))
    out.print(f"{story['event_type']}, {_dates(story['first_on'], story['last_on'])}: {_counts(story)}\n", markup=False)
    for report in story["reports"]:
        heading = Text.assemble((report["publisher"] or report["origin"], "bold"), f"  {report['rank']}")
        if report["publisher"] and report["origin"] != report["publisher"]:
            heading.append(f"  repeats {report['origin']}", "yellow")
        out.print(heading.append(f"  ({report['rank_because']})", "dim"))
        for label, told in _sides(report):
            print_hanging(out, Text(f"{label:<8}", "dim"), told, _INDENT)
        out.print()
    for conflict in story["conflicts"]:
        print_hanging(out, Text("conflict", "bold red"), _disputed(conflict))
    for older in story["superseded"]:
        out.print(f"{older['event']} is an older version of a report", style="dim", markup=False)


def print_decisions(decisions: Sequence[Row]) -> None:
    """Every merge and split, the latest first."""
    from rich.text import Text

    out = console()
    if not decisions:
        out.print("nobody has merged or split a story")
    for one in decisions:
        stands = {True: "stands", False: "taken back", None: ""}[one["stands"]]
        head = Text.assemble((one["decision"][:12], "bold cyan"), f"  {one['kind']}  by {one['by']}")
        out.print(head.append(f"  {one['decided_at']:%Y-%m-%d %H:%M}", "dim").append(f"  {stands}"))
        about = [*one["events"], *(f"apart from {event}" for event in one["apart_from"])]
        about += [f"takes back {one['takes_back'][:12]}"] if one["takes_back"] else []
        for text in (*about, f"because: {one['why']}"):
            print_hanging(out, Text(" " * _INDENT), Text(text), _INDENT)


def _sides(report: Row) -> "Iterator[tuple[str, Text]]":
    from rich.text import Text

    when = _dates(report["occurred_on"], report["occurred_until"])
    yield "event", Text(report["event"], "cyan")
    yield "says", Text(f"{report['title']} ({when}, {report['status']}; reported {report['reported_at']:%Y-%m-%d})")
    for field, stated in report["values"].items():
        yield field, Text(amount(stated), "bold")
    if report["corrects"]:
        yield "corrects", Text(report["corrects"])
    yield "why here", Text(report["why"])
    if report["url"]:
        yield "", Text(report["url"], "dim")


def amount(stated: Row) -> str:
    """``more than 20 bn USD``"""
    value = Decimal(stated["value"])
    scale, unit = next(((scale, f" {unit}") for scale, unit in _SCALES if abs(value) >= scale), (Decimal(1), ""))
    number = f"{value / scale:,.6f}".rstrip("0").rstrip(".")
    currency = f" {stated['currency']}" if stated["currency"] else ""
    return f"{_QUALIFIERS.get(stated['qualifier'], '')}{number}{unit}{currency}"


def _disputed(conflict: Row) -> "Text":
    from rich.text import Text

    claims = sorted(conflict["claims"], key=lambda claim: claim["camp"])
    told = "; ".join(f"{amount(claim)} ({claim['publisher'] or claim['origin']}, {claim['rank']})" for claim in claims)
    factor = conflict["suspected_unit_error"]
    text = Text(f"{conflict['field']}: {told}")
    return text.append(f"\nsuspected unit error: a factor of {factor:,}", "bold red") if factor else text


def _counts(story: Row) -> str:
    reports, origins = len(story["reports"]), story["independent_origins"]
    return f"{reports} {_plural('report', reports)} of {origins} independent {_plural('origin', origins)}"


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"


def _dates(first: Any, last: Any) -> str:
    return str(first) if first == last else f"{first} to {last}"
