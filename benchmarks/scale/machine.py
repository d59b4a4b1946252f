"""The machine that the generated runs say they were measured on, and what its runs print. No import but of the standard
library: what measures has to stay small."""

import json

DEVICE, EVALUATOR, TORCH = "cuda (NVIDIA H100 80GB HBM3)", "5c1e0a7f93d2", "2.9.1"
BUDGET_KIND, BUDGET = "seconds", 300.0
NUMBERS = {
    "training_seconds": 300.1, "total_seconds": 325.9, "peak_vram_mb": 45060.2, "mfu_percent": 39.8,
    "total_tokens_M": 499.6, "num_steps": 953, "num_params_M": 50.3, "depth": 8,
}  # fmt: skip
OUT_OF_MEMORY = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.50 GiB."


def run_log(value: float | None, seed: int) -> str:
    """What a run prints, in upstream's format; without a value it crashes."""
    told = [f"seed {seed}", *(f"step {n:05} ({n / 9.53:.1f}%) | loss: {3.1 + 6 / n:.4f}" for n in (1, 318, 636))]
    if value is None:
        return "\n".join([*told, "Traceback (most recent call last):", OUT_OF_MEMORY]) + "\n"
    return "\n".join([*told, "---", f"val_bpb: {value:.6f}", *(f"{k}: {v}" for k, v in NUMBERS.items())]) + "\n"


def sidecar(value: float, seed: int) -> str:
    """The same as the JSON that a run writes."""
    environment = {"device": DEVICE, "budget_kind": BUDGET_KIND, "budget": BUDGET, "evaluator": EVALUATOR}
    return json.dumps({"val_bpb": value, **NUMBERS, **environment, "seed": seed, "torch_version": TORCH})
