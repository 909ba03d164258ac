"""``dualtrack alerts``: who is told of what, what was told, and whether it arrives."""

from typing import Annotated

import typer

from dualtrack.cli.output import JsonOption, console, examples, fail, print_json, settings_of

MOST_SHOWN = 50

app = typer.Typer(
    no_args_is_help=True,
    help="Alerts: rules, log, test.",
    epilog=examples(
        ("dualtrack alerts rules", "who is told of what"),
        ("dualtrack alerts test", "does it arrive?"),
        ("dualtrack alerts log --failed", "what did not arrive, and why"),
    ),
)


@app.command(epilog=examples("dualtrack alerts rules", "dualtrack alerts rules --json | jq '.rules[].words'"))
def rules(context: typer.Context, as_json: JsonOption = False) -> None:
    """Check the file of rules, by line, and say in words what each rule does."""
    from rich.text import Text

    from dualtrack.alerting import check_rules_of
    from dualtrack.cli.tables import print_hanging
    from predictions.alert_words import rule_in_words

    settings = settings_of(context)
    found = check_rules_of(settings)
    words = {rule.id: rule_in_words(rule, settings.receivers()) for rule in found.rules}
    if as_json:
        told = [
            {
                "id": rule.id,
                "words": words[rule.id],
                "receivers": rule.receivers or settings.receivers(),
                "line": found.origin.at(("rules", index)),
            }
            for index, rule in enumerate(found.rules)
        ]
        print_json({"file": found.origin.file, "rules": told})
        return
    out = console()
    longest = max(map(len, words))
    for id, text in words.items():
        print_hanging(out, Text(id.ljust(longest), "bold cyan"), Text(text))
    shipped = "" if settings.alert_rules else " (dualtrack's own; DUALTRACK_ALERT_RULES names another file)"
    out.print(f"\n{found.origin.file}{shipped}", style="dim", markup=False, soft_wrap=True)


@app.command(epilog=examples("dualtrack alerts log --failed", "dualtrack alerts log --prediction p1a --json"))
def log(
    context: typer.Context,
    failed: Annotated[bool, typer.Option("--failed", help="Only what did not arrive at the last attempt.")] = False,
    prediction: Annotated[str | None, typer.Option(metavar="ID", help="Only alerts of this prediction.")] = None,
    as_json: JsonOption = False,
) -> None:
    """What was told to whom and when, with attempts and errors; the newest first."""
    from dualtrack.cli.tables import print_table
    from dualtrack.tools import reading
    from sinks.alert_log import log_of

    with reading(settings_of(context)) as connection:
        rows = log_of(connection, prediction=prediction, failed=failed)
    if as_json:
        print_json(rows)
        return
    more = f", the newest {MOST_SHOWN} of {len(rows):,}" if len(rows) > MOST_SHOWN else ""
    shown = [
        {
            "created": row["created_at"],
            "to": row["receiver"],
            "outcome": row["outcome"],
            "tries": row["attempts"],
            "told": row["title"],
            **({"error": row["last_error"]} if any(one["last_error"] for one in rows[:MOST_SHOWN]) else {}),
        }
        for row in rows[:MOST_SHOWN]
    ]
    print_table(f"Alerts{more}", shown)


@app.command("test", epilog=examples("dualtrack alerts test", "dualtrack alerts test --rule big-deals --receiver chat"))
def send_test(
    context: typer.Context,
    rule: Annotated[str | None, typer.Option(metavar="ID", help="As this rule tells it, to its receivers.")] = None,
    receiver: Annotated[str | None, typer.Option(metavar="NAME", help="Only to this one.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Send an alert that is marked as a test, and say whether each receiver took it; exit code 1 where one did not."""
    from dualtrack.alert_trial import try_receivers

    trials = list(try_receivers(settings_of(context), rule, receiver))
    if as_json:
        print_json([{"receiver": one.receiver, "arrived": one.arrived, "error": one.error} for one in trials])
    for one in trials if not as_json else ():
        told = "arrived" if one.arrived else f"did not arrive: {one.error}"
        console().print(f"{one.receiver}: {told}", markup=False, soft_wrap=True)
    if not trials:
        raise fail("no rule tells anybody: nothing was sent")
    if not all(one.arrived for one in trials):
        raise typer.Exit(1)
