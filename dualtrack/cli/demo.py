"""``dualtrack demo``: the whole path on this machine, shown."""

import typer

from dualtrack.cli.output import examples, fail, faults_told, settings_of


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command(epilog=examples("dualtrack demo", "dualtrack --home /tmp/try demo"))(demo)


def demo(context: typer.Context) -> None:
    """Broker, workers, about 200 real events and some bad ones; then what came of them. Under a minute."""
    import logging

    from dualtrack.demo.report import Display, report
    from dualtrack.demo.run import run_demo

    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    settings = settings_of(context)
    with faults_told():
        try:
            with Display() as display:
                progress = run_demo(settings, display.step)
        except KeyboardInterrupt:
            raise fail("interrupted: the demo begins anew when you start it again", 130) from None
        report(settings, progress)
