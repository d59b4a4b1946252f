"""Take many points, and say in a table what became of them. Exit code 1 if anything that must hold does not."""

import sys
import tempfile
import time
from pathlib import Path

import click

from tests.faults import trace
from tests.faults.campaign import KINDS, LONGEST, Chain, Outcome, Point, sealed, summary
from tests.faults.stages import STAGES


@click.command()
@click.option("--points", default=100, show_default=True, help="How many.")
@click.option("--seed", default=1, show_default=True, help="Of the first; each further one has the next.")
@click.option("--command", "commands", default=",".join(STAGES), show_default=True, help="Which commands.")
@click.option("--kinds", default=",".join(KINDS), show_default=True, help="Which faults.")
@click.option("--longest", default=LONGEST, show_default=True, help="Faults before a command is let alone.")
@click.option("--at", type=int, help="Instead at this call and the next ones, of one command and one kind.")
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="Where; otherwise in memory, if there is room.")
@click.option("--seconds", type=float, default=float("inf"), help="At most so long.")
def main(
    points: int, seed: int, commands: str, kinds: str, longest: int, at: int | None, folder: Path | None, seconds: float
) -> None:
    """Kill commands, fill their disk and so on at random system calls, and check that nothing is lost."""
    if not trace.SUPPORTED:
        raise click.UsageError("This needs Linux on x86-64.")
    memory = Path("/dev/shm")
    parent = folder or (memory if memory.is_dir() else None)
    began, outcomes = time.monotonic(), list[Outcome]()
    stages, weights = commands.split(","), {kind: KINDS[kind] for kind in kinds.split(",")}
    with tempfile.TemporaryDirectory(prefix="faults-", dir=parent) as place, sealed(Path(place)) as campaign:
        done = told = 0
        while done < points and time.monotonic() - began < seconds:
            number = len(outcomes)
            chain = campaign.draw(stages, weights, seed + number, longest)
            if at is not None:
                chain = Chain(stages[0], (Point(next(iter(weights)), at + number),), seed)
            outcome = campaign.take(chain)
            outcomes.append(outcome)
            done += len(chain.points)
            if outcome.problem:
                click.echo(f"{chain}: {outcome.problem}", err=True)
            if done - told >= 100:
                told = done
                click.echo(f"{done} points, {time.monotonic() - began:.0f} s", err=True)
    click.echo(summary(outcomes))
    click.echo(f"{done} points in {time.monotonic() - began:.0f} s, seeds {seed} to {seed + len(outcomes) - 1}")
    sys.exit(any(outcome.problem for outcome in outcomes))


main()
