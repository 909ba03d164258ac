"""Scores of forecasters as people and as programs read them, with calibration as bars."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from dualtrack.cli.output import console, takes_unicode
from dualtrack.cli.tables import print_table
from predictions.scoring import Bin, Score, Summary, calibration, summaries

CROWD: Final = "(crowd)"

_WIDEST_BAR: Final = 50
_NARROWEST_BAR: Final = 10
_BESIDE_THE_BAR: Final = 42


def scores_document(found: Sequence[Score]) -> dict[str, Any]:
    """For programs."""
    made = summaries(found)
    people = [score for score in found if score.forecaster is not None]
    return {
        "crowd": next((asdict(one) for one in made if one.forecaster is None), None),
        "forecasters": [asdict(one) for one in made if one.forecaster is not None],
        "calibration": [asdict(one) for one in calibration(people)],
        "crowd_calibration": [asdict(one) for one in calibration(one for one in found if one.forecaster is None)],
        "scores": [asdict(one) for one in found],
    }


def print_scores(found: Sequence[Score], *, in_detail: bool) -> None:
    """A line for each forecaster, or for each reading of one of them; then how well calibrated they are."""
    if not found:
        console().print("nobody has made a forecast yet: dualtrack predictions forecast ID PROBABILITY --by NAME")
        return
    print_table("Scores: means over what is decided, less is better", [_line(one) for one in summaries(found)])
    if in_detail:
        print_table("Reading by reading", [_reading(one) for one in found])
    people = [score for score in found if score.forecaster is not None]
    if any(score.probability is not None for score in people):
        _print_calibration(calibration(people))
    else:
        console().print("none of it is decided yet, so there is nothing to score")


def _line(one: Summary) -> Mapping[str, Any]:
    return {
        "forecaster": CROWD if one.forecaster is None else one.forecaster,
        "scored": one.scored,
        "Brier": one.brier,
        "log": one.log_score,
        "Brier over time": one.time_weighted_brier,
        "imported": one.imported,
        "left out": ", ".join(f"{count} {status}" for status, count in one.left_out.items()) or None,
    }


def _reading(one: Score) -> Mapping[str, Any]:
    outcomes = {1: "met", 0: "missed"}
    return {
        "prediction": one.prediction,
        "reading": one.reading,
        "status": one.status,
        "forecasts": one.forecasts,
        "counts": one.probability,
        "made at": one.made_at,
        "outcome": None if one.outcome is None else outcomes[one.outcome],
        "Brier": one.brier,
        "log": one.log_score,
    }


def _print_calibration(bins: Sequence[Bin]) -> None:
    """A bar for the share that was met, and a mark where the forecasts said that it would end."""
    from rich.text import Text

    out = console()
    full, mark = "█┃" if takes_unicode() else "#|"
    width = min(max(out.width - _BESIDE_THE_BAR, _NARROWEST_BAR), _WIDEST_BAR)
    out.print(f"Calibration: how much was met ({full}), and what was forecast ({mark})", style="bold", markup=False)
    out.print(Text(f"{'forecast':>10}  {'count':>6}  {'mean':>6}  {'met':>6}", "cyan"))
    for one in bins:
        head = f"{one.low:>4.0%}-{one.high:<4.0%}  {one.count:>6}"
        line = Text(head if one.count else head.rstrip())
        if one.mean_forecast is not None and one.observed is not None:
            line.append(f"  {one.mean_forecast:>6.1%}  {one.observed:>6.1%}  ")
            line.append_text(_bar(one.mean_forecast, one.observed, width, full, mark))
        out.print(line, soft_wrap=True)
    out.print()


def _bar(forecast: float, observed: float, width: int, full: str, mark: str) -> Any:
    from rich.text import Text

    filled, at = round(observed * width), min(int(forecast * width), width - 1)
    cells = [full if cell < filled else " " for cell in range(width)]
    text = Text("".join(cells[:at]), "green")
    text.append(mark, "bold magenta")
    return text.append("".join(cells[at + 1 :]).rstrip(), "green")
