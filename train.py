"""Train a byte-level GPT for a fixed budget and print its bits per byte on held-out text.

This is the one file an agent edits. The corpus, the clock, the metric and the summary are in
memorylab/lab/ and stay as they are. Run it as `python train.py`; see read_settings in
memorylab/lab/settings.py for the environment variables.
"""

import contextlib
import gc
import importlib.util

from memorylab import lab  # isort: skip  # first, so that total_seconds has torch's import in it

import torch
import torch.nn as nn
import torch.nn.functional as F

# ---------------------------------------------------------------------------
# Knobs: plain literals, one per line

# Model
DEPTH = 2                # transformer blocks
DIM = 64                 # width of the residual stream
HEAD_DIM = 32            # width of one attention head
MLP_RATIO = 4            # hidden width of the MLP, in DIM
NGRAM_ROWS = 8192        # rows of each hashed n-gram embedding
MAX_NGRAM = 5            # longest n-gram that has an embedding; 1 is bytes alone
ROPE_BASE = 10000.0      # slowest rotation of RoPE

# Optimization
BATCH_SIZE = 8           # sequences per step
SEQ_LEN = 128            # bytes per sequence
MATRIX_LR = 0.03         # Muon, for the matrices of the blocks
EMBEDDING_LR = 0.05      # AdamW, for all embeddings
UNEMBEDDING_LR = 0.005   # AdamW, for the output matrix
WEIGHT_DECAY = 0.0       # for the matrices, in units of their learning rate
MUON_MOMENTUM = 0.95
ADAM_BETA1 = 0.8
ADAM_BETA2 = 0.95
WARMUP_RATIO = 0.0       # share of the budget in which learning rates rise
WARMDOWN_RATIO = 0.5     # share of the budget in which they fall
FINAL_LR_RATIO = 0.0     # what they fall to, as a share of their height

# ---------------------------------------------------------------------------
# Model


def norm(x):
    return F.rms_norm(x, (x.size(-1),))


def rotate(x, cos, sin):
    """RoPE (Su et al. 2021): turn each pair of channels of x (..., T, D) by its position."""
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(DIM, 3 * DIM, bias=False)
        self.out = nn.Linear(DIM, DIM, bias=False)

    def forward(self, x, cos, sin):
        B, T, _ = x.shape
        qk, v = self.qkv(x).view(B, T, 3, -1, HEAD_DIM).permute(2, 0, 3, 1, 4).split((2, 1))
        # Normed queries and keys keep attention from saturating, whatever the learning rate.
        q, k = rotate(norm(qk), cos, sin).unbind()
        y = F.scaled_dot_product_attention(q, k, v.squeeze(0), is_causal=True)
        return self.out(y.transpose(1, 2).reshape(B, T, DIM))


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.up = nn.Linear(DIM, MLP_RATIO * DIM, bias=False)
        self.down = nn.Linear(MLP_RATIO * DIM, DIM, bias=False)

    def forward(self, x):
        return self.down(F.relu(self.up(x)).square())


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = Attention()
        self.mlp = MLP()

    def forward(self, x, cos, sin):
        x = x + self.attention(norm(x), cos, sin)
        return x + self.mlp(norm(x))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        # A byte says little; with the two before it, what a word is. A hash of the last n
        # bytes looks that up, where attention would have to learn to put it together.
        rows = [lab.VOCAB_SIZE] + [NGRAM_ROWS] * (MAX_NGRAM - 1)
        self.embeddings = nn.ModuleList(nn.Embedding(n, DIM) for n in rows)
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        self.unembedding = nn.Linear(DIM, lab.VOCAB_SIZE, bias=False)
        speed = ROPE_BASE ** -torch.linspace(0, 1, HEAD_DIM // 2)
        angle = torch.outer(torch.arange(max(SEQ_LEN, lab.CONTEXT)).float(), speed)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)
        self.reset()

    def reset(self):
        for table in self.embeddings:
            nn.init.normal_(table.weight, std=0.5)
        # Every block starts as the identity and the output as a uniform guess.
        for block in self.blocks:
            nn.init.normal_(block.attention.qkv.weight, std=DIM**-0.5)
            nn.init.normal_(block.mlp.up.weight, std=DIM**-0.5)
            nn.init.zeros_(block.attention.out.weight)
            nn.init.zeros_(block.mlp.down.weight)
        nn.init.zeros_(self.unembedding.weight)

    def embed(self, idx):
        x = self.embeddings[0](idx)
        key, previous = idx, idx
        for table in self.embeddings[1:]:
            # The byte before, 0 before the first; multiplied into the key by an odd constant.
            previous = F.pad(previous[:, :-1], (1, 0))
            key = key * 36313 + previous + 1
            x = x + table(key % NGRAM_ROWS)
        return x

    def forward(self, idx):
        T = idx.shape[1]
        x = norm(self.embed(idx))
        for block in self.blocks:
            x = block(x, self.cos[:T], self.sin[:T])
        return self.unembedding(norm(x)).float()


# ---------------------------------------------------------------------------
# Optimizer


def orthogonalize(g, steps=5):
    """The nearest semi-orthogonal matrix to each of g (N, rows, cols), roughly.

    Newton-Schulz iteration with the quintic of Jordan et al. 2024 (Muon); its coefficients
    trade exactness for speed, singular values end between 0.7 and 1.2.
    """
    tall = g.size(1) > g.size(2)
    x = g.mT if tall else g
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(steps):
        a = x @ x.mT
        b = torch.baddbmm(a, a, a, beta=-4.7750, alpha=2.0315)
        x = torch.baddbmm(x, b, x, beta=3.4445)
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum whose step has all its singular values near one. One group per matrix shape."""

    def __init__(self, groups, lr, momentum, weight_decay):
        super().__init__(groups, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            params = group["params"]
            grad = torch.stack([p.grad for p in params])
            state = self.state[params[0]]
            if not state:
                state["average"] = torch.zeros_like(grad)
            average = state["average"].lerp_(grad, 1 - group["momentum"])
            update = orthogonalize(grad.lerp(average, group["momentum"]))
            # A tall matrix has more rows to move than its columns have directions.
            rows, cols = params[0].shape
            lr = group["lr"] * max(1.0, rows / cols) ** 0.5
            for p, u in zip(params, update, strict=True):
                p.mul_(1 - group["lr"] * group["weight_decay"]).add_(u, alpha=-lr)


def make_optimizers(model):
    matrices = list(model.blocks.parameters())
    shapes = sorted({p.shape for p in matrices})
    groups = [{"params": [p for p in matrices if p.shape == shape]} for shape in shapes]
    muon = Muon(groups, lr=MATRIX_LR, momentum=MUON_MOMENTUM, weight_decay=WEIGHT_DECAY)
    adamw = torch.optim.AdamW(
        [
            {"params": list(model.embeddings.parameters()), "lr": EMBEDDING_LR},
            {"params": list(model.unembedding.parameters()), "lr": UNEMBEDDING_LR},
        ],
        betas=(ADAM_BETA1, ADAM_BETA2),
        eps=1e-10,
        weight_decay=0.0,
        fused=True,
    )
    for optimizer in (muon, adamw):
        for group in optimizer.param_groups:
            group["peak_lr"] = group["lr"]
    return muon, adamw


def lr_scale(progress):
    """Share of the peak learning rate at `progress` 0..1: up, level, down to FINAL_LR_RATIO."""
    if progress < WARMUP_RATIO:
        return progress / WARMUP_RATIO
    if progress <= 1.0 - WARMDOWN_RATIO:
        return 1.0
    left = (1.0 - progress) / WARMDOWN_RATIO
    return left + (1.0 - left) * FINAL_LR_RATIO


# ---------------------------------------------------------------------------
# Run

run = lab.Run()
torch.manual_seed(run.seed)
torch.set_float32_matmul_precision("high")
model = GPT().to(run.device)
optimizers = make_optimizers(model)
generator = torch.Generator().manual_seed(run.seed)

on_gpu = run.device == "cuda"
autocast = contextlib.nullcontext()
forward = model
if on_gpu and torch.cuda.is_bf16_supported(including_emulation=False):
    autocast = torch.autocast("cuda", dtype=torch.bfloat16)
if on_gpu and importlib.util.find_spec("triton") and torch.cuda.get_device_capability() >= (7, 0):
    forward = torch.compile(model, dynamic=False)


def train_loss(x, y):
    with autocast:
        logits = forward(x)
    return F.cross_entropy(logits.view(-1, lab.VOCAB_SIZE), y.reshape(-1))


# Compile on noise: the clock has not started yet, and starts with the first look at the data.
noise = torch.randint(lab.VOCAB_SIZE, (BATCH_SIZE, SEQ_LEN + 1), device=run.device)
train_loss(noise[:, :-1], noise[:, 1:]).backward()
model.zero_grad(set_to_none=True)
# Python's garbage collector would stop every few hundred steps to find nothing.
gc.collect()
gc.freeze()
gc.disable()

data = torch.frombuffer(bytearray(run.train_bytes()), dtype=torch.uint8).to(run.device)
offsets = torch.arange(SEQ_LEN + 1, device=run.device)

progress = 0.0
while progress < 1.0:
    starts = torch.randint(len(data) - SEQ_LEN, (BATCH_SIZE, 1), generator=generator)
    batch = data[starts.to(run.device) + offsets].long()
    loss = train_loss(batch[:, :-1], batch[:, 1:])
    loss.backward()
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak_lr"] * lr_scale(progress)
        optimizer.step()
    model.zero_grad(set_to_none=True)
    progress = run.step(tokens=BATCH_SIZE * SEQ_LEN, loss=loss.detach())

# PaLM's count (Chowdhery et al. 2022): 6 FLOP per weight in a matrix product, and attention.
matrix_weights = sum(p.numel() for p in [*model.blocks.parameters(), *model.unembedding.parameters()])
flops_per_token = 6 * matrix_weights + 12 * DEPTH * DIM * SEQ_LEN

with autocast:
    run.finish(model, depth=DEPTH, flops_per_token=flops_per_token)
