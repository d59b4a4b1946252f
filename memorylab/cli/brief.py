"""What somebody needs to know who starts cold or resumes."""

import click

from memorylab.cli.base import as_json, cli, open_session
from memorylab.terminal import emit, remark


@cli.command()
@click.option("--words", type=click.IntRange(20), default=300, show_default=True, help="At most so many words.")
@as_json
def brief(words: int, as_json: bool) -> None:
    """The memory in a few words, for an agent that starts cold or resumes.

    What decides most comes first and is kept longest: the goal, the champion, what waits with its command, the next
    command, dead ends, what helped, claims of others, what is untried, the noise.
    """
    from memorylab.commands import brief as command
    from memorylab.core.brief import brief as told

    session = open_session()
    remark(session.refresh())
    found = told(command.gather(session), words)
    emit(found, found.text.rstrip, as_json)
