"""What an agent might try: knobs turned, mechanisms added, old ideas under other words. Idea number n is a function of
the seed and n alone, so that a later one can repeat it and none has to be kept."""

from random import Random
from typing import NamedTuple

REPEATS = 0.07  # of all ideas take up an earlier one
PAIRS = 0.12  # turn two knobs at once
MECHANISMS = 0.2  # add code instead


class Knob(NamedTuple):
    """A constant of the subject: what people call it, its line of work, where it starts, and the kind of its values."""

    words: str
    family: str
    start: str
    kind: str  # `scale`: positive, any size; `share`: in [0, 1); `count`: whole; `step`: a multiple of 32


KNOBS = {
    "DEPTH": Knob("number of layers", "architecture", "2", "count"),
    "DIM": Knob("model width", "architecture", "64", "step"),
    "HEAD_DIM": Knob("head dimension", "architecture", "32", "step"),
    "MLP_RATIO": Knob("MLP expansion", "architecture", "4", "count"),
    "NGRAM_ROWS": Knob("n-gram table rows", "embeddings", "8192", "step"),
    "MAX_NGRAM": Knob("longest n-gram", "embeddings", "5", "count"),
    "ROPE_BASE": Knob("rope base", "architecture", "10000.0", "scale"),
    "BATCH_SIZE": Knob("batch size", "batch", "8", "count"),
    "SEQ_LEN": Knob("sequence length", "batch", "128", "step"),
    "MATRIX_LR": Knob("matrix learning rate", "optimizer", "0.03", "scale"),
    "EMBEDDING_LR": Knob("embedding learning rate", "optimizer", "0.05", "scale"),
    "UNEMBEDDING_LR": Knob("unembedding learning rate", "optimizer", "0.005", "scale"),
    "WEIGHT_DECAY": Knob("weight decay", "regularization", "0.0", "share"),
    "MUON_MOMENTUM": Knob("muon momentum", "optimizer", "0.95", "share"),
    "ADAM_BETA1": Knob("adam beta1", "optimizer", "0.8", "share"),
    "ADAM_BETA2": Knob("adam beta2", "optimizer", "0.95", "share"),
    "WARMUP_RATIO": Knob("warmup", "schedule", "0.0", "share"),
    "WARMDOWN_RATIO": Knob("warmdown", "schedule", "0.5", "share"),
    "FINAL_LR_RATIO": Knob("final learning rate", "schedule", "0.0", "share"),
}
MECHANISMS_BY_FAMILY = {
    "attention": (
        "gated attention", "value residual", "QK norm", "multi-query attention", "sliding window attention",
        "attention sinks", "talking heads", "differential attention", "linear attention", "ALiBi", "NoPE layers",
        "key shift", "learned attention temperature", "cross-layer KV sharing",
    ),
    "architecture": (
        "SwiGLU", "GEGLU", "parallel blocks", "stochastic depth", "layer scale", "hyper-connections", "U-net skips",
        "weight tying", "mixture of experts", "token shift", "depthwise convolution", "post-norm", "sandwich norm",
        "register tokens", "memory tokens", "highway gates", "looped blocks", "bottleneck MLP", "ReZero",
    ),
    "optimizer": (
        "Lion", "Sophia", "SOAP", "schedule-free averaging", "weight averaging", "lookahead", "gradient clipping",
        "gradient noise", "cautious updates", "Nesterov momentum", "per-layer learning rates", "orthogonal init",
        "spectral init", "gradient centralization", "trust ratio",
    ),
    "regularization": (
        "dropout", "label smoothing", "z-loss", "logit softcap", "token masking", "embedding noise", "R-drop",
        "auxiliary next-two-tokens loss", "focal loss", "entropy bonus", "data curriculum", "byte noise",
    ),
}  # fmt: skip
_MECHANISMS = [(name, family) for family, names in MECHANISMS_BY_FAMILY.items() for name in names]
_PLACES = ("all", "the first", "the last", "the middle", "every other")
_WHY = (
    "", "", "the loss still falls at the end", "the budget is short", "gradients are noisy here",
    "it worked at a larger scale", "there is room in memory", "the model overfits little",
    "the last kept change moved the optimum", "early steps are unstable",
)  # fmt: skip
_TO = (
    "{verb} {name} to {new}", "{name} {old} -> {new}", "{verb} {words} from {old} to {new}", "set {words} to {new}",
    "try {name}={new}", "{words} {new}", "{name}: {new} instead of {old}", "{verb} the {words} to {new}",
    "{new} for {name}",
)  # fmt: skip
_ADD = (
    "add {name}, {amount} in {place} blocks", "{name} ({amount}) in {place} blocks",
    "try {name} at {amount}, {place} blocks", "use {name} in {place} blocks with strength {amount}",
    "{place} blocks with {name} {amount}",
)  # fmt: skip
_UP, _DOWN = ("raise", "increase", "bump", "push"), ("lower", "reduce", "decrease", "cut")


class Mechanism(NamedTuple):
    """Code that an idea adds: what it is called, how strong, and where."""

    name: str
    amount: str
    place: str


class Idea(NamedTuple):
    """Constants to set (name -> value as written), or a mechanism. `repeats` is the number of the idea that it takes up
    again, None for a new one; `wording` chooses the words."""

    number: int
    settings: dict[str, str]
    mechanism: Mechanism | None
    family: str
    hypothesis: str
    repeats: int | None
    wording: int

    @property
    def key(self) -> str:
        """What it is about, in one word: ideas of one key are in each other's history."""
        return self.mechanism.name if self.mechanism else next(iter(self.settings))


def idea(seed: int, number: int) -> Idea:
    """The idea of a number, from 0 on."""
    random = Random(f"{seed}/idea/{number}")
    wording = random.randrange(1 << 16)
    origin = number
    while number and origin and random.random() < REPEATS:
        origin = random.randrange(origin)
    if origin != number:
        earlier = idea(seed, origin)
        first = origin if earlier.repeats is None else earlier.repeats
        return earlier._replace(number=number, repeats=first, wording=wording)
    why = random.choice(_WHY)
    if random.random() < MECHANISMS:
        name, family = random.choice(_MECHANISMS)
        mechanism = Mechanism(name, f"{random.uniform(0.01, 1):.2g}", random.choice(_PLACES))
        return Idea(number, {}, mechanism, family, why, None, wording)
    names = random.sample(list(KNOBS), 2 if random.random() < PAIRS else 1)
    return Idea(number, {n: _value(random, KNOBS[n]) for n in names}, None, KNOBS[names[0]].family, why, None, wording)


def describe(one: Idea, base: dict[str, str]) -> str:
    """The idea in words, on a base: the constants as they stand."""
    random = Random(one.wording)
    if one.mechanism is not None:
        return random.choice(_ADD).format(**one.mechanism._asdict())
    said = []
    for name, new in one.settings.items():
        verb = random.choice(_UP if float(new) > float(base[name]) else _DOWN)
        said.append(random.choice(_TO).format(verb=verb, name=name, words=KNOBS[name].words, old=base[name], new=new))
    return " and ".join(said)


def _value(random: Random, knob: Knob) -> str:
    start = float(knob.start)
    if knob.kind == "share":
        return f"{random.uniform(0, 0.3) if start == 0 else random.triangular(0, 0.999, start):.3g}"
    found = start * 2 ** random.gauss(0, 1)
    if knob.kind == "scale":
        return repr(float(f"{found:.3g}"))
    unit = 32 if knob.kind == "step" else 1
    return str(max(unit, round(found / unit) * unit))
