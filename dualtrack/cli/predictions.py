"""``dualtrack predictions``: where each prediction stands, and why."""

from typing import Annotated

import typer

from dualtrack.cli import forecasting, resolving
from dualtrack.cli.output import JsonOption, examples, fail, print_json, settings_of

app = typer.Typer(
    no_args_is_help=True,
    help="Predictions: state, progress, evidence.",
    epilog=examples(
        ("dualtrack predictions list", "where each of them stands"),
        ("dualtrack predictions show p1a", "why one of them stands there"),
    ),
)


@app.command(
    "list", epilog=examples("dualtrack predictions list", "dualtrack predictions list --json | jq '.[] | .state'")
)
def list_(context: typer.Context, as_json: JsonOption = False) -> None:
    """Every prediction and reading with its state, progress and deadline, and the event that moved it last."""
    from dualtrack.cli.standings import print_standings, titles_of_causes
    from dualtrack.tools import reading, utc_now
    from predictions.read import list_predictions
    from predictions.robustness import add_robustness

    with reading(settings_of(context)) as connection:
        rows = list_predictions(connection)
        add_robustness(connection, rows, utc_now())
        titles = titles_of_causes(connection, rows)
    if as_json:
        print_json(rows)
    else:
        print_standings(rows, titles)


@app.command(epilog=examples("dualtrack predictions show p1a", "dualtrack predictions show p1b --json"))
def show(
    context: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="Identity of a prediction, or its beginning.")],
    as_json: JsonOption = False,
) -> None:
    """One prediction as a story: the claim, its criterion, and each event that moved it."""
    from dualtrack.cli.standings import tell_story, titles_of_causes
    from dualtrack.resolutions import with_resolutions
    from dualtrack.tools import reading, utc_now
    from predictions.read import list_predictions
    from predictions.read import show as show_prediction
    from predictions.robustness import add_robustness

    with reading(settings_of(context)) as connection:
        known = list(dict.fromkeys(row["id"] for row in list_predictions(connection)))
        story = with_resolutions(connection, show_prediction(connection, _chosen(id, known)))
        add_robustness(connection, story["readings"], utc_now())
        titles = titles_of_causes(connection, [step for item in story["readings"] for step in item["history"]])
    if as_json:
        print_json(story)
    else:
        tell_story(story, titles)


def _chosen(id: str, known: list[str]) -> str:
    """The prediction that is meant; ends the command where none or several are."""
    wanted = id.lower()
    found = [name for name in known if wanted and name.startswith(wanted)]
    found = [wanted] if wanted in found else found
    if len(found) == 1:
        return found[0]
    if found:
        raise fail(f"{id!r} may be {' or '.join(found)}: say which")
    raise fail(f"no prediction is called {id!r}; there are {', '.join(known)}")


forecasting.register(app)
resolving.register(app)
