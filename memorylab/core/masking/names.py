# ruff: noqa: E501, SIM905 - tables of words and patterns read worse when they are broken up
"""Whether a name says that its value is secret: `api_key` does, `pad_token`, `cache key` and `token_id` do not."""

import re
from collections.abc import Iterator

# Names of what is not secret: tokens of a vocabulary, keys of a dictionary, counts, files.
OF_MODELS = frozenset(
    (
    "pad eos bos unk sep cls mask special added image audio video stop next prev last first per num n total max min new "
    "start end begin decoder forced suppress text sub input output target label word byte bpe the a each this of by "
    "current single and to header cache primary foreign partition sort public pub host idempotency dict state metric "
    "index group join hash lookup attention attn query past dedup shard row column map json config param parameter "
    "missing unexpected expected known wrong layer module tensor key pass forward backward second one bypass com tres "
    "encom sur over mouse arrow hot tokens random prng rng jax de pre multi"
).split()
)  # fmt: skip
OF_DATA = frozenset(  # what a key may be of besides, but hardly a token
    (
    "dataset data feature field caption batch loss checkpoint ckpt model run sweep trial entry node object bucket blob message event "
    "routing translation locale theme flag tag summary attr property lang reward prompt response answer question chosen rejected score "
    "monitor gpg pgp release partition meta schema extra version option function action region iteration position origin domain plugin "
    "location relation dimension section collection condition operation expression extension registry count"
).split()
)  # fmt: skip
_NOT_SECRET = frozenset(
    (
    "id ids file files filename path paths dir dirs directory folder len length count counts name names type "
    "types policy hint url uri urls arn expiry expires expiration at in ttl version manager provider required "
    "enabled disabled field prompt size sizes min max limit limits budget usage rate format algorithm store "
    "index idx pos position embedding embeddings mask loss acc accuracy shift dropout ring s fingerprint valid "
    "scope scopes bytes class error stdin helper py cu cpp cc js ts go rs"
).split()
)  # fmt: skip
_REST_OF_WEAK = re.compile(
    # Atomic, or a name of many digits could be taken apart in ever so many ways; so the longer word comes first.
    r"(?>[_.-]?(?>\d{1,3}|v\d|production|prod|development|dev|testing|test|staging|stage|value|val|env|key|secret|string|str|text|"
    r"base64|b64|encoded|live|main|old|new|backup|default|plaintext|plain|raw|read|ro|rw|write|admin|ci|bot|user))*+",
    re.IGNORECASE,
)
SEGMENTS = re.compile(r"[_.-]|(?<=[a-z])(?=[A-Z])")
_COMPOUND = re.compile(r"[a-z]+[ _.-]?\Z")


def starts(lower: str, at: int) -> Iterator[int]:
    """Where a name may begin that has one of the words at a place: "api" of "api_key" is before it."""
    if lower.startswith("key", at):
        before = _COMPOUND.search(lower, max(0, at - 16), at)
        if before is not None:
            word = before[0].rstrip(" _.-")
            for compound in _KEYS if word.endswith(_KEYS) else ():
                if word.endswith(compound):
                    yield before.start() + len(word) - len(compound)
    yield at


_KEYS = tuple(sorted(
    (
    "api access private auth account signing encryption encrypt master license licence service deploy storage "
    "subscription app application client consumer session ssh hmac jwt aes shared root admin security personal "
    "webhook"
).split(),
    key=len, reverse=True,
))  # fmt: skip


def is_name(word: str, before: str, rest: str, name: str) -> bool:
    """Whether a word that has other meanings is the name of a secret."""
    if before and before[-1].isalpha():
        # camelCase and runtogether words: accessToken, dbPass, authtoken; not "bypass", "monkey", "spin".
        joined = before[-1].islower() and name[len(before)].isupper() or word == "token"
        joined = joined or word == "pass" and before.startswith("-")
        if not joined:
            return False
    if word == "pass" and before.rstrip("_-. ").lower().endswith("ion"):
        return False  # of a compiler
    parts = [part for part in SEGMENTS.split(before.strip(" $:")) if part]
    last = parts[-1].lower() if parts else ""
    if last in OF_MODELS or word == "key" and last in OF_DATA or word in ("key", "auth") and not before:
        return False
    if word in ("pin", "otp", "pw", "psk") and rest:
        return False
    return bool(_REST_OF_WEAK.fullmatch(rest))


def goes_on(rest: str, word: str) -> bool:
    """Whether a name is still that of a secret with what follows its word: not `secretary`, not `token_id`."""
    if rest[0].isalpha() and not (rest[0].isupper() and word[-1].islower()):
        return False
    last = SEGMENTS.split(rest)[-1].lower()
    return last not in _NOT_SECRET
