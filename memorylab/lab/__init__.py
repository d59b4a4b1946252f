"""What an agent must not edit: corpus, splits, metric, clock and summary of a training run.

train.py needs `Run` only. `evaluator` in the summary is a fingerprint of this package and
the corpus; runs compare when it and the budget are equal.
"""

from memorylab.lab.corpus import Corpus, load_corpus
from memorylab.lab.errors import LabError, RunRefused, SettingError
from memorylab.lab.evaluate import CONTEXT, VOCAB_SIZE, evaluate_bpb
from memorylab.lab.run import Run
from memorylab.lab.settings import TIME_BUDGET

__all__ = [
    "CONTEXT",
    "TIME_BUDGET",
    "VOCAB_SIZE",
    "Corpus",
    "LabError",
    "Run",
    "RunRefused",
    "SettingError",
    "evaluate_bpb",
    "load_corpus",
]
