"""One run, as train.py sees it: settings, data, clock, progress, score, summary."""

import contextlib
import math
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, SupportsFloat

from memorylab.lab import hardware
from memorylab.lab.budget import CPU_SECONDS, TOKENS, WALL_SECONDS, Budget
from memorylab.lab.corpus import load_corpus
from memorylab.lab.errors import LabError, RunRefused
from memorylab.lab.evaluate import VOCAB_SIZE, evaluate_bpb
from memorylab.lab.fingerprint import evaluator
from memorylab.lab.settings import DEFAULT_CPU_THREADS, read_settings, summary_path
from memorylab.lab.summary import check_summary, closing_block, peak_rss_mb, remove_stale, write_summary

if TYPE_CHECKING:
    from torch.nn import Module

# A model that has learned nothing loses ln 256 nats per byte. After these steps a running
# loss above that is a run that broke.
GRACE_STEPS = 20
UNLEARNED_LOSS = math.log(VOCAB_SIZE)
LOSS_MEMORY = 0.9

# And a score of 8 bits per byte is that of a model that knows nothing of the text.
WORTHLESS_BPB = math.log2(VOCAB_SIZE)

# Seconds between two progress lines; a log of every step would outgrow the run's result.
PROGRESS_EVERY = 0.1

# torch warns on import when numpy is missing. Nothing here needs it.
warnings.filterwarnings("ignore", message="Failed to initialize NumPy")

_imported = time.perf_counter()


class Run:
    """A run from settings to summary.

    Creating it reads the environment, removes a stale summary, loads the corpus and sets
    torch's threads. Every method that finds the run cannot go on ends the process: one line
    on stderr, exit status 2 for a bad setting or corpus, 3 for a run without a valid result.
    """

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        with self._ending():
            stale = summary_path(env)
            if stale is not None:
                remove_stale(stale)
            self.settings = read_settings(env)
            self._corpus = load_corpus(self.settings.corpus)
        import torch

        self.seed = self.settings.seed
        self.device = hardware.pick_device()
        threads = self.settings.threads or (DEFAULT_CPU_THREADS if self.device == "cpu" else None)
        if threads:
            torch.set_num_threads(threads)
        self.num_steps = 0
        self._loss = 0.0
        self._shown = -math.inf
        seconds = CPU_SECONDS if self.device == "cpu" else WALL_SECONDS
        kind = TOKENS if self.settings.tokens else seconds
        size = self.settings.tokens or self.settings.time_budget
        self._budget = Budget(kind, size, hardware.training_clock(self.device))

    def train_bytes(self) -> bytes:
        """The training text, as bytes. The clock starts here: what is made of it is paid for."""
        self._budget.start()
        return self._corpus.train

    def step(self, tokens: int, loss: SupportsFloat) -> float:
        """Count one optimizer step on `tokens` bytes with mean training loss `loss` (nats per byte).

        Returns the share of the budget used, 0.0 to 1.0; stop training at 1.0. Shows
        progress. Ends the process with status 3 when training has diverged.
        """
        with self._ending():
            self._budget.start()
            self._budget.count(tokens)
            self.num_steps += 1
            loss = float(loss)
            if not math.isfinite(loss):
                raise RunRefused(f"diverged: the loss is {loss} at step {self.num_steps}")
            self._loss = LOSS_MEMORY * self._loss + (1 - LOSS_MEMORY) * loss
            running = self._loss / (1 - LOSS_MEMORY**self.num_steps)
            if self.num_steps > GRACE_STEPS and running > UNLEARNED_LOSS:
                raise RunRefused(
                    f"diverged: the running loss is {running:.3f} at step {self.num_steps}, "
                    f"above ln 256 = {UNLEARNED_LOSS:.3f}"
                )
            progress = self._budget.progress
            self._show(progress, running)
            return progress

    def finish(self, model: "Module", depth: int, flops_per_token: float | None = None, **numbers: float) -> float:
        """Score `model`, print the closing block, write the summary. Returns val_bpb.

        `flops_per_token`, forward and backward, is for the MFU. `numbers` are added to the
        summary's JSON as they are; ValueError if one is not finite or takes a name of ours.
        """
        with self._ending():
            self._budget.stop()
            self._show(self._budget.progress, None)
            self._budget.check()
            val_bpb = self._score(model, self._corpus.val)
            if not val_bpb < WORTHLESS_BPB:
                raise RunRefused(f"diverged: val_bpb is {val_bpb:.3f}, no better than knowing nothing")
            summary = self._summary(model, val_bpb, depth, flops_per_token)
            taken = numbers.keys() & summary.keys()
            if taken:
                raise ValueError(f"the summary has its own {', '.join(sorted(taken))}; choose another name")
            summary.update(numbers)
            check_summary(summary)
            # The file first: whoever sees the block may rely on it.
            if self.settings.summary_path:
                write_summary(self.settings.summary_path, summary)
            print(closing_block(summary), flush=True)
            return val_bpb

    def sealed_test_bpb(self, model: "Module") -> float:
        """Bits per byte on the test split, which no run may look at while research goes on.

        train.py does not call it. Once, at the very end, add `print(run.sealed_test_bpb(model))`
        after run.finish(...) to see how much of the gain was fitted to the validation text.
        """
        with self._ending():
            self._budget.stop()
            return self._score(model, self._corpus.test)

    def _score(self, model: "Module", text: bytes) -> float:
        model.eval()
        return evaluate_bpb(model, text, self.device)

    def _summary(self, model: "Module", val_bpb: float, depth: int, flops_per_token: float | None) -> dict[str, Any]:
        import torch

        budget = self._budget
        return {
            "val_bpb": val_bpb,
            "training_seconds": budget.seconds,
            "total_seconds": time.perf_counter() - _imported,
            "peak_vram_mb": hardware.peak_vram_mb(self.device),
            "mfu_percent": hardware.mfu_percent(self.device, flops_per_token, budget.tokens, budget.seconds),
            "total_tokens_M": budget.tokens / 1e6,
            "num_steps": self.num_steps,
            "num_params_M": sum(p.numel() for p in model.parameters()) / 1e6,
            "depth": depth,
            "seed": self.seed,
            "device": hardware.full_name(self.device),
            "threads": torch.get_num_threads(),
            "torch_version": torch.__version__,
            "budget_kind": budget.kind,
            "budget": budget.size,
            "evaluator": evaluator(self._corpus.sha256),
            "peak_rss_mb": peak_rss_mb(),
        }

    def _show(self, progress: float, running: float | None) -> None:
        """One line that overwrites itself; `running` None ends it."""
        if running is None:
            if self._shown > -math.inf:
                print(flush=True)
                self._shown = -math.inf
            return
        now = time.perf_counter()
        if progress < 1.0 and now - self._shown < PROGRESS_EVERY:
            return
        self._shown = now
        seconds, tokens = self._budget.seconds, self._budget.tokens
        speed = int(tokens / seconds) if seconds > 0 else 0
        shown = f"step {self.num_steps:05d} ({100 * progress:.1f}%) | loss: {running:.6f}"
        print(f"\r{shown} | tok/sec: {speed:,} | spent: {seconds:.1f}s    ", end="", flush=True)

    @contextlib.contextmanager
    def _ending(self) -> Iterator[None]:
        try:
            yield
        except LabError as error:
            if getattr(self, "_shown", -math.inf) > -math.inf:
                print(flush=True)
            print(f"train.py: {error}", file=sys.stderr, flush=True)
            raise SystemExit(error.code) from None
