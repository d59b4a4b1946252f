"""What to type next, from the state that a lab is in: the most pressing first."""

from shlex import quote
from typing import Literal

from msgspec import Struct

from memorylab.core.record import NextAction, Priority
from memorylab.core.text import count

Subject = Literal["committed", "changed", "new", "deleted", "absent"]
Head = Literal["none", "other", "untried", "keep", "discard", "crash"]


class Step(Struct, frozen=True):
    """A command as it is typed, and why it is the one to type."""

    command: str
    why: str


class Urgent(Struct, frozen=True, kw_only=True):
    """A run that waits for a decision. `run` names it for every command; `is_here` says that HEAD is its commit or goes
    on from it."""

    run: str
    commit: str
    action: NextAction
    priority: Priority = "high"
    is_here: bool = False


class LabState(Struct, frozen=True, kw_only=True):
    """The facts that decide what comes next.

    `subject` is the path of the file under experiment as named from here, `at` how it is in the working tree: as
    "committed", "changed", "new" to git, "deleted", or "absent" there and in HEAD; `change` says in a line what was
    changed. `head` is what HEAD is: "none" where nothing is committed yet, an experiment that is "untried", what its
    latest run (`head_run`) came to, or "other", which changes no subject; `has_parent` whether there is a commit before
    it. `to_share` is remote -> how many records of ours it lacks, for all remotes that are shared with. `urgent` are
    the decisions of high priority, the most urgent first; `build_on` what the board says to build on, None without a
    champion, and where its code was never here.
    """

    is_set_up: bool
    is_bare: bool = False
    runs: int = 0
    subject: str = "train.py"
    at: Subject = "committed"
    change: str = ""
    head: Head = "other"
    head_run: str = ""
    has_parent: bool = True
    to_share: dict[str, int] = {}
    urgent: tuple[Urgent, ...] = ()
    build_on: Urgent | None = None


def next_steps(state: LabState) -> list[Step]:
    """The commands that make sense now, the first of them first, each once. There is always one."""
    if not state.is_set_up:
        return _begin(state)
    if state.is_bare:
        return _look(state)
    found = [*_tree(state), *_head(state), *_share(state), *_decide(state)]
    if not found and state.at == "committed":
        found = _build(state)
    return list({step.command: step for step in [*found, *_look(state)]}.values())


def _begin(state: LabState) -> list[Step]:
    if state.is_bare:
        return [Step("git memorylab init", "take care of the memory of those who push here")]
    if state.runs:
        known = (
            f"{count(state.runs, 'run')} {'is' if state.runs == 1 else 'are'} known here, but nothing is recorded yet"
        )
        return [Step("git memorylab init", known), Step("git memorylab report", "read what was tried before")]
    return [
        Step("git memorylab init", "make this repository remember"),
        Step("git memorylab demo", "see the whole loop in a scratch repository"),
    ]


def _tree(state: LabState) -> list[Step]:
    """What an edit of the subject asks for. One that is about to be committed is judged first."""
    name = quote(state.subject)
    if state.at == "committed":
        return []
    if state.at == "absent":
        return [
            Step("git config memorylab.subject FILE", f"there is no {state.subject}: name the file under experiment")
        ]
    if state.at == "deleted":
        return [Step(f"git restore {name}", f"{state.subject} is gone from the working tree")]
    said = f" -m {quote(state.change)}" if state.change else ""
    commit = Step(f"git commit{said} {name}", "one experiment, one commit")
    if state.at == "new":
        return [Step(f"git add {name}", f"git does not know {state.subject} yet"), commit]
    return [Step("git memorylab check", f"{state.subject} has changed: was that tried before?"), commit]


def _head(state: LabState) -> list[Step]:
    """What the experiment at HEAD asks for, once nothing stands between it and the working tree."""
    if state.at != "committed":
        return []
    if not state.runs and state.head != "none":
        return [Step("git memorylab run --description baseline", "nothing was measured yet: begin with what there is")]
    back = (
        [Step("git reset --keep HEAD~1", "go back to what it was built on; nothing is lost")]
        if state.has_parent
        else []
    )
    match state.head:
        case "untried":
            return [Step("git memorylab run", "HEAD is an experiment that was not run yet")]
        case "discard":
            return back
        case "crash":
            return [
                Step(f"git memorylab show {quote(state.head_run)}", "the experiment at HEAD crashed: see why"),
                *back,
            ]
    return []


def _share(state: LabState) -> list[Step]:
    names = [name for name, number in state.to_share.items() if number]
    total = sum(state.to_share.values())
    if not names:
        return []
    # One of several is named, since without a name another may be meant.
    command = "git memorylab sync" + (f" {quote(names[0])}" if len(state.to_share) > 1 else "")
    return [Step(command, f"{count(total, 'record')} of ours {'waits' if total == 1 else 'wait'} to be shared")]


def _decide(state: LabState) -> list[Step]:
    return [step for one in state.urgent if (step := decide(one)) is not None]


def verb(action: NextAction, priority: Priority) -> str:
    """The command that acts on a decision, empty where nothing is to be done. What ended within the noise is run again;
    what is better and was discarded all the same is taken up."""
    match action:
        case "replicate":
            return "replicate"
        case "retry":
            return "restore" if priority == "high" else "replicate"
        case "fix_and_retry" | "investigate_crash":
            return "show"
        case "promote" | "branch_followup":
            return "restore"
    return ""


_WHY: dict[tuple[NextAction, str], str] = {
    ("replicate", "replicate"): "it is ahead, perhaps by luck: run it again to know",
    ("retry", "restore"): "it was discarded, but is likely better: take it up again",
    ("retry", "replicate"): "it ended within the noise: run it again to know",
    ("fix_and_retry", "show"): "it crashed before it was measured: see why",
    ("investigate_crash", "show"): "it crashed before it was measured: see why",
}


def decide(one: Urgent) -> Step | None:
    """What a decision asks to be typed, None where that is nothing."""
    if one.action in ("promote", "branch_followup"):
        return None if one.is_here else _branch(one, "it leads: build on it")
    command = verb(one.action, one.priority)
    return Step(f"git memorylab {command} {quote(one.run)}", _WHY[one.action, command]) if command else None


def _build(state: LabState) -> list[Step]:
    best = state.build_on
    return [_branch(best, "the board says to build on it, and HEAD does not")] if best and not best.is_here else []


def _branch(one: Urgent, why: str) -> Step:
    return Step(f"git memorylab restore {quote(one.run)} --branch on-{quote(one.commit[:7])}", why)


def _look(state: LabState) -> list[Step]:
    """What is never wrong."""
    report = Step("git memorylab report", "the board, what waits for a decision, what failed")
    if state.is_bare:
        return [report]
    knobs = Step("git memorylab knobs", "think of the next change: what was tried of each constant, and what was not")
    return [knobs, report] if state.runs else [knobs]
