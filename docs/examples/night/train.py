"""A stand-in for upstream's train.py: the same constants and closing block, and a formula where the training would be.

It needs a moment and no GPU, and is as good at luck as training is: another seed gives another result.
"""

import json
import math
import os
import random

DEPTH = 8                 # layers
MATRIX_LR = 0.04          # of the matrices
EMBEDDING_LR = 0.6        # of the embeddings
WARMDOWN_RATIO = 0.5      # of the budget, in which the rates go down
WEIGHT_DECAY = 0.2

SEED = int(os.environ.get("AUTORESEARCH_SEED", "1337"))

if DEPTH > 10:
    raise MemoryError(f"{DEPTH} layers do not fit")
luck = random.Random(f"{SEED} {DEPTH} {MATRIX_LR} {EMBEDDING_LR} {WARMDOWN_RATIO} {WEIGHT_DECAY}").gauss(0, 0.0006)
val_bpb = 0.985 + luck
val_bpb += 0.020 * math.log2(MATRIX_LR / 0.06) ** 2
val_bpb += 0.004 * math.log2(EMBEDDING_LR / 0.5) ** 2
val_bpb += 0.050 * (WARMDOWN_RATIO - 0.7) ** 2 + 0.020 * (WEIGHT_DECAY - 0.1) ** 2 + 0.003 * (DEPTH - 9) ** 2

summary = {
    "val_bpb": round(val_bpb, 6), "training_seconds": 300.0, "peak_vram_mb": 5_000.0 * DEPTH,
    "num_steps": 953, "depth": DEPTH,
}  # fmt: skip
print("---")
for name, value in summary.items():
    print(f"{name + ':':<17} {value}")
if path := os.environ.get("AUTORESEARCH_SUMMARY_PATH"):
    with open(path, "w") as file:
        json.dump(summary | {"seed": SEED, "device": "cpu", "budget_kind": "wall_seconds", "budget": 300}, file)
