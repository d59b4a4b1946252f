"""Looking at what is remembered."""

import os
from pathlib import Path

import click

from memorylab.cli.base import FILE, as_json, cli, open_session, suggest
from memorylab.terminal import Range, emit, remark


@cli.command()
@click.option("--since-hours", type=Range(min=0, min_open=True), help="Length of the night; default 16.")
@click.option("--output", type=FILE, help="Write to this file alone.")
@click.option("--html", "as_html", is_flag=True, help="Write reports/latest.html too, or only it to --output.")
@click.option("--open", "open_it", is_flag=True, help="Write the page as with --html, and open it in the browser.")
@as_json
def report(since_hours: float | None, output: Path | None, as_html: bool, open_it: bool, as_json: bool) -> None:
    """Render the morning report: what needs a decision, who leads, what failed.

    With --html it is one page with charts, all runs and their diffs, which needs no network.
    """
    session = open_session()
    hours = since_hours or session.settings.since_hours
    remark(session.refresh())
    recall, views, is_page = session.recall, session.views, as_html or open_it
    written = [] if is_page and output else views.write_report(recall, session.now, hours, output)
    if is_page:
        from memorylab.commands import knobs

        written.append(views.write_page(recall, session.now, hours, knobs.study(session), output))
    if as_json:
        from memorylab.commands.answers import Reported
        from memorylab.core.text import utf8

        paths = [utf8(str(path)) for path in written]
        emit(Reported(written=paths, registry=recall.registry()), lambda: "", True)
    elif written:
        click.echo("\n".join(f"wrote {os.path.relpath(path)}" for path in written))
    else:
        click.echo(views.report(recall, session.now, hours), nl=False)
    if open_it:
        import webbrowser  # which asks the desktop

        if not webbrowser.open(written[-1].resolve().as_uri()):
            remark(["no browser was found; open the page in one yourself"])


@cli.command()
@as_json
def status(as_json: bool) -> None:
    """Where the lab stands: writer, counts, what waits to be shared, champion, plans, claims, the latest runs."""
    from memorylab.commands import check, inspect, sync
    from memorylab.commands.answers import LabStatus

    session = open_session()
    remark(session.refresh())
    registry = session.recall.registry(session.writer)
    waiting = sync.waiting(session)
    value = LabStatus(
        writer=session.writer, registry=registry, unreadable=session.recall.unreadable,
        waiting=waiting, claims=check.open_claims(session),
        latest=[run.run_id for _, run, _ in session.recall.runs(max(0, session.recall.size - 5))][::-1],
    )  # fmt: skip
    emit(value, lambda: inspect.status(session, registry, waiting), as_json)


@cli.command()
@click.argument("name", required=False, shell_complete=suggest("knob"))
@as_json
def knobs(name: str | None, as_json: bool) -> None:
    """What was tried of each constant of the subject, what came of it, and which ones were never turned.

    NAME is a constant, or a part of its name: each value with its result against what it was built on, its uncertainty
    and runs; the direction that helped; what was not tried.
    """
    from memorylab.commands import knobs as command
    from memorylab.core.knobs import overview

    session = open_session()
    remark(session.refresh())
    whole = command.study(session, name)
    if name is None:
        emit(overview(whole), lambda: command.render(whole, session.settings.subject), as_json)
    else:
        (found,) = whole.knobs
        value = command.KnobPage(metric=whole.metric, direction=whole.direction, knob=found)
        emit(value, lambda: command.render_one(whole, found), as_json)


@cli.command()
@click.argument("run", shell_complete=suggest("run"))
@click.option("--diff", "diff_too", is_flag=True, help="With the change to the subject.")
@as_json
def show(run: str, diff_too: bool, as_json: bool) -> None:
    """One run whole. RUN is a run id, a part of one, or a commit by any name that git knows."""
    from memorylab.commands import code, inspect

    session = open_session()
    remark(session.refresh())
    found = inspect.find(session, run)
    if diff_too:
        code.bring(session, found)
    if as_json:
        emit(found, lambda: "", True)
    else:
        inspect.page(inspect.show(session, found, diff_too))
