"""The metric: bits per byte of held-out text, at a fixed context.

What is scored: 512 windows of 129 bytes, spread evenly over the text. The first byte of a
window is given; each of the 128 after it is predicted from the bytes before it inside the
window, so from 1 to 128 of them. That is 65,536 bytes, and the score is the mean of
-log2 p(byte) over them. A text too short for 512 windows side by side has as many as fit.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from memorylab.lab.errors import RunRefused

if TYPE_CHECKING:
    from torch import Tensor

CONTEXT = 128
EVAL_BYTES = 64 * 2**10
WINDOWS_PER_CALL = 64
VOCAB_SIZE = 256

# Where a model must give the same logits twice, how far apart they may be, as a share of the
# largest logit. bfloat16 has 8 bits of mantissa; a leak worth having is far above either.
CPU_TOLERANCE, CUDA_TOLERANCE = 1e-4, 2e-2


def window_starts(length: int) -> list[int]:
    """Starts of the scored windows in a text of `length` bytes, from its first byte to its last."""
    count = min(EVAL_BYTES // CONTEXT, length // (CONTEXT + 1))
    last = length - (CONTEXT + 1)
    return [i * last // max(count - 1, 1) for i in range(count)]


def evaluate_bpb(model: Callable[["Tensor"], "Tensor"], text: bytes, device: str = "cpu") -> float:
    """Bits per byte of `text` (bytes) under `model`.

    model(x), x int64 of shape (B, 128) with values 0..255, returns logits of shape
    (B, 128, 256). The loss is computed here, in float32, and nothing else of the model is
    asked. Each call is made twice, the second time with the end of every window replaced:
    logits before the replaced part must not move. That refuses a model that sees the byte it
    predicts, and one that learns from the windows it is scored on.
    Raises RunRefused for wrong shapes, logits that are not finite, and a view of the future.
    """
    import torch

    data = torch.frombuffer(bytearray(text), dtype=torch.uint8)
    starts = torch.tensor(window_starts(len(text)))
    windows = data[starts[:, None] + torch.arange(CONTEXT + 1)].long()
    nats = 0.0
    with torch.no_grad():
        for i in range(0, len(windows), WINDOWS_PER_CALL):
            batch = windows[i : i + WINDOWS_PER_CALL].to(device)
            x, y = batch[:, :-1], batch[:, 1:]
            logits = _logits(model, x)
            _check_causal(model, x, logits)
            loss = torch.nn.functional.cross_entropy(logits.transpose(1, 2), y, reduction="none")
            nats += loss.double().sum().item()
    return nats / (math.log(2) * windows.shape[0] * CONTEXT)


def _logits(model: Callable[["Tensor"], "Tensor"], x: "Tensor") -> "Tensor":
    """model(x) as float32, checked. The model gets a copy, so that it cannot change the text."""
    logits = model(x.clone())
    shape = getattr(logits, "shape", None)
    if shape is None or tuple(shape) != (*x.shape, VOCAB_SIZE):
        found = type(logits).__name__ if shape is None else tuple(shape)
        raise RunRefused(f"model(x) must return logits of shape {(*x.shape, VOCAB_SIZE)}, not {found}")
    logits = logits.float().contiguous().clone()
    if not logits.isfinite().all():
        raise RunRefused("diverged: the model's logits on the validation text are not finite")
    return logits


def _check_causal(model: Callable[["Tensor"], "Tensor"], x: "Tensor", logits: "Tensor") -> None:
    import torch

    # Another cut in every row, so that one more call tries them all over the context.
    rows = torch.arange(x.shape[0], device=x.device)
    cut = 1 + rows * (CONTEXT - 2) // max(x.shape[0] - 1, 1)
    kept = torch.arange(CONTEXT, device=x.device) < cut[:, None]
    other = torch.where(kept, x, (x + 1 + (x * 7 + rows[:, None]) % (VOCAB_SIZE - 1)) % VOCAB_SIZE)
    moved = (_logits(model, other) - logits).abs().amax(-1)[kept].max()
    tolerance = CPU_TOLERANCE if x.device.type == "cpu" else CUDA_TOLERANCE
    if moved > tolerance * max(1.0, logits.abs().max().item()):
        raise RunRefused("the model sees the future: other bytes later in a window changed predictions before them")
