"""Looking at what is remembered."""

import os
import re
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from memorylab.cli.base import FILE, STATUSES, as_json, cli, open_session, suggest
from memorylab.terminal import Range, answer, remark

if TYPE_CHECKING:
    from memorylab.core.query import Query


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
        answer(Reported(written=paths, registry=recall.registry()))
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
    """What to do next, and where the lab stands.

    Then counts, what waits to be shared, champion and leader, plans, claims, the latest runs as `history` shows them.
    """
    from memorylab import console
    from memorylab.commands import status as command

    session = open_session()
    remark(session.refresh())
    found = command.status(session)
    if as_json:
        answer(found)
        return
    with console.opened(session.place, pages=False) as out:
        command.show(session, found, out)


@cli.command()
@click.argument("name", required=False, shell_complete=suggest("knob"))
@as_json
def knobs(name: str | None, as_json: bool) -> None:
    """What was tried of each constant of the subject, what came of it, and which ones were never turned.

    NAME is a constant, or a part of its name: each value with its result against what it was built on, its uncertainty
    and runs; the direction that helped; what was not tried.
    """
    from memorylab import console
    from memorylab.commands import knobs as command
    from memorylab.core.knobs import overview

    session = open_session()
    remark(session.refresh())
    whole = command.study(session, name)
    found = whole.knobs[0] if name is not None else None
    value: Any = overview(whole)
    text = command.render(whole, session.settings.subject)
    if found is not None:
        value = command.KnobPage(metric=whole.metric, direction=whole.direction, knob=found)
        text = command.render_one(whole, found)
    if as_json:
        answer(value)
        return
    with console.opened(session.place) as out:
        out.lines(console.told(text))


@cli.command()
@click.argument("run", required=False, shell_complete=suggest("run"))
@click.option("--diff", "diff_too", is_flag=True, help="With the change to the subject.")
@as_json
def show(run: str | None, diff_too: bool, as_json: bool) -> None:
    """One run whole, the latest unless RUN says which.

    RUN is a run id, a part of one, or a commit by any name that git knows. What was tried; the outcome beside what it
    was built on and the champion; the verdict with the closest earlier runs; the packet; the artifacts.
    """
    from memorylab import console
    from memorylab.commands import code, inspect
    from memorylab.commands import show as command

    session = open_session()
    remark(session.refresh())
    found = inspect.latest(session) if run is None else inspect.find(session, run)
    if diff_too:
        code.bring(session, found)
    if as_json:
        answer(found)
        return
    with console.opened(session.place) as out:
        command.show(session, found, diff_too, out)


_NO_MATCH = "No run matches."


class Asking(click.Command):
    """A command whose arguments are a query, in which -word and -status:crash are parts: what begins with one dash and
    is none of its options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {name for parameter in self.get_params(ctx) for name in parameter.opts}
        end = args.index("--") if "--" in args else len(args)
        given, literal = args[:end], args[end + 1 :]
        parts = [one for one in given if re.match(r"-[^-]", one) and one not in own and not re.fullmatch(r"-n\d+", one)]
        options = [one for one in given if one not in parts]
        return super().parse_args(ctx, [*options, "--", *parts, *literal])


def _about_the_list(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed((
        click.option("-n", "--limit", type=click.IntRange(0), metavar="NUMBER", help="No more than so many."),
        click.option("--reverse", is_flag=True, help="The oldest first; of the newest NUMBER if there is a limit."),
        click.option("--graph", is_flag=True, help="Draw the lineages: * kept, o discarded, x crashed."),
        as_json,
    )):  # fmt: skip
        command = option(command)
    return command


@cli.command()
@click.option("--status", type=STATUSES, help="How it ended.")
@click.option("--family", metavar="NAME", help="The line of work; * stands for anything.")
@click.option(
    "--knob", metavar="NAME", shell_complete=suggest("knob"), help="A constant that it turned; * stands for anything."
)
@click.option("--writer", metavar="NAME", help="Who logged it; * stands for anything.")
@click.option("--since", metavar="DATE", help="From then on; dates as git takes them, a day whole.")
@click.option("--until", metavar="DATE", help="Up to then.")
@_about_the_list
def history(limit: int | None, reverse: bool, graph: bool, as_json: bool, **filters: str | None) -> None:
    """The runs, the newest first.

    DELTA is the metric minus that of what the run was built on, the mean of that program's runs. Elsewhere than on a
    terminal each run is a line of tab-separated values, uncut: time, status, metric, delta, commit, writer, family,
    next action, idea; "-" for what is not known.
    """
    from memorylab.commands import history as command

    nothing = _NO_MATCH if any(filters.values()) else "No run yet: `git memorylab run` makes the first."
    _list(command.filtered(filters), limit, reverse, graph, as_json, nothing)


@cli.command(cls=Asking)
@click.argument("query", nargs=-1, required=True)
@_about_the_list
def search(query: tuple[str, ...], limit: int | None, reverse: bool, graph: bool, as_json: bool) -> None:
    """The runs that QUERY asks for, shown as by `history`. All of its parts have to hold:

    \b
    raise lr              words in description, hypothesis, notes, tags, family, error
    "weight decay"        a phrase; the shell needs quotes around these quotes
    status:crash          keep, discard, crash
    family:lr* knob:DEPTH writer:anna* tag:optimizer commit:4af2a7c
    action:replicate      the next action of its packet
    class:repeat_failure  what the guard had said of it
    metric<2.5            the lab's metric, or another by its name; < <= > >= =
    since:2026-11-01 until:yesterday since:"2 days ago"
    -word -status:crash   not that
    """
    from memorylab.commands import history as command

    _list(command.parsed(" ".join(query)), limit, reverse, graph, as_json, _NO_MATCH)


def _list(query: "Query", limit: int | None, reverse: bool, graph: bool, as_json: bool, nothing: str) -> None:
    from memorylab import console
    from memorylab.commands import history as command

    if reverse and graph:
        raise click.UsageError("--reverse and --graph cannot be used together.")
    session = open_session()
    remark(session.refresh())
    found = command.find(session, query, limit)
    if reverse:
        found = reversed(list(found))
    if as_json:
        answer(command.listed(session, found))
        return
    first = next(found, None)
    if first is None:
        remark([nothing])
        return
    with console.opened(session.place) as out:
        command.show(session, chain([first], found), graph, out)
