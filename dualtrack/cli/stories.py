"""``dualtrack stories``: reports of one happening side by side, and people's word on what belongs together."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from dualtrack.cli.deciding import ToOption, deliver, tell
from dualtrack.cli.output import JsonOption, examples, fail, print_json, settings_of

if TYPE_CHECKING:
    import duckdb

    from schemas.decisions import Decision, DecisionKind

MOST_LISTED = 50

app = typer.Typer(
    no_args_is_help=True,
    help="Stories: who reports the same, and who disagrees.",
    epilog=examples(
        ("dualtrack stories list --conflicts", "who disagrees"),
        ("dualtrack stories show EVENT", "what each report states"),
        'dualtrack stories merge EVENT EVENT --by Ada --why "one deal"',
    ),
)

WhyOption = Annotated[str, typer.Option("--why", metavar="TEXT", help="The reason, for whoever reads it later.")]
ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who decides.")]


@app.command(
    "list",
    epilog=examples(
        "dualtrack stories list --conflicts", "dualtrack stories list --org openai --json | jq '.[].story'"
    ),
)
def list_(
    context: typer.Context,
    conflicts: Annotated[
        bool, typer.Option("--conflicts", help="Only those whose reports state other values.")
    ] = False,
    org: Annotated[str | None, typer.Option(metavar="ORG", help="Only about it: its name or canonical id.")] = None,
    all: Annotated[bool, typer.Option("--all", help="Stories of one report, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the latest first.")] = MOST_LISTED,
    as_json: JsonOption = False,
) -> None:
    """Stories of two reports or more, the latest first, with what their reports disagree about."""
    from dualtrack.cli.story_pages import print_stories
    from dualtrack.tools import reading
    from stories.read import list_stories

    with reading(settings_of(context)) as connection:
        found = list_stories(connection, org=org, conflicts_only=conflicts, reports=1 if all else 2, limit=limit)
    if as_json:
        print_json(found)
    else:
        print_stories(found)


@app.command(
    epilog=examples("dualtrack stories show openai-cerebras-compute-20bn", "dualtrack stories show EVENT --json")
)
def show(
    context: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="A story, or any event in it: source#id, or its id.")],
    as_json: JsonOption = False,
) -> None:
    """All reports of one story side by side, the closest source first: values, ranks, and why they are one story."""
    from dualtrack.cli.story_pages import tell_story
    from dualtrack.tools import reading
    from stories.read import UnknownStory, show_story

    with reading(settings_of(context)) as connection:
        try:
            story = show_story(connection, id)
        except UnknownStory as unknown:
            raise fail(str(unknown)) from None
    if as_json:
        print_json(story)
    else:
        tell_story(story)


@app.command(
    epilog=examples(
        'dualtrack stories merge EVENT EVENT --by Ada --why "one deal, two kinds"',
        'dualtrack stories merge EVENT EVENT --by Ada --why "..." --to a.jsonl',
    )
)
def merge(
    context: typer.Context,
    events: Annotated[list[str], typer.Argument(metavar="EVENT EVENT...", help="Events whose stories are one.")],
    why: WhyOption,
    by: ByOption,
    to: ToOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the stories of these events one, now and whatever comes. `stories undo` takes it back."""
    from dualtrack.story_choice import merge_of
    from schemas.decisions import DecisionKind

    if len(events) < 2:
        raise fail("name two events or more: the stories of all of them become one", 2)
    _decide(context, DecisionKind.MERGE_STORIES, (by, why), lambda c: merge_of(c, events, by, why), to, as_json=as_json)


@app.command(
    epilog=examples(
        'dualtrack stories split EVENT --from STORY --by Ada --why "another"',
        'dualtrack stories split EVENT --from STORY --by Ada --why ".." --to a.jsonl',
    )
)
def split(
    context: typer.Context,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The event that leaves, with all its versions.")],
    story: Annotated[str, typer.Option("--from", metavar="STORY", help="The story, or any other event in it.")],
    why: WhyOption,
    by: ByOption,
    to: ToOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take an event out of a story: it is apart from all reports that are in it. `stories undo` takes it back."""
    from dualtrack.story_choice import split_of
    from schemas.decisions import DecisionKind

    kind = DecisionKind.SPLIT_STORY
    _decide(context, kind, (by, why), lambda c: split_of(c, event, story, by, why), to, as_json=as_json)


@app.command(epilog=examples('dualtrack stories undo DECISION --by Bo --why "an error"', "dualtrack stories decisions"))
def undo(
    context: typer.Context,
    decision: Annotated[
        str, typer.Argument(metavar="DECISION", help="As `stories decisions` has it, or its beginning.")
    ],
    why: WhyOption,
    by: ByOption,
    to: ToOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back a merge or split: the stories are what they would be without it. An undo can be undone, too."""
    from schemas.decisions import DecisionKind, MergeStories
    from schemas.values import Identity
    from sinks.story_decisions import told_decisions

    def taking_back(connection: "duckdb.DuckDBPyConnection") -> "Decision":
        found = [one for one in told_decisions(connection) if decision and one["decision"].startswith(decision)]
        if len(found) != 1:
            told = "no merge or split" if not found else f"{len(found)} of them"
            raise fail(f"{told} begins with {decision!r}; `stories decisions` lists all")
        back = Identity(source=found[0]["source"], id=found[0]["decision"])
        return MergeStories(by=by, why=why, takes_back=back)

    _decide(context, DecisionKind.MERGE_STORIES, (by, why), taking_back, to, as_json=as_json)


@app.command(epilog=examples("dualtrack stories decisions", "dualtrack stories decisions --json"))
def decisions(context: typer.Context, as_json: JsonOption = False) -> None:
    """Every merge and split: who decided what, when and why, and whether it still stands."""
    from dualtrack.cli.story_pages import print_decisions
    from dualtrack.tools import reading
    from sinks.story_decisions import told_decisions

    with reading(settings_of(context)) as connection:
        found = told_decisions(connection)
    if as_json:
        print_json(found)
    else:
        print_decisions(found)


def _decide(
    context: typer.Context,
    kind: "DecisionKind",
    said: tuple[str, str],
    make: "Callable[[duckdb.DuckDBPyConnection], Decision]",
    to: str | None,
    *,
    as_json: bool,
) -> None:
    """Send a decision, or write it to a file, and say so."""
    from dualtrack.story_choice import NotToBeDecided
    from dualtrack.tools import reading
    from publishers.decisions import dated_event
    from stories.read import UnknownStory

    for name, text in zip(("--by", "--why"), said, strict=True):
        if not text.strip():
            raise fail(f"{name} is empty: a decision says who made it, and why", 2)
    settings = settings_of(context)
    with reading(settings) as connection:
        try:
            event = dated_event(kind, make(connection))
        except (UnknownStory, NotToBeDecided) as wrong:
            raise fail(str(wrong)) from None
    went = deliver(settings, [event], to)
    if as_json and to != "-":
        print_json({**event, "delivery": went})
    else:
        tell(settings, f"{said[0].strip()} decides ({kind}): {went}", to)
