"""Which command prints what with --json: the one list. docs/schemas is generated from it, and tests hold it true.

No command imports it, because it imports what all of them emit.
"""

from typing import Any

from memorylab.commands import answers
from memorylab.commands.blame import Blame
from memorylab.commands.candidates import Judged
from memorylab.commands.claim import CheckedAndClaimed, Claimed
from memorylab.commands.compact import Compacted
from memorylab.commands.diff import Difference
from memorylab.commands.doctor import Health
from memorylab.commands.history import History
from memorylab.commands.knobs import KnobPage
from memorylab.commands.mute import Mutes
from memorylab.commands.replicate import Replication
from memorylab.commands.skill import SkillFile
from memorylab.commands.stack import Stacked
from memorylab.commands.verify import Checked
from memorylab.core.brief import Brief
from memorylab.core.failure import Failed, Note
from memorylab.core.knobs import Study
from memorylab.core.record import Amend, Claim, Run, Verdict

# Of several types the first is the usual one.
OUTPUTS: dict[str, tuple[Any, ...]] = {
    "amend": (Amend,),
    "blame": (Blame,),
    "brief": (Brief,),
    "check": (Verdict, CheckedAndClaimed, Judged),
    "claim": (Claimed, list[Claim]),
    "compact": (Compacted,),
    "demo": (answers.DemoDone,),
    "diff": (Difference,),
    "doctor": (Health,),
    "history": (History,),
    "import": (list[answers.ImportedFile],),
    "init": (answers.SetUp,),
    "knobs": (Study, KnobPage),
    "log": (Run,),
    "mute": (Mutes,),
    "replicate": (Replication,),
    "report": (answers.Reported,),
    "restore": (answers.Restored,),
    "run": (Run,),
    "search": (History,),
    "show": (Run,),
    "skill": (SkillFile,),
    "stack": (Stacked,),
    "status": (answers.LabStatus,),
    "sync": (answers.Shared, list[answers.Shared]),
    "verify": (list[Checked],),
}

# What any command may print on stderr with --json.
ON_STDERR: dict[str, Any] = {"error": Failed, "note": Note}
