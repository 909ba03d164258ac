"""``dualtrack predictions``: where each prediction stands, and why."""

from typing import Annotated, Any

import typer

from dualtrack.cli.output import JsonOption, console, examples, fail, faults_told, print_json, print_table, settings_of

app = typer.Typer(no_args_is_help=True, help="Predictions: state, progress, evidence.")


@app.command(
    "list", epilog=examples("dualtrack predictions list", "dualtrack predictions list --json | jq '.[] | .state'")
)
def list_(context: typer.Context, as_json: JsonOption = False) -> None:
    """Every prediction and reading with its state, progress and deadline."""
    from dualtrack.tools import reading
    from predictions.read import list_predictions

    with faults_told(), reading(settings_of(context)) as connection:
        rows = list_predictions(connection)
    if as_json:
        print_json(rows)
        return
    print_table("Predictions", [_line(row) for row in rows])


@app.command(epilog=examples("dualtrack predictions show p1a-imitators", "dualtrack predictions show p1b --json"))
def show(
    context: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="Identity of a prediction, or its beginning.")],
    as_json: JsonOption = False,
) -> None:
    """One prediction as a story: the claim, its criterion, and each event that moved it."""
    from dualtrack.tools import reading
    from predictions.read import list_predictions
    from predictions.read import show as show_prediction

    with faults_told(), reading(settings_of(context)) as connection:
        known = sorted({row["id"] for row in list_predictions(connection)})
        chosen = [name for name in known if name == id] or [name for name in known if name.startswith(id)]
        if len(chosen) != 1:
            raise fail(f"{id!r} names {len(chosen)} predictions; known: {', '.join(known)}")
        story = show_prediction(connection, chosen[0])
    if as_json:
        print_json(story)
    else:
        _tell(story)


def _line(row: dict[str, Any]) -> dict[str, str]:
    return {
        "prediction": row["id"],
        "reading": row["reading"],
        "state": row["state"],
        "progress": bar(row["progress"]),
        "deadline": str(row["deadline"] or ""),
        "moved by": title_of_cause(row),
    }


def title_of_cause(row: dict[str, Any]) -> str:
    """Title of the event that moved a prediction last, with its date."""
    cause = row.get("cause")
    if not cause:
        return ""
    known = (*row["evidence"], *row["waiting"])
    told = next(
        (item for item in known if (item.get("source"), item.get("id")) == (cause["source"], cause["id"])), None
    )
    return f"{told['title']} ({told['occurred_on']})" if told else f"{cause['source']}#{cause['id']}"


def waiting_line(item: dict[str, Any]) -> str:
    """An event that is one fact short, or that failed one condition, as a sentence."""
    conditions = "; ".join(condition["words"] for condition in item["conditions"])
    lacking = "does anybody know whether" if item["kind"] == "unknown" else "but it fails:"
    return f"{item['occurred_on']} {item['title']}: {lacking} {conditions}"


def bar(progress: float, width: int = 10) -> str:
    """Progress as ten blocks and a percentage."""
    full = round(min(max(progress, 0.0), 1.0) * width)
    return "█" * full + "░" * (width - full) + f" {progress:4.0%}"


def _tell(story: dict[str, Any]) -> None:
    from rich.markup import escape

    out = console()
    out.print(f"[bold]{escape(story['title'])}[/]  ({story['id']}, version {story['version']})")
    out.print(escape(str(story["claim"]).strip()))
    for reading in story["readings"]:
        out.print()
        out.print(
            f"[bold cyan]{reading['reading']}[/]: [bold]{reading['state']}[/], {bar(reading['progress'])}, "
            f"deadline {reading['deadline']}"
        )
        out.print(f"  counts as met when {escape(str(reading['criterion']))}")
        for step in reading["history"]:
            out.print(f"  {step['known_at']:%Y-%m-%d %H:%M} {step['state']:<8} {escape(str(step['detail']))}")
        for item in reading["evidence"]:
            told = f"{item.get('occurred_on')}: {item.get('title')} {item.get('url') or ''}"
            out.print(f"    evidence {escape(told)}")
        for item in reading["waiting"]:
            label = "waiting" if item["kind"] == "unknown" else "near miss"
            out.print(f"    [yellow]{label}[/] {escape(waiting_line(item))}")
