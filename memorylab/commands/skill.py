"""skill: the agent's instructions as a skill file, made from program.md, so that there is one of them."""

from pathlib import Path

from msgspec import Struct

from memorylab import templates
from memorylab.core.text import utf8
from memorylab.errors import BadInput
from memorylab.store import files

NAME = "git-memorylab"
DESCRIPTION = (
    "Run experiments on a training script in a git repository that remembers them: check an idea against all earlier "
    "runs, train, log the result, keep or discard by the decision packet. Use it for autoresearch loops, for "
    "hyperparameter or architecture experiments, and where `git memorylab` or its notes are mentioned."
)


class SkillFile(Struct, frozen=True, kw_only=True):
    """skill: the name and the description of the skill, the whole file as `text`, and the path that it was `written`
    to, null for none."""

    name: str
    description: str
    text: str
    written: str | None


def make(output: Path | None) -> SkillFile:
    """The skill, written to a file if one is named. Raises BadInput if that cannot be."""
    # The description is quoted as JSON, which is YAML too.
    from memorylab.core.record import to_json

    program = templates.path("program.md").read_text(encoding="utf-8")
    text = f"---\nname: {NAME}\ndescription: {to_json(DESCRIPTION).decode()}\n---\n\n{program}"
    if output is not None:
        try:
            with files.output(output) as file:
                file.write(text.encode())
        except OSError as problem:
            raise BadInput(f"{output} cannot be written: {problem.strerror}.", "Give another --output FILE.") from None
    written = None if output is None else utf8(str(output))
    return SkillFile(name=NAME, description=DESCRIPTION, text=text, written=written)
