"""``dualtrack predictions lint`` and ``explain``: what is wrong with a definition, and what it says. Needs no store."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dualtrack.cli.output import JsonOption, console, examples, fail, print_json, settings_of

if TYPE_CHECKING:
    from predictions.definition import Definition
    from predictions.load import Problem


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    app.command(
        epilog=examples(
            "dualtrack predictions lint predictions/definitions/*.yaml",
            ("dualtrack predictions lint --strict mine.yaml", "warnings fail too"),
        )
    )(lint)
    app.command(
        epilog=examples(
            "dualtrack predictions explain p1b",
            ("dualtrack predictions explain mine.yaml --sql", "a file of your own"),
        )
    )(explain)


def lint(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Definitions.", show_default=False)],
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 for warnings too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what is wrong with definitions, by line: all of it at once. Exits 1 where something is."""
    from dualtrack.definitions import lint_definitions

    problems = lint_definitions(files)
    errors = [problem for problem in problems if problem.severity == "error"]
    if as_json:
        print_json([_as_json(problem) for problem in problems])
    else:
        _print_problems(problems, len(files), len(errors))
    if errors or (strict and problems):
        raise typer.Exit(1)


def explain(
    context: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID|FILE", help="A prediction, or the file of one.")],
    sql: Annotated[bool, typer.Option("--sql", help="The queries too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say in sentences how each reading of a prediction is judged; with --sql, as the queries that do it."""
    from predictions.explain import explanation, general_rules

    definition = _definition(context, id)
    readings = [explanation(definition, reading) for reading in definition.readings]
    if as_json:
        head = {"id": definition.id, "title": definition.title, "version": definition.version, "hash": definition.hash}
        print_json({**head, "rules": general_rules(definition), "readings": readings})
        return
    from rich.text import Text

    out = console()
    out.print(Text.assemble((definition.id, "bold cyan"), "  ", (definition.title, "bold")))
    for reading in readings:
        out.print(Text.assemble("\n", (reading["reading"], "bold cyan"), f"  {reading['description']}"))
        for sentence in reading["sentences"]:
            out.print(Text(sentence))
        if sql:
            out.print(Text("\n" + "\n\n".join(query["sql"] for query in reading["queries"]), "dim"), soft_wrap=True)
    out.print(Text.assemble("\n", ("in every reading", "bold cyan")))
    for sentence in general_rules(definition):
        out.print(Text(sentence))


def _definition(context: typer.Context, id: str) -> "Definition":
    """The definition in a file of that name, or of that identity in any set, or of one that begins so."""
    from predictions.load import SETS, BrokenDefinition, load_definition, load_sets

    try:
        if id.endswith((".yaml", ".yml")) or Path(id).is_file():
            return load_definition(Path(id))
        sets = (*SETS, *settings_of(context).definition_sets)
        known = {definition.id: definition for definition in load_sets(sets)}
    except BrokenDefinition as error:
        raise fail(str(error)) from None
    wanted = id.lower()
    found = [name for name in known if wanted and name.startswith(wanted)]
    found = [wanted] if wanted in found else found
    if len(found) == 1:
        return known[found[0]]
    if found:
        raise fail(f"{id!r} may be {' or '.join(found)}: say which")
    raise fail(f"no prediction is called {id!r}; there are {', '.join(known)}; a file is named with its .yaml")


def _as_json(problem: "Problem") -> dict[str, Any]:
    return {
        "file": problem.file,
        "line": problem.line,
        "severity": problem.severity,
        "place": problem.place,
        "message": problem.message,
    }


def _print_problems(problems: "list[Problem]", files: int, errors: int) -> None:
    from rich.text import Text

    out = console()
    for problem in problems:
        style = "bold red" if problem.severity == "error" else "yellow"
        place = f"{problem.place}: " if problem.place else ""
        told = Text.assemble(
            (f"{problem.file}:{problem.line}: ", "bold"), (f"{problem.severity}: ", style), place, problem.message
        )
        out.print(told, soft_wrap=True)
    warnings = len(problems) - errors
    checked = f"{files} {'file' if files == 1 else 'files'}"
    out.print(
        f"{checked}: {errors} {_plural('error', errors)}, {warnings} {_plural('warning', warnings)}", markup=False
    )


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}s"
