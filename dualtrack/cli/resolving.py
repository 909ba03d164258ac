"""``dualtrack predictions resolve`` and ``resolutions``: what a person decides, and who decided what, and why."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from dualtrack.cli.deciding import ReadingOption, ToOption, checked, deliver, known_readings, named, tell
from dualtrack.cli.output import JsonOption, again, console, examples, fail, print_json, settings_of
from dualtrack.cli.tables import print_hanging


class Outcome(StrEnum):
    """What a reading may be resolved as; open takes the last decision back."""

    MET = "met"
    MISSED = "missed"
    ANNULLED = "annulled"
    UNRESOLVABLE = "unresolvable"
    OPEN = "open"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(
        epilog=examples(
            'dualtrack predictions resolve p1a --as met --by Ada --why "the filing"',
            ('dualtrack predictions resolve p1a --as open --by Bo --why "an error"', "back"),
        )
    )(resolve)
    app.command(epilog=examples("dualtrack predictions resolutions", "dualtrack predictions resolutions p1a --json"))(
        resolutions
    )


def resolve(
    context: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="Identity of a prediction.")],
    outcome: Annotated[Outcome, typer.Option("--as", help="What it is; open takes the last decision back.")],
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for whoever reads it later.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who decides.")],
    reading: ReadingOption = None,
    to: ToOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide what has become of a prediction. The machine's verdict stays beside it, and both are shown.

    Where no reading is named, all readings are meant.
    """
    from dualtrack.known_readings import NoSuchReading
    from publishers.decisions import resolution_event
    from schemas.decisions import Decision

    said = {"by": named("--by", by), "why": named("--why", why)}
    settings = settings_of(context)
    known = known_readings(settings)
    try:
        prediction = known.prediction(id)
        meant = known.find(id, reading).id if reading is not None else None
    except NoSuchReading as wrong:
        raise fail(str(wrong), 2) from None
    decision = checked(Decision, **said, prediction=prediction, reading=meant, outcome=outcome.value)
    event = resolution_event(decision)
    went = deliver(settings, [event], to)
    if as_json and to != "-":
        print_json({**event, "delivery": went})
        return
    about = meant or "all readings: " + ", ".join(known.readings(id))
    tell(settings, f"{decision.by} resolves {prediction} ({about}) as {outcome}: {went}", to)


def resolutions(
    context: typer.Context,
    id: Annotated[str | None, typer.Argument(metavar="ID", help="Only of this prediction.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Who resolved what, when and why; what the machine's verdict was then and is now; and the input that said so."""
    from dualtrack.known_readings import NoSuchReading
    from dualtrack.resolutions import read_resolutions
    from dualtrack.tools import reading

    settings = settings_of(context)
    try:
        prediction = None if id is None else known_readings(settings).prediction(id)
    except NoSuchReading as wrong:
        raise fail(str(wrong)) from None
    with reading(settings) as connection:
        rows = read_resolutions(connection, prediction)
    if as_json:
        print_json(rows)
    elif rows:
        _tell(rows)
    else:
        about = prediction or "ID"
        command = again(settings, f"predictions resolve {about} --as OUTCOME --by NAME --why TEXT")
        console().print(f"nobody has resolved {prediction or 'anything'}: {command}", markup=False, soft_wrap=True)


def _tell(rows: list[dict[str, Any]]) -> None:
    from rich.text import Text

    from dualtrack.cli.standings import resolution_in_words

    out = console()
    for row in rows:
        label = Text(f"{row['prediction']} {row['reading'] or ''}".strip(), "bold cyan")
        told = resolution_in_words(row).append(f"\nstate now: {row['state_now'] or 'none: there is no such reading'}")
        print_hanging(out, label, told)
    out.print()
