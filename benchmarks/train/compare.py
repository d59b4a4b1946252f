"""What else the budget of a run could buy, scored on the same windows.

    python benchmarks/train/compare.py --nanogpt path/to/nanoGPT

Trains each contender for the same CPU seconds on one thread, on the default corpus, and prints
a table of bits per byte. nanoGPT is used from a clone of yours; without one it is left out.
"""

import argparse
import contextlib
import importlib.util
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from torch.nn import functional as F

from memorylab.lab import CONTEXT, VOCAB_SIZE, evaluate_bpb, load_corpus
from memorylab.lab.budget import CPU_SECONDS, Budget, cpu_seconds

ROOT = Path(__file__).resolve().parents[2]


def ours(seconds, seed, **knobs):
    """(bpb, steps, M parameters, CPU seconds) of train.py, with `knobs` replaced."""
    source = (ROOT / "train.py").read_text(encoding="utf-8")
    for name, value in knobs.items():
        source, count = re.subn(rf"(?m)^{name} = \S+", f"{name} = {value}", source)
        assert count == 1, f"train.py has no knob {name}"
    with tempfile.TemporaryDirectory() as folder:
        script, summary = Path(folder, "train.py"), Path(folder, "summary.json")
        script.write_text(source, encoding="utf-8")
        env = {key: value for key, value in os.environ.items() if not key.startswith("AUTORESEARCH_")} | {
            "PYTHONPATH": str(ROOT),
            "AUTORESEARCH_TIME_BUDGET": str(seconds),
            "AUTORESEARCH_SEED": str(seed),
            "AUTORESEARCH_SUMMARY_PATH": str(summary),
        }
        subprocess.run([sys.executable, script], env=env, check=True, stdout=subprocess.DEVNULL)
        found = json.loads(summary.read_text())
    return found["val_bpb"], found["num_steps"], found["num_params_M"], found["training_seconds"]


def nanogpt(path, corpus, seconds, seed, *, layers, heads, width, batch_size, lr, warmup, horizon):
    """The same of nanoGPT's model and optimizer at `path`. `horizon` is the step at which its
    cosine ends, or None to stretch it over the budget. Context 128, to be scored at 128."""
    spec = importlib.util.spec_from_file_location("nanogpt_model", Path(path) / "model.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)

    torch.manual_seed(seed)
    config = module.GPTConfig(CONTEXT, VOCAB_SIZE, n_layer=layers, n_head=heads, n_embd=width, dropout=0.0, bias=False)
    with contextlib.redirect_stdout(sys.stderr):  # it reports its sizes in the middle of our table
        model = module.GPT(config)
        optimizer = model.configure_optimizers(0.1, lr, (0.9, 0.99), "cpu")
    data = torch.frombuffer(bytearray(corpus.train), dtype=torch.uint8)
    offsets = torch.arange(CONTEXT + 1)
    budget = Budget(CPU_SECONDS, seconds, cpu_seconds)
    budget.start()
    steps = 0
    while budget.progress < 1:
        done = budget.progress if horizon is None else min(steps / horizon, 1)
        scale = min((steps + 1) / warmup, 0.1 + 0.45 * (1 + math.cos(math.pi * done)))
        for group in optimizer.param_groups:
            group["lr"] = lr * scale
        batch = data[torch.randint(len(data) - CONTEXT, (batch_size, 1)) + offsets].long()
        _, loss = model(batch[:, :-1], batch[:, 1:].contiguous())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        steps += 1
    budget.stop()
    model.eval()
    # Without targets it returns the last position's logits only.
    bpb = evaluate_bpb(lambda x: model(x, x)[0], corpus.val)
    return bpb, steps, sum(p.numel() for p in model.parameters()) / 1e6, budget.seconds


class Counts:
    """Byte n-grams up to `order`, interpolated from long to short (Witten and Bell 1991):
    p_n(b | c) = (count(c b) + kinds(c) p_{n-1}(b)) / (count(c) + kinds(c))."""

    def __init__(self, text, order):
        data = torch.frombuffer(bytearray(text), dtype=torch.uint8).long()
        self.tables = []
        for n in range(order):
            # n + 1 bytes as one integer, the last of them lowest.
            keys = sum(data[i : len(data) - n + i] << 8 * (n - i) for i in range(n + 1))
            pairs, count = keys.unique(return_counts=True)
            contexts, where, kinds = (pairs >> 8).unique_consecutive(return_inverse=True, return_counts=True)
            total = torch.zeros_like(kinds).index_add_(0, where, count)
            self.tables.append((pairs, count, contexts, kinds, total))

    def __call__(self, x):
        prob = torch.full((*x.shape, VOCAB_SIZE), 1 / VOCAB_SIZE)
        context = torch.zeros_like(x)
        for n, (pairs, count, contexts, kinds, total) in enumerate(self.tables):
            if n:
                context = context + (F.pad(x, (n - 1, 0))[:, : x.shape[1]] << 8 * (n - 1))
            at = torch.searchsorted(contexts, context).clamp_max(len(contexts) - 1)
            # A context that starts before the window is not known.
            known = (contexts[at] == context) & (torch.arange(x.shape[1]) >= n - 1)
            k, t = kinds[at] * known, total[at] * known
            wanted = (context[..., None] << 8) + torch.arange(VOCAB_SIZE)
            at = torch.searchsorted(pairs, wanted).clamp_max(len(pairs) - 1)
            c = count[at] * ((pairs[at] == wanted) & known[..., None])
            # Where the context is not known, c and t are 0 and k = 1 leaves prob as it was.
            k = torch.where(known, k, 1)[..., None]
            prob = (c + k * prob) / (t[..., None] + k)
        return prob.log()


def counting(corpus, order):
    start = cpu_seconds()
    model = Counts(corpus.train, order)
    spent = cpu_seconds() - start
    return evaluate_bpb(model, corpus.val), 1, sum(len(table[0]) for table in model.tables) / 1e6, spent


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nanogpt", help="a clone of nanoGPT")
    parser.add_argument("--seconds", type=float, default=30.0, help="CPU seconds each (default 30)")
    parser.add_argument("--seeds", type=int, default=3, help="runs each (default 3)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    corpus = load_corpus()

    contenders = {
        "train.py": lambda seed: ours(args.seconds, seed),
        "train.py, MAX_NGRAM = 1": lambda seed: ours(args.seconds, seed, MAX_NGRAM=1),
    }
    if args.nanogpt:
        common = (args.nanogpt, corpus, args.seconds)
        contenders["nanoGPT, its CPU setting"] = lambda seed: nanogpt(
            *common, seed, layers=4, heads=4, width=128, batch_size=12, lr=1e-3, warmup=100, horizon=2000
        )
        contenders["nanoGPT, tuned"] = lambda seed: nanogpt(
            *common, seed, layers=2, heads=2, width=64, batch_size=8, lr=4e-3, warmup=20, horizon=None
        )

    print("| contender | val_bpb | sd | steps | M parameters | CPU s |")
    print("|---|---|---|---|---|---|")

    def row(name, results):
        bpb, steps, size, spent = map(list, zip(*results, strict=True))
        sd = f"{statistics.stdev(bpb):.3f}" if len(bpb) > 1 else ""
        mean = statistics.mean
        print(f"| {name} | {mean(bpb):.3f} | {sd} | {mean(steps):.0f} | {size[0]:.2f} | {mean(spent):.1f} |")
        sys.stdout.flush()

    for name, contender in contenders.items():
        row(name, [contender(seed) for seed in range(1, args.seeds + 1)])
    # Counting has no seed.
    for order in (3, 5, 6, 7):
        row(f"counting byte {order}-grams", [counting(corpus, order)])


if __name__ == "__main__":
    main()
