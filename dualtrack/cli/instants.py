"""Options that name a day or an instant, and the two times of an answer."""

from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from dualtrack.cli.output import fail

if TYPE_CHECKING:
    from predictions.past import Point

DAY: Final = "2026-06-01"


class ClockName(StrEnum):
    """Whose clock ``--known`` is read from."""

    KNOWN = "known"
    REPORTED = "reported"


AsOfOption = Annotated[
    str | None, typer.Option("--as-of", metavar="DATE", help="Only what had happened in the world by this day.")
]
KnownOption = Annotated[
    str | None,
    typer.Option("--known", metavar="DATE", help="Only what was known by then: a day (its end, UTC) or an instant."),
]
ClockOption = Annotated[
    ClockName,
    typer.Option("--clock", help="When something was known: to this store, or to its publisher (what could be known)."),
]
VersionOption = Annotated[int | None, typer.Option("--version", metavar="N", help="Judge by this declared version.")]


def day_of(text: str, option: str) -> date:
    """A day; ends the command where it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise fail(f"{option} {text}: write a day as {DAY}", 2) from None


def instant_of(text: str, option: str) -> datetime:
    """An instant, UTC where it names no zone; of a day its end. Ends the command where it is neither."""
    try:
        if len(text) == len(DAY):
            return datetime.combine(date.fromisoformat(text), time.max, UTC)
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise fail(f"{option} {text}: write a day as {DAY}, or an instant as {DAY}T12:00Z", 2) from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def point_of(known: str | None, as_of: str | None, clock: ClockName) -> "Point":
    """The two times that are asked for; now where none is given, and never later than now."""
    from dualtrack.tools import utc_now
    from predictions.past import Point

    now = utc_now()
    instant = min(instant_of(known, "--known"), now) if known else now
    day = day_of(as_of, "--as-of") if as_of else None
    return Point(instant, day, "reported_at" if clock is ClockName.REPORTED else "known_at")


def heading(point: "Point") -> str:
    """``As of 2026-06-01, as known at 2026-06-02 23:59:59 UTC by the publishers' clock``"""
    world = f"As of {point.as_of}, as known" if point.as_of else "As known"
    whose = " by the publishers' clock" if point.clock == "reported_at" else ""
    return f"{world} at {point.known.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC{whose}"
