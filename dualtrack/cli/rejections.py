"""``dualtrack rejections``: what was refused, why, and once more after a fix."""

import base64
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dualtrack.cli.output import JsonOption, again, console, examples, fail, print_json, settings_of
from dualtrack.cli.tables import print_table, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dualtrack.replay import ListedRejection, Rejection
    from dualtrack.replay_run import Plan, ReplayDone
    from dualtrack.settings import Settings

MOST_SHOWN = 100
LONGEST_REASON = 150
NARROW = 110
LONGEST_VALUE = 4_000

app = typer.Typer(
    no_args_is_help=True,
    help="Rejected inputs: which, why, replay.",
    epilog=examples(
        ("dualtrack rejections list", "which, and why"),
        ("dualtrack rejections show signals.deal/0/17", "the original"),
        ("dualtrack rejections replay --all --dry-run", "what would be"),
        ("dualtrack rejections replay --rule not_json", "after the fix"),
    ),
)

StageOption = Annotated[str | None, typer.Option(help="Only this stage: parse, check, ...")]
RuleOption = Annotated[str | None, typer.Option(help="Only this rule, as `list` prints it.")]
WhereOption = Annotated[
    str | None,
    typer.Option(
        metavar="SQL",
        help="A condition over topic, partition, offset, stage, rule, reason, known_at, rejected_at, attempts, "
        "value, key, headers.",
    ),
]


@app.command(
    "list",
    epilog=examples(
        "dualtrack rejections list --rule not_json --json",
        "dualtrack rejections list --where \"reason LIKE '%ZZZ%'\"",
    ),
)
def list_(
    context: typer.Context,
    stage: StageOption = None,
    rule: RuleOption = None,
    where: WhereOption = None,
    all: Annotated[bool, typer.Option("--all", help="Those that a replay has landed, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Rejections that are still open: input, stage, rule and reason; each once, however often it was replayed."""
    settings = settings_of(context)
    found = _choose(settings, stage, rule, where, landed_too=all)
    if as_json:
        print_json([asdict(item) for item in found])
        return
    more = f", the first {MOST_SHOWN} of {len(found):,}" if len(found) > MOST_SHOWN else ""
    print_rejections(f"Rejections{more}", found[:MOST_SHOWN], replays=all)
    if found:
        told = f"the original bytes: {again(settings, f'rejections show {found[0].input}')}"
        console(stderr=True).print(told, markup=False, soft_wrap=True)


def print_rejections(title: str, items: "Sequence[ListedRejection]", *, replays: bool = False) -> None:
    """A table; where there is little room, the rule stands above the reason."""
    narrow = console().width < NARROW
    rows: list[dict[str, Any]] = []
    for item in items:
        reason = shortened(item.reason, LONGEST_REASON)
        row: dict[str, Any] = {"input": item.input}
        if narrow:
            row["stage, rule and reason"] = f"{item.stage}: {item.rule}\n{reason}"
        else:
            row |= {"stage": item.stage, "rule": item.rule, "reason": reason}
        if replays:
            row |= {"attempts": item.attempts, "landed": item.landed}
        rows.append(row)
    print_table(title, rows)


@app.command(epilog=examples("dualtrack rejections show signals.deal/0/17"))
def show(
    context: typer.Context,
    input: Annotated[str, typer.Argument(metavar="INPUT", help="topic/partition/offset, as `list` prints it.")],
    as_json: JsonOption = False,
) -> None:
    """One rejection, with the original bytes and headers."""
    told = _told(_find(context, input))
    if as_json:
        print_json(told)
        return
    value = "(null)" if told["value"] is None else told["value"]
    if len(value) > LONGEST_VALUE:
        value = f"{value[:LONGEST_VALUE]}\n… and {len(value) - LONGEST_VALUE:,} characters more; --json prints all"
    out = console()
    shown = {name: told[name] for name in ("input", "from", "stage", "rule", "reason", "received", "attempts")}
    headers = {f"header {item['name']}": item["value"] for item in told["headers"]}
    print_table("Rejected", [{**shown, "key": told["key"], **headers}], as_records=True)
    out.print("The original bytes:", style="bold")
    out.print(value, markup=False, soft_wrap=True)


@app.command(
    epilog=examples(
        "dualtrack rejections replay --all --dry-run",
        "dualtrack rejections replay --rule common.currency-unknown",
        "dualtrack rejections replay --where \"reason LIKE '%ZZZ%'\" --dry-run",
        "dualtrack rejections replay signals.deal/0/17",
    )
)
def replay(
    context: typer.Context,
    inputs: Annotated[list[str] | None, typer.Argument(metavar="INPUT...", help="topic/partition/offset")] = None,
    stage: Annotated[str | None, typer.Option(help="All open ones of this stage.")] = None,
    rule: Annotated[str | None, typer.Option(help="All open ones of this rule.")] = None,
    where: WhereOption = None,
    all: Annotated[bool, typer.Option("--all", help="All that are open.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be replayed.")] = False,
    resend: Annotated[bool, typer.Option("--resend", help="Also those sent that have no outcome yet.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Give rejected inputs another try after a fix: the same bytes, as a new input that names the old one.

    What came through Kafka goes back to its topic, where the workers read it; what was loaded is run here. Each lands
    at most once, however often it is sent.
    """
    if not (inputs or stage or rule or where or all):
        raise fail("say which: INPUT..., --stage, --rule, --where or --all (with --dry-run to see them first)", 2)
    from dualtrack.replay_run import Replayer
    from dualtrack.sent_replays import ReplayRunning, SentReplays
    from publishers.sdk import PublishError

    settings = settings_of(context)
    chosen = _named(settings, _choose(settings, stage, rule, where), inputs or [])
    try:
        with SentReplays(settings.home / "replays.jsonl") as sent:
            if all:
                sent.forget_settled(chosen)
            replayer = Replayer(settings, sent, resend=resend)
            plan = replayer.plan(chosen)
            if dry_run:
                print_json(plan.told()) if as_json else _tell_plan(plan)
                return
            done = replayer.run(plan)
    except (ReplayRunning, PublishError) as error:
        raise fail(str(error)) from None
    if as_json:
        print_json(done.told())
    else:
        _tell(done, settings)


def _tell_plan(plan: "Plan") -> None:
    print_table(f"{len(plan.inputs):,} would be replayed", plan.counts())
    _tell_waiting(len(plan.waiting))


def _tell(done: "ReplayDone", settings: "Settings") -> None:
    out = console()
    here = done.landed
    tried = here.landed + here.duplicate + here.rejected
    if not (tried or done.republished or done.refused or done.waiting):
        out.print("nothing to replay: no such rejection is open")
    if tried:
        out.print(f"{here.landed} landed, {here.duplicate} duplicate, {here.rejected} rejected again")
    if done.republished:
        then = again(settings, "rejections list")
        out.print(f"{done.republished} sent back to their topics, where the workers read them; then: {then}")
    if done.sent_before:
        told = f"{done.sent_before} of them may have been sent before: what arrives a second time is a duplicate"
        out.print(told, soft_wrap=True)
    _tell_waiting(len(done.waiting))
    for name, reason in done.refused.items():
        out.print(f"{name} was not sent: {reason}", markup=False, soft_wrap=True)


def _tell_waiting(count: int) -> None:
    if count:
        told = f"{count} left out: sent before, and what became of that is not known yet (--resend sends them again)"
        console().print(told, soft_wrap=True)


def _choose(
    settings: "Settings", stage: str | None, rule: str | None, where: str | None, *, landed_too: bool = False
) -> "list[ListedRejection]":
    from dualtrack.condition import BadCondition
    from dualtrack.replay import Selection, list_rejections
    from dualtrack.tools import reading

    with reading(settings) as connection:
        try:
            return list_rejections(connection, Selection(stage, rule, where, landed_too))
        except BadCondition as error:
            raise fail(str(error), 2) from None


def _named(settings: "Settings", found: "list[ListedRejection]", inputs: list[str]) -> "list[ListedRejection]":
    """Those of these names, or all where none is given."""
    missing = set(inputs) - {item.input for item in found}
    if missing:
        told = f"not among the open rejections: {', '.join(sorted(missing))}"
        raise fail(f"{told}; see `{again(settings, 'rejections list --all')}`")
    return [item for item in found if not inputs or item.input in set(inputs)]


def _find(context: typer.Context, text: str) -> "Rejection":
    from dualtrack.replay import find_rejection
    from dualtrack.tools import reading
    from schemas.records import InputName

    settings = settings_of(context)
    try:
        name = InputName.parse(text)
    except ValueError as error:
        raise fail(f"{error}, as `{again(settings, 'rejections list')}` prints it", 2) from None
    with reading(settings) as connection:
        rejection = find_rejection(connection, name)
    if rejection is None:
        raise fail(f"{text} was not rejected; see `{again(settings, 'rejections list --all')}`")
    return rejection


def _told(rejection: "Rejection") -> dict[str, Any]:
    record = rejection.record
    told = {
        "input": str(record.name),
        "from": _origin(rejection),
        "stage": rejection.stage,
        "rule": rejection.rule,
        "reason": rejection.reason,
        "received": record.timestamp,
        "attempts": rejection.attempts,
        "replay_of": rejection.replay_of,
        "key": record.key,
        "headers": [{"name": name, "value": value.decode(errors="backslashreplace")} for name, value in record.headers],
        "value": None if record.value is None else record.value.decode(errors="backslashreplace"),
    }
    try:
        (record.value or b"").decode()
    except UnicodeDecodeError:
        told["value_base64"] = base64.b64encode(record.value or b"").decode()
    return told


def _origin(rejection: "Rejection") -> str:
    """Where a person finds the input."""
    record = rejection.record
    _, is_file, digest = record.topic.rpartition("file:")
    if is_file:
        return f"line {record.offset + 1} of the file whose SHA-256 begins with {digest}"
    return f"topic {record.topic}, partition {record.partition}, offset {record.offset}"
