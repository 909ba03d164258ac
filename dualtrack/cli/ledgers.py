"""Histories, differences and near misses as people read them."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any

from dualtrack.cli.output import console
from dualtrack.cli.standings import bar, criterion_lines, judged_by, source_of, state_text, told_values
from dualtrack.cli.tables import print_hanging

if TYPE_CHECKING:
    from rich.text import Text

    from predictions.past import Point

Row = Mapping[str, Any]

_INDENT = 2


def print_history(story: Row, readings: Sequence[Row]) -> None:
    """Each change of each reading, with its cause and what it gained and lost; superseded histories below."""
    from rich.text import Text

    out = console()
    print_hanging(out, Text(story["id"], "bold cyan"), Text(story["title"], "bold"))
    for reading in readings:
        out.print()
        _print_steps(f"{reading['reading']}, version {story['version']} ({story['hash'][:12]})", reading["history"])
        for revision in reading.get("revisions", ()):
            told = f"version {revision['version']} ({revision['hash'][:12]}), revision {revision['revision']}"
            until = f"{revision['superseded_at'].astimezone(UTC):%Y-%m-%d %H:%M:%S}"
            out.print()
            _print_steps(f"{reading['reading']}, {told}, said until {until}", revision["history"])
    out.print()


def _print_steps(title: str, steps: Sequence[Row]) -> None:
    from rich.text import Text

    out = console()
    out.print(Text(title, "cyan"))
    if not steps:
        out.print("  nothing was said")
    for step in steps:
        print_hanging(out, Text(_time(step)), _told_step(step), _INDENT)


def _time(step: Row) -> str:
    return f"{step['known_at'].astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _told_step(step: Row) -> "Text":
    from rich.text import Text

    told = Text(f"{step['state']} {step['progress']:.0%}: {step['detail']}")
    if step["cause"]:
        told.append("\n← ").append("\n  ".join(_told_event(step["cause"])), "dim")
    for sign, items in (("+", step["gained"]), ("-", step["lost"])):
        for item in items:
            told.append(f"\n{sign} {_what(item)}", "green" if sign == "+" else "red")
            if sign == "+" and (values := judged_by(item)):
                told.append(f"\n  {values}")
    return told


def _told_event(event: Row) -> Iterator[str]:
    yield f"{event.get('title', event['id'])}" + (f" ({event['occurred_on']})" if event.get("occurred_on") else "")
    yield source_of(event)


def _what(item: Row) -> str:
    about = item.get("group") or item.get("entity")
    return (f"{about}: " if about else "") + f"{item['title']} ({item['occurred_on']})"


def print_differences(rows: Sequence[Row], before: "Point", after: "Point") -> None:
    """Each reading that changed: from what to what, and the steps between."""
    from rich.text import Text

    out = console()
    span = " and ".join(f"{point.known.astimezone(UTC):%Y-%m-%d %H:%M:%S}" for point in (before, after))
    whose = " by the publishers' clock" if after.clock == "reported_at" else ""
    out.print(f"Between {span} UTC{whose}:" if rows else f"Nothing changed between {span} UTC{whose}.", style="bold")
    for row in rows:
        out.print()
        print_hanging(out, Text(f"{row['id']} {row['reading']}", "bold cyan"), Text(row["title"], "bold"))
        told = Text(f"{_stood(row['before'])} → {_stood(row['after'])}")
        print_hanging(out, Text("from"), told, _INDENT)
        if row["past_differs"]:
            more = "what was said then would no longer be said of that time: a correction or another version changed it"
            print_hanging(out, Text("note"), Text(more, "yellow"), _INDENT)
        for step in row["moved_by"]:
            print_hanging(out, Text(_time(step)), _told_step(step), _INDENT)
    out.print()


def _stood(summary: Row | None) -> str:
    return f"{summary['state']} {summary['progress']:.0%}" if summary else "not made yet"


def print_versions(versions: Sequence[Row]) -> None:
    """Each version with what its readings say, and how their criteria differ from those of the version before."""
    from rich.text import Text

    out = console()
    before: dict[str, Row] = {}
    for version in versions:
        declared = f"declared {version['first_declared_at'].astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        out.print(
            Text(f"{version['id']} version {version['version']} ({version['hash'][:12]}), {declared}", "bold cyan")
        )
        if version["unreadable"]:
            out.print(Text(f"  {version['unreadable']}", "yellow"))
        for reading in version["readings"]:
            head = Text.assemble(reading["reading"], "  ", state_text(reading), "  ", bar(reading["progress"]))
            print_hanging(out, head.append(f"  by {reading['deadline']}"), Text(reading["detail"]), _INDENT)
            lines = criterion_lines(reading, before.get(reading["reading"]))
            print_hanging(out, Text("met when", "dim"), Text("\n".join(lines)), _INDENT * 2)
            before[reading["reading"]] = {**reading, "reading": f"version {version['version']}"}
        out.print()


def print_near(rows: Sequence[Row]) -> None:
    """Of each reading the events that failed one condition, then those that wait for one fact."""
    from rich.text import Text

    out = console()
    for row in rows:
        print_hanging(out, Text(f"{row['id']} {row['reading']}", "bold cyan"), Text(row["title"], "bold"))
        parts = (("near_misses", "failed one condition", "x"), ("waiting_for_one_fact", "waits for one fact", "?"))
        for name, words, sign in parts:
            count = len(row[name])
            out.print(f"  {words}: {count or 'none'}", style="cyan")
            for item in row[name]:
                print_hanging(out, Text(str(item["occurred_on"])), _told_near(item, sign), _INDENT * 2)
        out.print()


def _told_near(item: Row, sign: str) -> "Text":
    from rich.text import Text

    condition = item["condition"]
    question = "is not known" if item["kind"] == "unknown" else "does not hold"
    told = Text(_what(item).rsplit(" (", 1)[0])
    told.append(f"\n{sign} {question}: {condition['words']}", "yellow")
    if condition["values"]:
        told.append(f"\n  {told_values(condition['values'])}")
    if item["counts_already"]:
        told.append(f"\n  {item.get('group')} counts already by another event", "dim")
    return told.append(f"\n  {source_of(item)}", "dim")
