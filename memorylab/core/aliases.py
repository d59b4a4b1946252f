"""The vocabulary of experiment descriptions: which words name one thing.

Every table holds single lower-case words, plural "s" removed, or phrases of such words. They were collected by reading
some forty public ledgers of autoresearch runs, not from single pairs of rows: a word is here because several authors
use it. A word that is in no table is kept as it is, so an unknown setting is still a setting of its own.
"""

from collections.abc import Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Phrases for one quantity or one group of parameters. The longest phrase wins; the right-hand side is canonical.
_PHRASES = {
    # quantities
    "learning rate": "lr", "weight decay": "wd", "wdecay": "wd", "momentum ramp": "momentum warmup",
    "warm up": "warmup", "warmup iter": "warmup", "warmup step": "warmup", "warmup ratio": "warmup",
    "cooldown": "warmdown", "cool down": "warmdown", "warm down": "warmdown", "warmdown iter": "warmdown",
    "lr floor": "finallr", "final lr": "finallr", "min lr": "finallr", "lr min": "finallr", "minimum lr": "finallr",
    "final learning rate": "finallr", "minimum learning rate": "finallr",
    "beta 1": "beta1", "beta 2": "beta2", "b1": "beta1", "b2": "beta2",
    "batch token": "batch", "bs": "batch", "grad accum": "accum", "gradient accumulation": "accum",
    "accum step": "accum", "n layer": "depth", "num layer": "depth", "number of layer": "depth", "nlayer": "depth",
    "n block": "depth", "model depth": "depth", "n embd": "width", "d model": "width", "model dim": "width",
    "model width": "width", "hidden size": "width", "embed dim": "width", "embedding dim": "width", "dim": "width",
    "aspect ratio": "aspect", "ar": "aspect", "head dim": "headdim", "n head": "heads", "num head": "heads",
    "attention head": "heads", "number of head": "heads", "number of attention head": "heads",
    "n kv head": "kvheads", "num kv head": "kvheads", "kv head": "kvheads",
    "mlp ratio": "mlp", "mlp mult": "mlp", "mlp expansion": "mlp", "mlp width": "mlp", "mlp hidden": "mlp hidden",
    "mlp hidden dim": "mlp hidden", "mlp dim": "mlp hidden", "ffn": "mlp", "feed forward": "mlp",
    "window pattern": "pattern", "attention pattern": "pattern", "short window": "short window",
    "window size": "window", "sliding window": "window",
    "softcapping": "softcap", "logit softcap": "softcap", "logit cap": "softcap", "logit softcapping": "softcap",
    "soft cap": "softcap", "cap": "softcap", "grad clip": "clip", "gradient clip": "clip", "grad clipping": "clip",
    "gradient clipping": "clip", "clip norm": "clip", "max norm": "clip", "grad norm": "clip", "clipping": "clip",
    "epsilon": "eps", "initialization": "init", "initialisation": "init", "initial value": "init",
    "rope base": "ropebase", "rope theta": "ropebase", "rope base frequency": "ropebase",
    "rope frequency": "ropebase",
    "seq len": "seqlen", "sequence length": "seqlen", "context length": "seqlen", "max seq len": "seqlen",
    "ns step": "nssteps", "newton schulz step": "nssteps", "backend step": "nssteps",
    "newton schulz": "nssteps", "random seed": "seed",
    "max step": "maxsteps", "max iter": "maxsteps", "squared relu": "relu2", "relu squared": "relu2",
    "relu ^2": "relu2", "leaky relu": "leakyrelu", "swish": "silu",
    "gradient norm": "clip", "clip gradient": "clip", "clip gradient to norm": "clip", "clip gradient to": "clip",
    "batch norm": "batchnorm", "layer norm": "layernorm", "group norm": "groupnorm", "drop out": "dropout",
    "drop path": "droppath", "stochastic depth": "droppath", "layer drop": "droppath", "layerdrop": "droppath",
    "hidden dim": "width", "hidden unit": "width", "num hidden": "width", "hidden layer": "layer",
    "num hidden layer": "depth", "exponential moving average": "ema", "stochastic weight averaging": "swa",
    "weight averaging": "swa", "weight average": "swa", "zloss": "z loss", "label smooth": "label smoothing",
    "kaiming": "he", "grouped query attention": "gqa", "multi query attention": "mqa", "rotary": "rope",
    "multi token prediction": "mtp", "squeeze excite": "se", "squeeze excitation": "se", "squeeze and excite": "se",
    "squeeze and excitation": "se", "mixture of expert": "moe", "sharpness aware minimization": "sam",
    "half precision": "halfprecision", "data aug": "augmentation", "data augmentation": "augmentation", "augment": "augmentation",
    "token per step": "batch", "token step": "batch", "tok step": "batch", "tok per step": "batch", "tbs": "batch",
    "dbs": "device batch", "uelr": "unembedding lr", "wdown": "warmdown", "wup": "warmup", "hd": "headdim",
    "mom": "momentum", "floor": "finallr", "embedding rate": "embedding lr", "unembedding rate": "unembedding lr",
    "matrix rate": "matrix lr", "scalar rate": "scalar lr", "lr decay": "warmdown", "learning rate decay": "warmdown",
    "cosine annealing": "cosine warmdown", "cosine decay": "cosine warmdown", "linear decay": "linear warmdown",
    "sqrt decay": "sqrt warmdown", "mlr": "matrix lr", "elr": "embedding lr", "slr": "scalar lr", "ulr": "unembedding lr", "nkvhead": "kvheads",
    # groups of parameters
    "lm head": "unembedding", "lmhead": "unembedding", "unembed": "unembedding", "output head": "unembedding",
    "language modeling head": "unembedding", "unemb": "unembedding", "embed": "embedding", "emb": "embedding",
    "wte": "embedding", "output proj": "cproj", "query and key": "qk", "q and k": "qk", "query key": "qk", "token embedding": "embedding", "tok emb": "embedding", "value embedding": "ve",
    "value emb": "ve", "value embed": "ve", "adamw": "adam", "muon": "matrix",
    "normuon": "matrix", "muon normuon": "matrix", "q k": "qk",
    "residual": "resid", "initial": "start", "minimum": "min", "maximum": "max", "micro": "device",
    "c proj": "cproj", "out proj": "cproj", "output projection": "cproj", "normalization": "norm",
    "normalisation": "norm", "rmsnorm": "rms norm", "attn": "attention", "untie": "remove tie", "untied": "remove tie",
    "tying": "tie",
    "tied": "tie",
    "weight tie": "embedding tie", "tie weight": "embedding tie", "weight tying": "embedding tie",
    "weight sharing": "embedding tie", "tied weight": "embedding tie", "up proj": "upproj", "up projection": "upproj",
    "down proj": "downproj", "down projection": "downproj", "qknorm": "qk norm", "ns": "nssteps",
    "regularisation": "regularization",
    # results
    "val bpb": "result", "val loss": "result", "bpb": "result",
    # circumstances
    "in place of": "insteadof", "instead of": "insteadof", "rather than": "insteadof", "on top of": "after",
    "once more": "again", "one more time": "again", "second look": "again", "second attempt": "again",
    "second try": "again", "more time": "again", "freq": "frequency", "this time": "again", "now that": "because", "together with": "with", "along with": "with",
    "combined with": "with", "as well as": "and", "more small": "smaller", "more big": "bigger",
    # verbs of two words
    "skip warmup": "remove warmup", "go back to": "set", "back to": "set", "return to": "set", "leave out": "remove",
    "turned off": "remove", "switched off": "remove", "turned on": "add", "turning off": "remove",
    "turn off": "remove", "get rid of": "remove", "switch off": "remove", "turn on": "add", "no": "remove",
}  # fmt: skip


class Vocabulary:
    """The phrases that name one thing, and how long the longest is, in words."""

    def __init__(self, phrases: Mapping[tuple[str, ...], tuple[str, ...]]) -> None:
        self.phrases = dict(phrases)
        self.longest = max(map(len, self.phrases), default=0)


BUILT_IN = Vocabulary({tuple(phrase.split()): tuple(meaning.split()) for phrase, meaning in _PHRASES.items()})

# What is turned. In a compound the last of them is the head: in "momentum warmup" it is warmup that changes.
QUANTITIES = _words(
    "lr wd beta beta1 beta2 momentum warmup warmdown finallr batch accum depth width aspect headdim heads kvheads mlp "
    "window pattern activation softcap dropout clip eps init ropebase seqlen nssteps seed"
)
# Which parameters, or which end of a schedule: two different ones make two different knobs.
GROUPS = _words(
    "embedding unembedding matrix scalar adam ve x0 resid device total start final min max short long qk cproj hidden"
)
# The group that is meant when none is named. Upstream's WEIGHT_DECAY and momentum are Muon's, its betas are Adam's.
DEFAULT_GROUP = {
    "wd": "matrix", "momentum": "matrix", "nssteps": "matrix", "batch": "total", "beta1": "adam", "beta2": "adam",
    "beta": "adam",
}  # fmt: skip
# What upstream's train.py (karpathy/autoresearch, March 2026) starts from: "matrix LR 0.05" is up. Depth and batch are
# not here, because every fork sets them for its own machine.
STARTING_VALUES = {
    "EMBEDDING_LR": "0.6", "UNEMBEDDING_LR": "0.004", "MATRIX_LR": "0.04", "SCALAR_LR": "0.5", "WEIGHT_DECAY": "0.2",
    "ADAM_BETAS": "(0.8, 0.95)", "MUON_MOMENTUM": "0.95", "NS_STEPS": "5", "WARMUP_RATIO": "0.0",
    "WARMDOWN_RATIO": "0.5", "FINAL_LR_FRAC": "0.0", "ASPECT_RATIO": "64", "HEAD_DIM": "128", "SOFTCAP": "15",
    "ROPE_BASE": "10000",
}  # fmt: skip
# A qualifier that says nothing new: "LR warmup" is warmup.
IMPLIED = {"warmup": "lr", "warmdown": "lr", "softcap": "final", "activation": "mlp", "pattern": "window"}
# Settings whose values are words; the value alone names the setting.
ACTIVATIONS = _words("relu relu2 gelu geglu silu swiglu reglu leakyrelu mish")
# Knobs that follow another one: the device batch has to divide the total, the aspect ratio keeps the width when the
# depth changes. Beside it they hardly make another idea.
_KNOBS: dict[str, tuple[str | None, frozenset[str]]] = {
    "total batch": ("batch", frozenset({"total"})), "device batch": ("batch", frozenset({"device"})),
    "accum": ("accum", frozenset()), "depth": ("depth", frozenset()), "aspect": ("aspect", frozenset()),
    "width": ("width", frozenset()), "heads": ("heads", frozenset()), "headdim": ("headdim", frozenset()),
}  # fmt: skip
COMPANIONS = {
    _KNOBS[knob]: frozenset(_KNOBS[leader] for leader in leaders)
    for knob, leaders in {
        "device batch": ["total batch"], "accum": ["total batch", "device batch"], "aspect": ["depth", "headdim"],
        "width": ["aspect"], "heads": ["headdim", "width"],
    }.items()
}  # fmt: skip
# A number before one of these names a quantity ("9 layers", "8 heads").
NUMBERED = {"layer": "depth", "deep": "depth", "head": "heads", "rope": "ropebase"}  # with a value after it
NOTHING = _words("none nothing off")  # after an arrow
# Words of a parameter of a mechanism: "mixup alpha 0.2" is mixup at 0.2.
PARAMETERS = _words("alpha coefficient coef strength weight prob probability amount factor level p n num")
UNITS = _words("image sample sequence token example frame")  # of a value that stands alone: "a smaller batch, 128 images"
SHARES = {"half": 1 / 2, "third": 1 / 3, "quarter": 1 / 4, "fifth": 1 / 5, "tenth": 1 / 10}
# What a fraction is taken of, where it is a factor: "a quarter of the original".
WHOLES = _words("original current default previous before baseline it")
# Places rather than quantities, where nothing says how much: "a gate on the attention heads".
PLACES = _words("heads mlp width depth window")
COUNTED = {"layer": "depth", "l": "depth", "block": "depth", "head": "heads", "d": "width"}

ADDING = _words("add adding introduce enable enabling")
REMOVING = _words("remove removing disable disabling drop eliminate strip without")
# verb -> (direction, factor): +1 more or on, -1 less or off, 0 sets or swaps
VERBS: dict[str, tuple[int, float | None]] = {
    **dict.fromkeys(
        _words(
            "increase increasing raise raising bump bumping up boost higher more larger bigger longer stronger "
            "extra additional "
            "lengthen extend grow enlarge strengthen looser loosen widen wider deepen deeper expand"
        ),
        (1, None),
    ),
    **dict.fromkeys(
        _words(
            "decrease decreasing reduce reducing lower lowering cut cutting shrink shrinking less smaller fewer "
            "shorter shorten weaker weaken tighten tighter narrow narrower shallower trim down"
        ),
        (-1, None),
    ),
    **dict.fromkeys(ADDING, (1, None)),
    **dict.fromkeys(REMOVING, (-1, None)),
    **dict.fromkeys(_words("multiply divide revert restore "
        "reset set change replace replacing switch swap use using try make tune apply"), (0, None)),
    "halve": (-1, 0.5), "half": (-1, 0.5), "halving": (-1, 0.5), "quarter": (-1, 0.25), "eighth": (-1, 0.125),
    "double": (1, 2.0), "doubling": (1, 2.0), "triple": (1, 3.0), "quadruple": (1, 4.0),
}  # fmt: skip
# A list of changes that ends in one of these names what it stands on: "SWA + the winning config".
BASES = _words("config configuration setup recipe baseline winning tweak everything stack default")
# A short clause of nothing but these heads what follows: "optimizer tuning: matrix LR 0.05".
HEADINGS = _words(
    "experiment hypothesis stack sweep tuning combo combined combination retry hyperparameter hparam optimizer "
    "optimiser architecture schedule "
    "model regularization attempt ablation config phase stage followup follow change training scaling "
    "baseline idea"
)
COUNTING = _words("more fewer less extra additional")
USING = _words("use using try make apply")
SCALING = _words("scale multiply divide")
# Verbs in the past tense, as what they say: "QK norm removed".
PARTICIPLES = {
    participle: verb
    for verb, participles in {
        "remove": "removed disabled dropped eliminated stripped skipped off", "add": "added enabled introduced",
        "increase": "increased raised bumped boosted enlarged extended lengthened strengthened widened expanded grown",
        "decrease": "decreased reduced lowered shortened shrunk weakened tightened narrowed trimmed",
        "halve": "halved", "double": "doubled", "triple": "tripled", "replace": "replaced swapped",
        "switch": "switched",
        "set": "changed used tried applied adjusted", "divide": "divided", "multiply": "multiplied",
        "revert": "reverted restored",
    }.items()
    for participle in participles.split()
}  # fmt: skip
SWAPPING = _words("replace replacing switch swap")
# A comparative names its quantity where nothing else does: "deeper" is depth.
COMPARATIVES = {"deeper": "depth", "shallower": "depth", "wider": "width", "narrower": "width"}

# From here on the sentence speaks of circumstances, reasons or results.
CONTEXT = _words(
    "while because since during when after before keeping leaving preserving continuing maintaining so which that than under due if "
    "where given despite via alongside unless until whereas compared versus vs insteadof expecting hoping motivated thereby hence therefore gives giving yields "
    "costs but"
)
RESULTS = _words(
    "too worse better improved improves improvement improve hurt regressed regression worsened marginal "
    "marginally slightly best plateau failed crashed crash oom overshoot flat neutral win won helped did didnt help divergence acc accuracy err auc wer ppl perplexity "
    "diverged unstable exceeded fell keep kept discard discarded result still identical val "
    "delta"
)
STOPWORDS = _words(
    "a an the of in it its is are be was this that these and or only just again further also all same other about "
    "around approximately roughly some any each every per as our my current currently value setting instead now rather once "
    "ratio size rate frac fraction count number step iter param run retry rerun revisit revisited other second both trying test experiment exp "
    "new potentially even much very by into over small percent fine toward towards back then factor let we us i what "
    "if would could should using full "
    "whether repeat retest champion different network model"
)
# What a misspelled word may have been.
KNOWN = (
    QUANTITIES | GROUPS | ACTIVATIONS | STOPWORDS | CONTEXT | RESULTS | frozenset(VERBS) | frozenset(PARTICIPLES)
    | frozenset(word for phrase in _PHRASES for word in phrase.split())
)  # fmt: skip
