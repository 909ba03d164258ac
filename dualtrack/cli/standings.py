"""Where predictions stand, and why, as people read it: a list, and one of them as a story."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from dualtrack.cli.output import console, takes_unicode
from dualtrack.cli.tables import print_hanging

if TYPE_CHECKING:
    import duckdb
    from rich.text import Text

Row = Mapping[str, Any]
Titles = Mapping[tuple[str, str], str]
"""Title and date of an event by its (source, id)."""

_INDENT: Final = 2
_WIDE: Final = 110
"""Cells from which on what holds stands beside the state, not below it."""

_STYLES: Final = {"met": "bold green", "missed": "bold red", "open": "cyan"}


def titles_of_causes(connection: "duckdb.DuckDBPyConnection", rows: Iterable[Row]) -> Titles:
    """Titles of the events that moved these readings."""
    wanted = {(row["cause"]["source"], row["cause"]["id"]) for row in rows if row.get("cause")}
    found = connection.execute(
        "SELECT source, id, title, occurred_on FROM events WHERE list_contains(?, source || '#' || id)",
        [[f"{source}#{id}" for source, id in wanted]],
    ).fetchall()
    return {(source, id): f"{title} ({day})" for source, id, title, day in found}


def title_of_cause(row: Row, titles: Titles) -> str:
    """Which event moved it; empty where none did."""
    cause = row.get("cause")
    if not cause:
        return ""
    if "title" in cause:
        return f"{cause['title']} ({cause['occurred_on']})" if "occurred_on" in cause else str(cause["title"])
    return titles.get((cause["source"], cause["id"]), f"{cause['source']}#{cause['id']}")


def bar(progress: float, width: int = 10) -> str:
    """Progress as ten blocks and a percentage."""
    done, rest = "█░" if takes_unicode() else "#."
    full = round(min(max(progress, 0.0), 1.0) * width)
    return done * full + rest * (width - full) + f" {progress:4.0%}"


def depends_on_source(row: Row) -> str:
    """On which source a state hangs, and what it would be without it; empty where it holds whoever is wrong."""
    robustness = row.get("robustness")
    return str(robustness["words"]) if robustness and not robustness["robust"] else ""


def print_standings(rows: Sequence[Row], titles: Titles) -> None:
    """Every reading under the title of its prediction, with what holds and the event that moved it last."""
    from rich.text import Text

    out = console()
    longest = max((len(row["reading"]) for row in rows), default=0)
    for id, readings in groupby(rows, key=lambda row: str(row["id"])):
        lines = list(readings)
        print_hanging(out, Text(id, "bold cyan"), Text(str(lines[0]["title"]), "bold"))
        for row in lines:
            head = Text.assemble(
                str(row["reading"]).ljust(longest), "  ", state_text(row, 5), "  ", bar(row["progress"])
            )
            head.append(f"  {row['deadline'] or ''!s:<10}")
            if out.width >= _WIDE:
                print_hanging(out, head, _why(row, titles), _INDENT)
            else:
                out.print(Text(" " * _INDENT).append(head))
                print_hanging(out, Text(" " * _INDENT), _why(row, titles), _INDENT)
        out.print()


def tell_story(story: Row, titles: Titles = MappingProxyType({})) -> None:
    """One prediction: the claim, and for each reading its criterion, history, evidence and what it waits for."""
    from rich.text import Text

    out = console()
    print_hanging(out, Text(story["id"], "bold cyan"), Text(story["title"], "bold"))
    out.print(Text(str(story["claim"]).strip()))
    version = f"Version {story['version']} ({story['hash'][:12]})"
    out.print(Text(f"Said by {story['source']}; made on {story['made_on']}. {version}.\n", style="dim"))
    first = story["readings"][0]
    for reading in story["readings"]:
        heading = Text.assemble(
            (reading["reading"], "bold cyan"), "  ", state_text(reading), "  ", bar(reading["progress"])
        )
        out.print(heading.append(f"  by {reading['deadline']}" if reading["deadline"] else ""))
        before = ""
        for label, told in _chapters(reading, None if reading is first else first, titles):
            print_hanging(out, Text(f"{'' if label == before else label:<9}", "dim"), told, _INDENT)
            before = label
        out.print()


def _chapters(reading: Row, first: Row | None, titles: Titles) -> "Iterator[tuple[str, Text]]":
    from rich.text import Text

    if reading["description"]:
        yield "meaning", Text(str(reading["description"]))
    for made in reading.get("resolutions", ()):
        yield "decided", resolution_in_words(made)
    yield "met when", Text("\n".join(criterion_lines(reading, first)))
    for step in reading["history"]:
        moved = title_of_cause(step, titles)
        told = Text(f"{step['known_at']:%Y-%m-%d %H:%M} {step['state']}: {step['detail']}")
        yield "history", told.append(f"\n← {moved}\n  {source_of(step['cause'])}" if moved else "", "dim")
    robustness = reading.get("robustness")
    if robustness and robustness["words"]:
        yield "sources", Text(robustness["words"], "" if robustness["robust"] else "yellow")
    for item in reading["evidence"]:
        yield "evidence", told_evidence(item)
    for item in reading["waiting"]:
        yield ("waits for" if item["kind"] == "unknown" else "near miss"), _waiting(item)


def resolution_in_words(made: Row) -> "Text":
    """What a person decided, beside what the machine says."""
    from rich.text import Text

    told = Text.assemble((str(made["outcome"]), "bold"), f" by {made['by']}, {made['decided_at']:%Y-%m-%d %H:%M} UTC")
    told.append("" if made["is_latest"] else " (a later decision holds)", "dim")
    told.append(f"\nwhy: {made['why'] or 'no reason given'}")
    then, now = (made[name] or "none" for name in ("verdict_then", "verdict_now"))
    told.append(f"\nmachine's verdict: {then} then, {now} now")
    return told.append(f"\n{made['topic']}/{made['partition']}/{made['offset']} ({made['decision']})", "dim")


def told_evidence(item: Row) -> "Text":
    """An event that counts: what it is, the values it was judged by, who said so, and where to read it."""
    from rich.text import Text

    told = Text(f"{item['occurred_on']} {item['title']}")
    if values := judged_by(item):
        told.append(f"\n{values}")
    for other in item.get("also", ()):
        told.append(
            f"\nwith {other.get('occurred_on', '')} {other.get('title', other['id'])}; {source_of(other)}", "dim"
        )
    told.append(f"\n{source_of(item)}", "dim")
    return told.append(f"\n{item['url']}" if item.get("url") else "", "dim")


def judged_by(item: Row) -> str:
    """The values that a piece of evidence was judged by; its day stands beside it already."""
    days = ("occurred_on", "occurred_until")
    return told_values({name: value for name, value in item.get("values", {}).items() if name not in days})


def told_values(values: Row) -> str:
    """``status = announced, price_usd = 1.3e9``; of long ones the beginning."""
    from dualtrack.cli.tables import cell_text, shortened

    told = {name: "nobody says" if value is None else shortened(cell_text(value), 60) for name, value in values.items()}
    return ", ".join(f"{name} = {value}" for name, value in told.items())


def source_of(item: Row) -> str:
    """Who said it, when, and the input: ``Bloomberg (announced), reported 2026-08-17; input file:.../0/28``."""
    who = str(item.get("publisher") or item["source"])
    who += f" after {item['origin']}" if item.get("origin") and item["origin"] != who else ""
    who += f" ({item['status']})" if item.get("status") else ""
    when = f", reported {item['reported_at']:%Y-%m-%d}" if item.get("reported_at") else ""
    where = f"; input {item['topic']}/{item['partition']}/{item['offset']}" if "topic" in item else ""
    return who + when + where


def criterion_lines(reading: Row, first: Row | None) -> list[str]:
    """The criterion in words, a line for each condition; after the first reading only what is different."""
    lines = _lines(str(reading["criterion"]))
    if first is not None:
        known = _lines(str(first["criterion"]))
        more = [text.replace("·", "+", 1) for text in lines if text not in known]
        less = [text.replace("·", "-", 1) for text in known if text not in lines]
        if all(text.startswith(("+", "-")) for text in more + less) and len(more + less) < len(lines):
            return [f"as in {first['reading']}" + (", but" if more or less else ""), *more, *less]
    return lines


def _lines(criterion: str) -> list[str]:
    """``at least 2 labs among stories where a; b`` as a heading and a line for each condition."""
    lines = []
    head, has_conditions, rest = criterion.partition(" where ")
    lines.append(head + has_conditions.rstrip())
    for text in rest.split("; ") if rest else []:
        # The next of several criteria, which has conditions of its own.
        joint, is_next, condition = text.partition(" where ")
        if is_next:
            lines.append(joint + is_next.rstrip())
        lines.append(f"· {condition or text}")
    return lines


def _waiting(item: Row) -> "Text":
    """An event that is one fact short, or that failed a condition."""
    from rich.text import Text

    sign, question = ("?", "is not known") if item["kind"] == "unknown" else ("x", "does not hold")
    told = Text(f"{item['occurred_on']} {item['title']}")
    for condition in item["conditions"]:
        told.append(f"\n{sign} {question}: {condition['words']}", "yellow")
    return told


def _why(row: Row, titles: Titles) -> "Text":
    from rich.text import Text

    moved = title_of_cause(row, titles)
    told = Text.assemble(str(row["detail"]), (f"\n← {moved}" if moved else "", "dim"))
    fragile = depends_on_source(row)
    return told.append(f"\n{fragile}", "yellow") if fragile else told


def state_text(row: Row, width: int = 0) -> "Text":
    """The state in its colour."""
    from rich.text import Text

    return Text(f"{row['state']:<{width}}", style=_STYLES.get(row["state"], "yellow"))
