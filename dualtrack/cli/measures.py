"""``dualtrack measures``: questions without a yes or no, as curves."""

from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dualtrack.cli.output import JsonOption, console, examples, fail, print_json, settings_of

if TYPE_CHECKING:
    from predictions.running import RunningMeasure

app = typer.Typer(
    no_args_is_help=True,
    help="Running measures: questions without a yes or no, as curves.",
    epilog=examples(
        ("dualtrack measures list", "every question and its newest value"),
        ("dualtrack measures show us-china-gap", "one of them as a curve"),
    ),
)

DAY = "%Y-%m-%d"

MOST_SERIES = 3
"""Series of which the list tells the newest value."""

AsOf = Annotated[
    datetime | None, typer.Option("--as-of", metavar="DATE", formats=[DAY], help="What had happened by that day.")
]
Known = Annotated[
    datetime | None,
    typer.Option("--known", metavar="DATE", formats=[DAY], help="What was known at the end of that day."),
]


@app.command("list", epilog=examples("dualtrack measures list", "dualtrack measures list --as-of 2025-06-30 --json"))
def list_(context: typer.Context, as_of: AsOf = None, known: Known = None, as_json: JsonOption = False) -> None:
    """Every measure: its question, how many points it has, and the newest of them."""
    from predictions.running import load_measures

    found = _drawn(context, load_measures(), as_of, known)
    if as_json:
        print_json([{name: value for name, value in _plain(item).items() if name != "points"} for item in found])
        return
    out = console()
    for item in found:
        out.print(f"[bold cyan]{item['id']}[/]  {item['question']}")
        out.print(f"  {_newest(item)}", style="" if item["points"] else "dim", markup=False)


@app.command(
    epilog=examples(
        "dualtrack measures show price-per-task",
        "dualtrack measures show us-china-gap --as-of 2025-06-30",
        "dualtrack measures show track-balance --json",
    )
)
def show(
    context: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="Identity of a measure, or its beginning.")],
    as_of: AsOf = None,
    known: Known = None,
    as_json: JsonOption = False,
) -> None:
    """One measure: what it means, each of its series as a curve, and the event of the newest value."""
    from dualtrack.cli.curves import print_curves
    from predictions.running import load_measures

    measures = load_measures()
    chosen = [measure for measure in measures if measure.id == id] or [
        measure for measure in measures if id and measure.id.startswith(id)
    ]
    if len(chosen) != 1:
        names = ", ".join(measure.id for measure in (chosen or measures))
        raise fail(f"{id!r} may be {names}: say which" if chosen else f"no measure is called {id!r}; there are {names}")
    item = _drawn(context, chosen, as_of, known)[0]
    if as_json:
        print_json(_plain(item))
        return
    out = console()
    out.print(f"[bold cyan]{item['id']}[/]  [bold]{item['question']}[/]")
    out.print(item["says"], markup=False)
    out.print(f"Asked by {item['source']}. In {item['unit']}.\n", style="dim", markup=False)
    if item["points"]:
        print_curves(item["points"], item["unit"])
    else:
        out.print("no event says")


def _drawn(
    context: typer.Context,
    measures: "tuple[RunningMeasure, ...] | list[RunningMeasure]",
    as_of: datetime | None,
    known: datetime | None,
) -> list[dict[str, Any]]:
    """Each measure with its points, of the past where one is asked for."""
    from dualtrack.tools import reading, utc_now
    from predictions.past import Point, seen_at
    from predictions.running import points

    then = datetime.combine(known, time.max, UTC) if known else utc_now()
    with reading(settings_of(context)) as connection:
        past = seen_at(connection, Point(then, _day(as_of))) if as_of or known else nullcontext()
        with past:
            drawn = [(measure, points(connection, measure)) for measure in measures]
    return [
        {
            "id": measure.id,
            "question": measure.question,
            "says": measure.says.strip(),
            "source": measure.source,
            "unit": measure.unit,
            "count": len(found),
            "newest": list({point.series: point for point in found}.values()),
            "points": found,
        }
        for measure, found in drawn
    ]


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    """For programs: points as objects."""
    return item | {name: [asdict(point) for point in item[name]] for name in ("newest", "points")}


def _day(given: datetime | None) -> date | None:
    return given.date() if given else None


def _newest(item: dict[str, Any]) -> str:
    """The newest value of each series, of the first few."""
    from dualtrack.cli.curves import figure

    newest = item["newest"]
    if not newest:
        return "no event says"
    said = [f"{point.series}: {figure(point.value)} ({point.day})" for point in newest[:MOST_SERIES]]
    more = [f"{len(newest) - MOST_SERIES} series more"] if len(newest) > MOST_SERIES else []
    return f"{'; '.join([*said, *more])}; in {item['unit']}"
