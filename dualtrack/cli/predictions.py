"""``dualtrack predictions``: where each prediction stands, and why."""

from contextlib import nullcontext

import typer

from dualtrack.cli import auditing, backtesting, forecasting, linting, resolving
from dualtrack.cli.auditing import (
    PredictionArgument,
    asked_point,
    chosen_prediction,
    now_point,
    print_heading,
    unknown_told,
)
from dualtrack.cli.instants import AsOfOption, ClockName, ClockOption, KnownOption, VersionOption
from dualtrack.cli.output import JsonOption, examples, print_json, settings_of

app = typer.Typer(
    no_args_is_help=True,
    help="Predictions: state, progress, evidence.",
    epilog=examples(
        ("dualtrack predictions list", "where each of them stands"),
        ("dualtrack predictions show p1a", "why one of them stands there"),
    ),
)


@app.command(
    "list",
    epilog=examples(
        "dualtrack predictions list",
        "dualtrack predictions list --known 2026-06-01 --clock reported",
        "dualtrack predictions list --json | jq '.[] | .state'",
    ),
)
def list_(
    context: typer.Context,
    as_of: AsOfOption = None,
    known: KnownOption = None,
    clock: ClockOption = ClockName.KNOWN,
    as_json: JsonOption = False,
) -> None:
    """Every prediction and reading with its state, progress and deadline, and the event that moved it last.

    With --as-of or --known: what was said then, computed anew from the stored events.
    """
    from dualtrack.cli.standings import print_standings, titles_of_causes
    from dualtrack.tools import reading, utc_now
    from predictions.audit import list_at
    from predictions.past import seen_at
    from predictions.read import list_predictions
    from predictions.robustness import add_robustness

    point = asked_point(as_of, known, clock)
    with reading(settings_of(context)) as connection:
        rows = list_at(connection, point) if point else list_predictions(connection)
        with seen_at(connection, point) if point else nullcontext():
            add_robustness(connection, rows, point.now if point else utc_now())
        titles = titles_of_causes(connection, rows)
    if as_json:
        print_json(rows)
        return
    if point:
        print_heading(point, rows)
    print_standings(rows, titles)


@app.command(
    epilog=examples(
        "dualtrack predictions show p1a",
        "dualtrack predictions show p1b --known 2026-06-01 --clock reported",
        "dualtrack predictions show p1b --version 1 --json",
    )
)
def show(
    context: typer.Context,
    id: PredictionArgument,
    as_of: AsOfOption = None,
    known: KnownOption = None,
    clock: ClockOption = ClockName.KNOWN,
    version: VersionOption = None,
    as_json: JsonOption = False,
) -> None:
    """One prediction as a story: the claim, its criterion, and each event that moved it, with its source.

    With --as-of, --known or --version: what was said then, or is said by that version, computed anew.
    """
    from dualtrack.cli.standings import tell_story
    from dualtrack.resolutions import with_resolutions
    from dualtrack.tools import reading, utc_now
    from predictions.audit import known_predictions
    from predictions.audit import story as story_of
    from predictions.robustness import add_robustness

    point = asked_point(as_of, known, clock)
    stored = point is None and version is None
    with reading(settings_of(context)) as connection:
        chosen = chosen_prediction(id, known_predictions(connection))
        with unknown_told():
            story = story_of(connection, chosen, point or now_point(), version=version, stored=stored)
        if stored:
            story = with_resolutions(connection, story)
            add_robustness(connection, story["readings"], utc_now())
    if as_json:
        print_json(story)
        return
    if not stored:
        print_heading(point, [story])
    tell_story(story)


auditing.register(app)
linting.register(app)
backtesting.register(app)
forecasting.register(app)
resolving.register(app)
