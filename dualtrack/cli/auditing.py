"""What an auditor asks of predictions: ``history``, ``diff``, ``near``; and what was said at some time."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dualtrack.cli.instants import (
    AsOfOption,
    ClockName,
    ClockOption,
    KnownOption,
    VersionOption,
    heading,
    point_of,
)
from dualtrack.cli.output import JsonOption, console, examples, fail, print_json, settings_of

if TYPE_CHECKING:
    from predictions.past import Point

PredictionArgument = Annotated[
    str, typer.Argument(metavar="ID", help="Identity of a prediction, or its beginning.", show_default=False)
]
ReadingOption = Annotated[str | None, typer.Option("--reading", metavar="R", help="Only this reading.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog=examples(
            "dualtrack predictions history p3b",
            "dualtrack predictions history p1a --reading strict --revisions",
            "dualtrack predictions history p1a --known 2026-06-01 --json",
        )
    )(history)
    app.command(
        epilog=examples(
            "dualtrack predictions diff 2026-05-01 2026-06-01",
            "dualtrack predictions diff 2026-05-01 2026-09-01 p3b --clock reported",
        )
    )(diff)
    app.command(
        epilog=examples("dualtrack predictions near p1a", "dualtrack predictions near p1a --reading strict --json")
    )(near)
    app.command(
        epilog=examples("dualtrack predictions versions p1a", "dualtrack predictions versions p1a --known 2026-06-01")
    )(versions)


def history(
    context: typer.Context,
    id: PredictionArgument,
    reading: ReadingOption = None,
    as_of: AsOfOption = None,
    known: KnownOption = None,
    clock: ClockOption = ClockName.KNOWN,
    version: VersionOption = None,
    with_revisions: Annotated[
        bool, typer.Option("--revisions", help="Also what was said before the past turned out differently.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Every change of a prediction: what moved it, who said so, and which evidence came and went.

    The stored history; with --as-of, --known or --version it is computed anew.
    """
    from dualtrack.cli.ledgers import print_history
    from dualtrack.tools import reading as reading_store
    from predictions.audit import known_predictions, revisions, story

    point = asked_point(as_of, known, clock)
    stored = point is None and version is None
    with reading_store(settings_of(context)) as connection:
        chosen = chosen_prediction(id, known_predictions(connection))
        with unknown_told():
            told = story(connection, chosen, point or now_point(), version=version, stored=stored)
        readings = chosen_readings(told, reading)
        if with_revisions:
            for item in readings:
                item["revisions"] = revisions(connection, chosen, item["reading"])
    if as_json:
        print_json({**told, "readings": readings})
        return
    if not stored:
        print_heading(point, [told])
    print_history(told, readings)


def diff(
    context: typer.Context,
    first: Annotated[str, typer.Argument(metavar="D1", help="A day (its end, UTC) or an instant.")],
    second: Annotated[str, typer.Argument(metavar="D2", help="A later one.")],
    id: Annotated[str | None, typer.Argument(metavar="ID", help="Only this prediction.", show_default=False)] = None,
    clock: ClockOption = ClockName.KNOWN,
    as_json: JsonOption = False,
) -> None:
    """What changed between what was said at two times, and the events that did it."""
    from dualtrack.cli.ledgers import print_differences
    from dualtrack.tools import reading
    from predictions.audit import known_predictions
    from predictions.compare import differences

    before, after = point_of(first, None, clock), point_of(second, None, clock)
    if after.known < before.known:
        raise fail(f"{second} lies before {first}: write the earlier one first", 2)
    with reading(settings_of(context)) as connection:
        chosen = [chosen_prediction(id, known_predictions(connection))] if id else None
        rows = differences(connection, before, after, chosen)
    if as_json:
        print_json(rows)
        return
    print_differences(rows, before, after)
    print_notes(rows)


def near(
    context: typer.Context,
    id: PredictionArgument,
    reading: ReadingOption = None,
    as_of: AsOfOption = None,
    known: KnownOption = None,
    clock: ClockOption = ClockName.KNOWN,
    as_json: JsonOption = False,
) -> None:
    """Events that failed exactly one condition, and which; apart, those that wait for exactly one fact."""
    from dualtrack.cli.ledgers import print_near
    from dualtrack.tools import reading as reading_store
    from predictions.audit import known_predictions
    from predictions.audit import near as near_misses

    point = asked_point(as_of, known, clock)
    with reading_store(settings_of(context)) as connection:
        chosen = chosen_prediction(id, known_predictions(connection))
        with unknown_told():
            rows = near_misses(connection, chosen, point or now_point(), reading)
    if as_json:
        print_json(rows)
        return
    if point:
        print_heading(point, rows)
    print_near(rows)


def versions(
    context: typer.Context,
    id: PredictionArgument,
    as_of: AsOfOption = None,
    known: KnownOption = None,
    clock: ClockOption = ClockName.KNOWN,
    as_json: JsonOption = False,
) -> None:
    """Every declared version side by side: its hash, how it judges, and what it says."""
    from dualtrack.cli.ledgers import print_versions
    from dualtrack.tools import reading
    from predictions.audit import known_predictions
    from predictions.audit import versions as versions_of

    point = asked_point(as_of, known, clock)
    with reading(settings_of(context)) as connection:
        chosen = chosen_prediction(id, known_predictions(connection))
        rows = versions_of(connection, chosen, point or now_point())
    if as_json:
        print_json(rows)
        return
    if point:
        print_heading(point, [])
    print_versions(rows)


def asked_point(as_of: str | None, known: str | None, clock: ClockName) -> "Point | None":
    """The two times that an answer is asked for; None where it is about now, as stored."""
    if as_of is None and known is None and clock is ClockName.KNOWN:
        return None
    return point_of(known, as_of, clock)


def now_point() -> "Point":
    """Now, by both times."""
    return point_of(None, None, ClockName.KNOWN)


def print_heading(point: "Point | None", rows: Sequence[Mapping[str, Any]]) -> None:
    """The two times of an answer, and what is to be known about the definitions that judged."""
    if point:
        console().print(f"{heading(point)}:", style="bold", markup=False)
    print_notes(rows)
    console().print()


def print_notes(rows: Sequence[Mapping[str, Any]]) -> None:
    """Which definitions were declared only later, and which judge otherwise than they did then."""
    out = console()
    judging = list({row["id"]: row for row in rows}.values())
    later = [row for row in judging if row["declared_later"]]
    if later:
        first = min(row["declared_at"] for row in later)
        told = f"note: declared in this store only later, from {first:%Y-%m-%d %H:%M} UTC on: {_names(later)}"
        out.print(f"{told}. They judge as if they had been there", style="yellow", markup=False)
    otherwise = [row for row in judging if row["judged_otherwise"]]
    if otherwise:
        told = "note: a view that they read has changed since they were declared, and the one of today is used"
        out.print(f"{told}: {_names(otherwise)}", style="yellow", markup=False)


def _names(rows: Sequence[Mapping[str, Any]]) -> str:
    return ", ".join(f"{row['id']} version {row['version']}" for row in rows)


@contextmanager
def unknown_told() -> Iterator[None]:
    """A reading or a version that is not there becomes a sentence."""
    try:
        yield
    except KeyError as error:
        raise fail(str(error.args[0])) from None


def chosen_prediction(id: str, known: Sequence[str]) -> str:
    """The prediction that is meant; ends the command where none or several are."""
    wanted = id.lower()
    found = [name for name in known if wanted and name.startswith(wanted)]
    found = [wanted] if wanted in found else found
    if len(found) == 1:
        return found[0]
    if found:
        raise fail(f"{id!r} may be {' or '.join(found)}: say which")
    raise fail(f"no prediction is called {id!r}; there are {', '.join(known)}")


def chosen_readings(story: Mapping[str, Any], reading: str | None) -> list[dict[str, Any]]:
    """The reading that is meant, or all of them."""
    readings: list[dict[str, Any]] = story["readings"]
    found = [item for item in readings if reading in (None, item["reading"])]
    if not found:
        names = ", ".join(item["reading"] for item in readings)
        raise fail(f"{story['id']} has no reading {reading!r}; it has: {names}")
    return found
