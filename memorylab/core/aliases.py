"""The vocabulary of experiment descriptions: which words name one thing, and what kind of word each is.

Every table holds single lower-case words, plural "s" removed, or phrases of such words, collected by reading public
ledgers of autoresearch runs. A word that is in no table is kept as it is, so an unknown setting is still a setting of
its own. A lab adds phrases of its own under [tool.memorylab.aliases].
"""

from collections.abc import Mapping
from typing import Any


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What a thing is called here, and the phrases that mean it. The longest phrase wins.
_PHRASES = """
# Quantities
lr: learning rate
wd: weight decay, wdecay
momentum warmup: momentum ramp
warmup: warm up, warm the lr up, warm lr up, warm the learning rate up, ramp lr, ramp lr up, ramp up lr, ramp up
    the lr, ramp the lr up, ramp the lr, lr ramp, lr ramp up,
    warmup iter, warmup step, warmup ratio, wup
warmdown: cooldown, cool down, warm down, warmdown iter, wdown, lr decay, learning rate decay
cosine warmdown: cosine annealing, cosine decay
linear warmdown: linear decay
sqrt warmdown: sqrt decay
finallr: lr floor, final lr, min lr, lr min, minimum lr, final learning rate, minimum learning rate, floor
beta1: beta 1, b1, first moment, first moment decay, first adam moment, adam first moment
beta2: beta 2, b2, second moment, second moment decay, second adam moment, adam second moment, second adam beta,
    second beta
momentum: mom
batch: batch token, token batch, bs, token per step, token step, tok step, tok per step, token one step, token a step,
    token each step, tbs
device batch: microbatch, dbs
eval batch: val batch, validation batch, evaluation batch
accum: grad accum, gradient accumulation, accum step
activation: act fn, activation function, mlp activation, nonlinearity, act func
dstate: d state, state size, ssm state, ssm state size, state dim, ssm state dim
depth: n layer, num layer, number of layer, nlayer, n block, model depth, num hidden layer
width: n embd, d model, model dim, model width, hidden size, embed dim, embedding dim, dim, hidden dim, hidden unit,
    num hidden
aspect: aspect ratio, ar
headdim: head dim, hd, dim head, dimensional head, dim attention head, dimensional attention head
heads: n head, num head, attention head, number of head, number of attention head
kvheads: n kv head, num kv head, kv head, nkvhead
mlp: expansion, expansion ratio, expansion factor, mlp ratio, mlp mult, mlp expansion, mlp width, ffn, feed forward
mlp hidden: mlp hidden, mlp hidden dim, mlp dim
pattern: window pattern, attention pattern
short window: short win
long window: long win
window: window size, sliding window
softcap: softcapping, logit softcap, logit cap, logit softcapping, soft cap, cap, capping, logit capping, soft capping,
    tanh cap, logit tanh cap, tanh softcap
clip: grad clip, gradient clip, grad clipping, gradient clipping, clip norm, max norm, grad norm, clipping, gradient
    norm, clip gradient, clip gradient to norm, clip gradient at norm, clip gradient to
eps: epsilon
init: initialization, initialisation, initial value
nonzero init: normal init, small normal init, random init, small random init, gaussian init, small gaussian init,
    small nonzero init, small init, non zero init
constant: held constant, hold constant, hold fixed, held fixed, const
nonzero: small random, small gaussian
ropebase: rope base, rope theta, theta, rope base frequency, rope frequency
seqlen: seq, train seq, seq len, sequence length, token sequence, token context, context length, max seq len
nssteps: ns step, newton schulz step, backend step, newton schulz, ns
seed: random seed
maxsteps: max step, max iter
embedding lr: embedding rate, elr
unembedding lr: head lr, head rate, uelr, unembedding rate, ulr
matrix lr: matrix rate, mlr
scalar lr: scalar rate, slr
# Groups of parameters, places in the network
embedding: embed, emb, wte, token embedding, tok emb
unembedding: lm head, lmhead, unembed, output head, language modeling head, unemb
matrix: matrice, muon, normuon, muon normuon
adam: adamw
ve: value embedding, value emb, value embed, val emb, val embedding, val embed
resid: residual
cproj: output proj, c proj, out proj, output projection
qk: query and key, q and k, query key, q k
qk norm: qknorm
start: initial
min: minimum
max: maximum
device: micro
attention: attn
layer: hidden layer
norm: normalization, normalisation, normalize, normalise, normalized, normalised, normed
rms norm: rmsnorm
batchnorm: batch norm
layernorm: layer norm
groupnorm: group norm
upproj: up proj, up projection
downproj: down proj, down projection
# Mechanisms
relu2: squared relu, relu squared, relu ^2
leakyrelu: leaky relu, leaky squared relu, leakyrelu2, leaky relu2, leaky relu squared
silu: swish
swiglu: gated mlp with silu, gated silu, silu gated, silu gate, silu gated mlp
geglu: gelu gated, gelu gate, gelu gated mlp
unet: u net
unet skip: mirrored skip, long skip, mirrored long skip, skip between mirrored layer, long skip between mirrored layer,
    skip connection between mirrored layer, mirrored skip connection, long skip connection
tie: tying, tied
remove tie: untie, untied
embedding tie: weight tie, tie weight, weight tying, weight sharing, tied weight, shared embedding, share embedding,
    sharing embedding, shared weight, tied input and output embedding, tying input and output embedding,
    tied embedding, tie embedding, tie wte and head, tie wte and lm head, tie lm head, tie embedding and lm head,
    tie embedding and head, tie input and output embedding, share input and output embedding
dropout: drop out
droppath: drop path, stochastic depth, layer drop, layerdrop, random layer skip, layer skipping
ema averaging: ema, exponential moving average, weight ema, ema of weight, ema of the weight, ema weight,
    polyak averaging, polyak average, exponential moving average of weight, exponential moving average of the
    weight, ema shadow weight
swa averaging: swa, stochastic weight averaging, weight averaging, weight average, averaged weight, average
    weight, checkpoint averaging, swa weight
z loss: zloss, logsumexp^2 penalty, logsumexp penalty, log partition penalty, squared log partition penalty,
    penalty on log partition, penalty on squared log partition, penalty on the squared log partition, penalty on log z,
    penalty on logsumexp
label smoothing: label smooth, smoothed target, smoothed label, target smoothing
he: kaiming
gqa: grouped query attention
mqa: multi query attention
rope: rotary
mtp: multi token prediction, multi token loss, next next token, next next token prediction, next next token loss,
    multi token head
parallel block: gpt j block, gpt j style block, gpt j style, palm style, palm block, palm style block,
    parallel attention mlp block, parallel attention mlp, attention mlp in parallel, attention mlp side by side
learned: learnable, trainable
flat: no gain, no further gain, no improvement, no effect, no benefit, no win, no difference, no help, no
    further improvement
sandwich norm: post sublayer norm, post sublayer rms norm, norm sandwich
partial rope: partial rotary
x0: input injection, input re injection, input reinjection, x0 injection, x0 skip, x0 stream, embedding shortcut
se: squeeze excite, squeeze excitation, squeeze and excite, squeeze and excitation
moe: mixture of expert
sam: sharpness aware minimization
halfprecision: half precision, fp16, float16
fp32: float32
bf16: bfloat16
augmentation: data aug, data augmentation, augment
regularization: regularisation
frequency: freq
# Circumstances and results
insteadof: in place of, instead of, rather than
after: on top of
again: take two, take three, once more, one more time, second look, second attempt, second try, more time, this time
because: now that, at matched, at the same, at equal, at constant, at similar, at iso, at fixed
plus: together with, along with, combined with, in combination with
and: as well as
result: val bpb, val loss, bpb
# Verbs of several words
set: go back to, back to, return to
remove softcap: uncapped logit, uncap logit, uncapped
remove: rip out, ripped out, take out, taken out, throw out, thrown out, cut out, leave out, turned off,
    switched off, turning off, turn off, get rid of, switch off, no
remove warmup: skip warmup
add: turned on, turn on
smaller: more small
bigger: more big
"""


class Vocabulary:
    """The phrases that name one thing, and how long the longest is, in words.

    `known` holds the texts that were read with them, and what each makes (`reading.read`)."""

    def __init__(self, phrases: Mapping[tuple[str, ...], tuple[str, ...]]) -> None:
        self.phrases = dict(phrases)
        self.longest = max(map(len, self.phrases), default=0)
        self.known: dict[str, tuple[Any, ...]] = {}


def _built_in() -> Vocabulary:
    phrases: dict[tuple[str, ...], tuple[str, ...]] = {}
    for line in _PHRASES.replace("\n    ", " ").splitlines():
        meaning, _, names = line.partition(": ")
        if names:
            phrases |= {tuple(name.split()): tuple(meaning.split()) for name in names.split(", ")}
    return Vocabulary(phrases)


BUILT_IN = _built_in()

# What is turned. In a compound the last of them is the head: in "momentum warmup" it is warmup that changes.
QUANTITIES = _words(
    "lr wd beta beta1 beta2 momentum warmup warmdown finallr batch accum depth width aspect headdim heads "
    "kvheads mlp window pattern activation softcap dropout clip eps init ropebase seqlen nssteps seed"
)
# Which parameters, or which end of a schedule: two different ones make two different knobs.
GROUPS = _words(
    "embedding unembedding matrix scalar adam ve x0 resid device total eval start final min max short long qk "
    "cproj hidden"
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
CHOICES = {
    choice: quantity
    for quantity, choices in {
        "activation": "relu relu2 gelu geglu silu swiglu reglu leakyrelu mish",
        "optimizer": "sgd lion sophia soap shampoo adafactor lamb rmsprop adagrad adan nadam",
    }.items()
    for choice in choices.split()
}
# Groups of parameters that are called by their optimizer, where nothing of them is turned: "AdamW for everything".
OPTIMIZERS = {"adam": "adam", "matrix": "muon"}
EVERYWHERE = _words("everything everywhere group optimizer optimiser 2d 2 weight parameter incl including only")
RATED = _words("embedding unembedding matrix scalar")  # groups with a learning rate of their own
LENGTHS = _words("window pattern seqlen")  # these can be short or long and mean a knob of their own
# Shapes of the schedule by which learning rates fall.
SHAPES = _words("cosine onecycle trapezoidal wsd sqrt exponential polynomial sinusoidal")
ENDING = _words("anneal end ending decay finish")  # a learning rate that does so, and where
OF_SCHEDULES = _words("schedule phase shaped shape anneal annealing decay curve policy") | SHAPES
PEAKS = _words("peak max")
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
PARAMETERS = _words(
    "decay sigma std coef alpha coefficient coef strength weight prob probability amount factor level p n num"
)
COMMON = PARAMETERS | _words("layer block head heads output input mlp attention loss weight scale scaling")
UNITS = _words("image sample sequence token example frame")  # of a value alone: "a smaller batch, 128 images"
SHARES = {
    "half": 1 / 2,
    "third": 1 / 3,
    "quarter": 1 / 4,
    "fifth": 1 / 5,
    "tenth": 1 / 10,
    "eighth": 1 / 8,
    "sixth": 1 / 6,
    "twentieth": 1 / 20,
}
ORDINALS = _words("first second other each top bottom upper lower early late")  # "the first half of the layers"
# What a fraction is taken of, where it is a factor: "a quarter of the original".
WHOLES = _words("upstream stock original current default previous before baseline it")
# Places rather than quantities, where nothing says how much: "a gate on the attention heads".
PLACES = _words("heads mlp width depth window")
# Of a block: two of them, joined, are parts of one mechanism.
PARTS = _words("attention mlp heads q k v query key input output")
TABLES = _words("embedding unembedding")
TYING = _words("tie share shared")  # the two tables are one
JOINING = _words("and + & ,")
COUNTED = {"layer": "depth", "l": "depth", "block": "depth", "head": "heads", "d": "width"}

ADDING = _words(
    "add adding introduce introducing enable enabling insert adopt adopting incorporate reintroduce inject "
    "implement include"
)
REMOVING = _words(
    "remove removing disable disabling drop dropping eliminate strip ablate ablating without ditch delete omit kill"
)
# verb -> (direction, factor): +1 more or on, -1 less or off, 0 sets or swaps
VERBS: dict[str, tuple[int, float | None]] = {
    **dict.fromkeys(
        _words(
            "increase increasing raise raising bump bumping up boost higher more larger bigger longer stronger extra "
            "additional lengthen stretch extend grow enlarge strengthen looser loosen widen wider deepen deeper expand"
        ),
        (1, None),
    ),
    **dict.fromkeys(
        _words(
            "decrease decreasing reduce reducing lower lowering cut cutting shrink shrinking less smaller fewer "
            "shorter shorten restrict limit weaker weaken tighten tighter narrow narrower shallower trim down"
        ),
        (-1, None),
    ),
    **dict.fromkeys(ADDING, (1, None)),
    **dict.fromkeys(REMOVING, (-1, None)),
    **dict.fromkeys(
        _words("multiply divide revert restore reset set change replace replacing switch swap use using try make tune "
               "apply"),
        (0, None),
    ),
    "halve": (-1, 0.5), "half": (-1, 0.5), "halving": (-1, 0.5), "quarter": (-1, 0.25), "eighth": (-1, 0.125),
    "double": (1, 2.0), "doubling": (1, 2.0), "triple": (1, 3.0), "quadruple": (1, 4.0), "twice": (1, 2.0),
   
}  # fmt: skip
# A list of changes that ends in one of these names what it stands on: "SWA + the winning config".
BASES = _words(
    "best champion winner config configuration setup recipe baseline winning tweak everything stack default base "
    "trunk branch"
)
# A short clause of nothing but these heads what follows: "optimizer tuning: matrix LR 0.05".
HEADINGS = _words(
    "experiment hypothesis stack sweep tuning combo combined combination retry hyperparameter hparam optimiser "
    "architecture schedule model regularization attempt ablation config phase stage followup follow change "
    "training scaling baseline idea"
)
COUNTING = _words("more fewer less extra additional")
USING = _words("use using try make apply")
SCALING = _words("scale multiply divide")
# Verbs in the past tense, as what they say: "QK norm removed".
PARTICIPLES = {
    participle: verb
    for verb, participles in {
        "remove": "ablation ablated removal removed disabled dropped eliminated stripped skipped off",
        "add": "addition added enabled introduced",
        "increase": "increased raised bumped boosted enlarged extended lengthened strengthened widened expanded grown",
        "decrease": "reduction decreased reduced lowered shortened shrunk weakened tightened narrowed trimmed",
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

# Between a preposition and its value they say nothing: "to a final LR of 0.1".
TRANSPARENT = _words("final std norm value around the a an about only factor of gated plain standard simple regular")
# After "to" they begin a purpose, not a place to go.
PURPOSES = _words(
    "save improve test see allow let help avoid prevent stabilize stabilise regularize regularise get recover dampen "
    "encourage free fit keep speed check verify break maintain preserve better learn capture match simplify explore "
    "accelerate control balance counter"
)
COUNTABLES = _words("trial seed run step epoch iteration sample row")  # a number of these is no value
COMPARED = _words("more fewer less faster slower throughput")  # a number with these is a result
TRIES = _words("look try time attempt run seed pass go")
AGAIN = _words("again further once more entirely completely fully altogether")
BECOMING = _words(
    "change changed raise raised increase increased decrease decreased reduce reduced lower lowered set up down"
)
COMPARING = _words("than versus vs compared")
# From here on the sentence speaks of circumstances, reasons or results.
CONTEXT = _words(
    "while because since during when after before keeping leaving preserving continuing maintaining so which "
    "that than under due if where given despite via through cost yield fix fixed fixing maybe perhaps probably "
    "alongside unless until whereas compared versus vs "
    "insteadof expecting hoping hypothesizing assuming betting testing guarding believing aiming seeking thinking "
    "guessing "
    "anticipating suspecting inspired against motivated thereby hence therefore gives giving yields costs but"
)
RESULTS = _words(
    "too worse better improved improves improvement improve hurt regressed regression worsened marginal "
    "marginally slightly best plateau failed crashed crash oom overshoot flat neutral win won helped did didnt "
    "help divergence acc accuracy err auc wer ppl perplexity diverged unstable exceeded fell keep kept discard "
    "discarded result still identical val delta nan hung stalled bad mfu slower faster"
)
STOPWORDS = _words(
    "nothing else repeated tested revisited revisiting checked variant idea attempt "
    "entirely completely fully altogether "
    "a an the of in it its is are be was this that these and or only just again further also all same other "
    "about around approximately roughly some any each every per as our my current currently value setting "
    "instead now rather once ratio size rate frac fraction count number step iter param run retry rerun "
    "revisit revisited second both trying test experiment exp new potentially even much very by into over "
    "small percent fine toward towards back then factor let we us i what if would could should using full "
    "whether repeat retest champion different network model transformer another chance bring give train training "
    "run maintain "
    "put replicate replication confirm confirmed confirming verify plain pure whole such while together continue "
    "direction way push pushing luck mb gb many as"
)
# Words that name no mechanism.
UNTELLING = (
    STOPWORDS
    | CONTEXT
    | RESULTS
    | frozenset(VERBS)
    | frozenset(PARTICIPLES)
    | BASES
    | _words("from to at by with and plus x on for not no")
)
# Before "baseline" they say that something is done to it, or that it is only compared with.
TURNING = (
    QUANTITIES
    | frozenset(CHOICES)
    | frozenset(VERBS)
    | frozenset(PARTICIPLES)
    | CONTEXT
    | RESULTS
    | _words("in vs on of to from over at by + & = ,")
)
# What a misspelled word may have been.
TARGETS = (
    QUANTITIES
    | GROUPS
    | frozenset(CHOICES)
    | frozenset(VERBS)
    | frozenset(PARTICIPLES)
    | _words("weight decay learning attention optimizer warmup window momentum")
)
# A word that is none.
KNOWN = (
    OF_SCHEDULES | PARAMETERS | COMMON | UNITS | WHOLES | BASES | HEADINGS | ENDING | _words("export") |
    QUANTITIES | GROUPS | frozenset(CHOICES) | STOPWORDS | CONTEXT | RESULTS | frozenset(VERBS) | frozenset(PARTICIPLES)
    | frozenset(word for phrase in BUILT_IN.phrases for word in phrase)
)  # fmt: skip
