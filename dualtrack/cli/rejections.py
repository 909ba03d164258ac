"""``dualtrack rejections``: what was refused, why, and once more after a fix."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dualtrack.cli.output import JsonOption, console, examples, fail, faults_told, print_json, print_table, settings_of

if TYPE_CHECKING:
    from dualtrack.replay import Rejection
    from dualtrack.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Rejected inputs: which, why, replay.")


@app.command("list", epilog=examples("dualtrack rejections list", "dualtrack rejections list --rule not_json --json"))
def list_(
    context: typer.Context,
    stage: Annotated[str | None, typer.Option(help="Only this stage: parse, check, ...")] = None,
    rule: Annotated[str | None, typer.Option(help="Only this rule.")] = None,
    all: Annotated[bool, typer.Option("--all", help="Those that a replay has landed, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Rejections that are still open: input, stage, rule and reason."""
    from dualtrack.tools import reading

    view = "rejections" if all else "rejections_open"
    sql = f"""
        SELECT topic || '/' || "partition" || '/' || "offset" AS input, stage, rule, reason, rejected_at
        FROM {view} WHERE stage = coalesce(?, stage) AND rule = coalesce(?, rule) ORDER BY rejected_at, input
    """
    with faults_told(), reading(settings_of(context)) as connection:
        rows = connection.execute(sql, [stage, rule]).fetchall()
    names = ("input", "stage", "rule", "reason", "rejected_at")
    listed = [dict(zip(names, row, strict=True)) for row in rows]
    if as_json:
        print_json(listed)
    else:
        print_table("Rejections", listed, names[:4])


@app.command(epilog=examples("dualtrack rejections show signals.deal/0/17"))
def show(
    context: typer.Context,
    input: Annotated[str, typer.Argument(metavar="INPUT", help="topic/partition/offset, as `list` prints it.")],
    as_json: JsonOption = False,
) -> None:
    """One rejection, with the original bytes and headers."""
    rejection = _find(context, input)
    told = _told(rejection)
    if as_json:
        print_json(told)
        return
    out = console()
    for name in ("input", "stage", "rule", "reason", "received", "attempts"):
        out.print(f"{name:>9}  {told[name]}", markup=False)
    for header in told["headers"]:
        out.print(f"   header  {header['name']}: {header['value']}", markup=False)
    out.print(f"    bytes  {told['value']}", markup=False, soft_wrap=True)


@app.command(
    epilog=examples(
        "dualtrack rejections replay --all --dry-run",
        "dualtrack rejections replay --rule unknown_currency",
        "dualtrack rejections replay signals.deal/0/17",
    )
)
def replay(
    context: typer.Context,
    inputs: Annotated[list[str] | None, typer.Argument(metavar="INPUT...", help="topic/partition/offset")] = None,
    stage: Annotated[str | None, typer.Option(help="All open ones of this stage.")] = None,
    rule: Annotated[str | None, typer.Option(help="All open ones of this rule.")] = None,
    all: Annotated[bool, typer.Option("--all", help="All that are open.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be replayed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Give rejected inputs another try after a fix: the same bytes, as a new input that names the old one."""
    if not (inputs or stage or rule or all):
        raise fail("say which: INPUT..., --stage, --rule or --all", 2)
    chosen = _choose(context, inputs or [], stage, rule)
    if dry_run or not chosen:
        _report(as_json, {"would_replay": [str(item.name) for item in chosen]}, f"{len(chosen)} would be replayed")
        return
    settings = settings_of(context)
    by_kafka = [item for item in chosen if item.from_kafka and settings.bootstrap_servers()]
    here = [item for item in chosen if item not in by_kafka]
    done = _replay(settings, by_kafka, here)
    _report(
        as_json,
        done,
        f"{done['republished']} sent back to their topics; {done['landed']} landed, {done['duplicate']} duplicate, "
        f"{done['rejected']} rejected again",
    )


def _replay(settings: "Settings", by_kafka: "list[Rejection]", here: "list[Rejection]") -> dict[str, int]:
    from dualtrack.tools import publisher, writing
    from schemas.settling import Landed

    republished, landed = 0, Landed()
    if by_kafka:
        from dualtrack.replay import republish

        with faults_told(), publisher(settings) as sending:
            republished = republish(by_kafka, sending)
    if here:
        with faults_told(), writing(settings) as tools:
            landed = tools.replay(here)
    return {
        "republished": republished,
        "landed": landed.landed,
        "duplicate": landed.duplicate,
        "rejected": landed.rejected,
    }


def _choose(context: typer.Context, inputs: list[str], stage: str | None, rule: str | None) -> "list[Rejection]":
    from dualtrack.replay import open_rejections
    from dualtrack.tools import reading

    with faults_told(), reading(settings_of(context)) as connection:
        found = open_rejections(connection)
    wanted = set(inputs)
    missing = wanted - {str(item.name) for item in found}
    if missing:
        raise fail(f"not among the open rejections: {', '.join(sorted(missing))}")
    return [
        item
        for item in found
        if (not wanted or str(item.name) in wanted)
        and (stage is None or item.stage == stage)
        and (rule is None or item.rule == rule)
    ]


def _find(context: typer.Context, text: str) -> "Rejection":
    from dualtrack.replay import find_rejection
    from dualtrack.tools import reading
    from schemas.records import InputName

    try:
        name = InputName.parse(text)
    except ValueError as error:
        raise fail(str(error), 2) from None
    with faults_told(), reading(settings_of(context)) as connection:
        rejection = find_rejection(connection, name)
    if rejection is None:
        raise fail(f"{text} was not rejected; see `dualtrack rejections list --all`")
    return rejection


def _told(rejection: "Rejection") -> dict[str, Any]:
    record = rejection.record
    return {
        "input": str(record.name),
        "stage": rejection.stage,
        "rule": rejection.rule,
        "reason": rejection.reason,
        "received": record.timestamp,
        "attempts": rejection.attempts,
        "key": None if record.key is None else record.key.decode(errors="backslashreplace"),
        "headers": [{"name": n, "value": v.decode(errors="backslashreplace")} for n, v in record.headers],
        "value": None if record.value is None else record.value.decode(errors="backslashreplace"),
    }


def _report(as_json: bool, document: dict[str, Any], sentence: str) -> None:
    if as_json:
        print_json(document)
    else:
        console().print(sentence)
