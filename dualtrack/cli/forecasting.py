"""``dualtrack predictions forecast``, ``import-forecasts`` and ``scores``: who holds what how probable."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dualtrack.cli.deciding import ReadingOption, ToOption, checked, deliver, known_readings, named, tell
from dualtrack.cli.output import JsonOption, console, examples, fail, print_json, settings_of

if TYPE_CHECKING:
    from dualtrack.forecast_csv import BadRow, ReadForecasts

MOST_ROWS_SHOWN = 20


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog=examples(
            "dualtrack predictions forecast p1a 0.35 --by Ada",
            "dualtrack predictions forecast p1a 35% --by Ada --reading strict",
            "dualtrack predictions forecast p1a 0.4 --by Ada --to decisions.jsonl",
        )
    )(forecast)
    app.command(
        "import-forecasts",
        epilog=examples(
            "dualtrack predictions import-forecasts forecasts.csv",
            ("dualtrack predictions import-forecasts a.csv --to a.jsonl", "no Kafka needed"),
        ),
    )(import_forecasts)
    app.command(
        epilog=examples(
            "dualtrack predictions scores",
            "dualtrack predictions scores --by Ada --svg calibration.svg",
            "dualtrack predictions scores --json | jq '.forecasters'",
        )
    )(scores)


def forecast(
    context: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="Identity of a prediction.")],
    probability: Annotated[str, typer.Argument(metavar="PROBABILITY", help="That it is met: 0.35, or 35%.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Whose forecast it is.")],
    reading: ReadingOption = None,
    why: Annotated[str | None, typer.Option("--why", metavar="TEXT", help="The reason, kept with it.")] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="When it was made, if not now; it counts as imported then."),
    ] = None,
    to: ToOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how probable it is that a prediction is met. A later forecast by the same person replaces it from then on.

    Where no reading is named, the first one is meant.
    """
    from dualtrack.forecast_csv import BadCell, probability_of, time_of
    from dualtrack.known_readings import NoSuchReading
    from publishers.decisions import forecast_event
    from schemas.decisions import Forecast

    settings, now = settings_of(context), datetime.now(UTC)
    known = known_readings(settings)
    try:
        meant = known.find(id, reading)
        made_at = time_of(at, now, "--at") if at else now
        value = probability_of(probability)
    except (NoSuchReading, BadCell) as wrong:
        raise fail(str(wrong), 2) from None
    who = named("--by", by)
    about = {"prediction": meant.prediction, "reading": meant.id, "forecaster": who, "probability": value}
    made = checked(Forecast, by=who, why=why, **about, made_at=made_at.isoformat(), imported=at is not None)
    event = forecast_event(made, now)
    went = deliver(settings, [event], to, retry=f"--at {made_at.isoformat()}")
    if as_json and to != "-":
        print_json({**event, "delivery": went})
        return
    others = [name for name in known.readings(id) if name != meant.id]
    first = f", its first reading beside {', '.join(others)}" if others and reading is None else ""
    tell(settings, f"{made.forecaster} holds {meant.prediction} ({meant.id}{first}) at {value:.4g}: {went}", to)
    if at is None and meant.state not in (None, "open"):
        tell(settings, f"{meant.prediction} ({meant.id}) is {meant.state} already: this is not scored", "-")


def import_forecasts(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV, in UTF-8.", exists=True, dir_okay=False)],
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Who imports them; left out: each forecaster.")
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Send the good rows though others are bad.")] = False,
    to: ToOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forecasts that were made elsewhere, from CSV: prediction, forecaster, probability, made_at[, reading, why].

    Each bad row is named by its line, and nothing is sent then. Importing a file again lands nothing.
    """
    from dualtrack.forecast_csv import BadFile, read_forecasts
    from publishers.decisions import forecast_event

    settings, now = settings_of(context), datetime.now(UTC)
    try:
        found = read_forecasts(file, known_readings(settings), now, named("--by", by) if by is not None else None)
    except BadFile as wrong:
        raise fail(str(wrong), 2) from None
    if found.bad and not skip_bad:
        _refuse(file, found, as_json=as_json)
    events = {event["id"]: event for event in (forecast_event(one, now) for one in found.forecasts)}
    went = deliver(settings, list(events.values()), to) if events else "nothing to send"
    repeated = len(found.forecasts) - len(events)
    if as_json and to != "-":
        print_json({"forecasts": len(events), "repeated": repeated, "refused": _refused(found.bad), "delivery": went})
    else:
        _tell_bad(file, found.bad)
        more = f", {repeated} more said the same as an earlier row" if repeated else ""
        count = f"{len(events):,} forecast{'' if len(events) == 1 else 's'}"
        tell(settings, f"{count} {went}{more}", to)
    if found.bad:
        raise typer.Exit(1)


def _refuse(file: Path, found: "ReadForecasts", *, as_json: bool) -> None:
    if as_json:
        print_json({"forecasts": 0, "repeated": 0, "refused": _refused(found.bad), "delivery": "nothing sent"})
        raise typer.Exit(1)
    _tell_bad(file, found.bad)
    raise fail(f"{len(found.bad)} bad rows, so nothing was sent: mend them, or send the others with --skip-bad")


def _refused(bad: "list[BadRow]") -> list[dict[str, Any]]:
    return [{"line": row.line, "reason": row.reason} for row in bad]


def _tell_bad(file: Path, bad: "list[BadRow]") -> None:
    err = console(stderr=True)
    for row in bad[:MOST_ROWS_SHOWN]:
        err.print(f"{file}:{row.line}: {row.reason}", markup=False, soft_wrap=True)
    if len(bad) > MOST_ROWS_SHOWN:
        err.print(f"and {len(bad) - MOST_ROWS_SHOWN:,} more; --json names all")


def scores(
    context: typer.Context,
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="Only this forecaster, reading by reading.")
    ] = None,
    without_imported: Annotated[
        bool, typer.Option("--without-imported", help="Only forecasts whose time this pipeline has seen itself.")
    ] = False,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Write the calibration plot as SVG.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """How good forecasts were, on what is decided: Brier and log score (less is better), and calibration.

    The crowd is the median of everybody's latest forecast.
    """
    from dualtrack.cli.score_tables import print_scores, scores_document
    from dualtrack.tools import reading
    from predictions.forecasts import read_scores
    from predictions.scoring import calibration

    with reading(settings_of(context)) as connection:
        found = read_scores(connection, without_imported=without_imported)
    if by is not None:
        names = sorted({one.forecaster for one in found if one.forecaster is not None})
        if by.strip() not in names:
            raise fail(f"there is no forecast by {by!r}; there are some by {', '.join(names) or 'nobody'}")
        found = [one for one in found if one.forecaster == by.strip()]
    if svg is not None:
        from dualtrack.calibration_svg import calibration_svg

        whose = by.strip() if by else "all forecasters"
        svg.write_text(calibration_svg(calibration(one for one in found if one.forecaster is not None), whose), "utf-8")
    if as_json:
        print_json(scores_document(found))
    else:
        print_scores(found, in_detail=by is not None)
        if svg is not None:
            console().print(f"calibration plot: {svg}", markup=False, soft_wrap=True)
