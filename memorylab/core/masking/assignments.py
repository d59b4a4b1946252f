# ruff: noqa: E501, SIM905 - tables of words and patterns read worse when they are broken up
"""`password = hunter2`: values that a name says are secret, however they are written down."""

import re
from collections.abc import Iterator
from functools import cache

from memorylab.core.masking.credentials import SERVICES
from memorylab.core.masking.names import OF_DATA, OF_MODELS, SEGMENTS, goes_on, is_name, starts
from memorylab.core.masking.parallel import pairs
from memorylab.core.masking.randomness import is_made, is_path, is_random

_ANY_WORD = re.compile("pass|pwd|secret|token|key|auth|cred|p(?:in|w)(?![a-z])|otp(?![a-z])|psk(?![a-z])")

# The names; what may stand between the words of one.
_GAP = r"[ _.-]?"
_STRONG = (
    rf"pass{_GAP}(?:word|wd|phrase|code)s?|passwd|pwd|secret|credentials?|"
    rf"(?:api|access|private|auth|account|signing|encryption|encrypt|master|license|licence|service|deploy|storage|"
    rf"subscription|app|application|client|consumer|session|ssh|hmac|jwt|aes|shared|root|admin|security|personal|webhook)"
    rf"{_GAP}key"
)
_WEAK = r"token|pass|auth|creds?|key|pin|otp|pw|psk"
_NAME = rf"(?P<strong>{_STRONG})|(?P<weak>{_WEAK})"
_REST = r"(?P<rest>[\w-]{0,30}(?:\.[a-z]{1,12})?)"
_ANSI = r"(?:\x1b\[[0-9;]*m)*"
_QUOTE = r"\\{0,3}[\"'`]"
_LINE_END = r"[ \t]*\r?\n[ \t+>-]*"
_SEP = (
    rf"(?P<closed>{_QUOTE})?{_ANSI}\]?{_ANSI}(?:\)(?=\s*[:=]))?(?:[ \t]*\([\w ]{{1,20}}\)(?=:))?(?:[ \t]+string(?=[ \t]*=)|\[\d{{0,4}}\](?=[ \t]*=[ \t]*{_QUOTE}))?"
    rf"(?:"
    rf"(?P<next>:[ \t]*(?P<scalar>[|>][+-]?)?{_LINE_END})"
    rf"|[ \t]*(?::[ \t]*(?:(?:Final|ClassVar|Optional)(?:\[[\w.]+\])?|str|string|Secret(?:Str|String|Bytes)|&(?:'static )?str|any)"
    rf"(?:[ \t]*\|[ \t]*None)?[ \t]*)?"
    rf"(?P<sep>:=|=>|->|→|⇒|\??=(?!=)|:(?!:)|%3[AD](?:%20|%22)*)(?:\*\*)?[ \t]*(?:\({_LINE_END}(?={_QUOTE}))?|[ \t]+(?P<bar>[|│┃])[ \t]*|(?P<tag>>)"
    rf"|(?P<pair>[ \t]+--(?:value|body)[ =]|</name>\s*<value>|(?:,\s*(?:{_QUOTE}[^{{}}\n]{{1,80}}?,\s*)?|\s*(?:[+-]\s*)?)(?:{_QUOTE})?value(?:{_QUOTE})?\s*[:=]\s*|[ \t]*\{{[^{{}}]{{0,120}}?\bdefault[ \t]*=[ \t]*)"
    rf"|(?P<comma>,\s*(?={_QUOTE}))"
    rf"|(?P<code>\((?={_QUOTE})|[ \t]*[!=]==?[ \t]*(?={_QUOTE})|\)?[ \t]*(?:or\b|\|\||\?\?)[ \t]*(?={_QUOTE}))"
    rf"|(?P<words>(?:[ \t]+(?:for|of|to|on|at)(?:[ \t]+[\w.@'-]{{1,30}}){{1,4}})?[ \t]+(?:is|was|to|from|-|–)(?:[ \t]+now|[ \t]+set[ \t]+to)?[ \t:]+)"
    rf"|(?P<dots>[ \t]\.{{3,200}}[ \t]+)"
    rf"|(?P<flag>[ \t]+)"
    rf")(?:\x1b\[[0-9;]*m[ \t]*)*"
)
_VALUE = (
    rf"(?:(?:Secret(?:Str|String|Bytes)?|Some|Just|String::from|[\w.]{{0,20}}(?:[Ff]ield|Option|Argument))\((?:default[ \t]*=[ \t]*)?|ConvertTo-SecureString[ \t]+|(?P<list>\[\s?))?[rbfuRBFU]{{0,2}}(?P<quote>{_QUOTE})(?:{_ANSI})(?P<quoted>(?:\\(?![\"'`])[^\n]|[^\\\n]|\\[\"'`](?!\s*[,}}\])])){{0,4000}}?)(?:{_ANSI})(?P=quote)"
    rf"|(?P<bare>[^\s\"'`]{{1,600}})"
)
_REACH = 600  # characters of a line without end that are looked at
_LINE = re.compile(r"[ \t]*(?:[+>-][ \t]*)?(?:(?:export|set|declare -x|env|ENV|ARG|\+)[ \t]+)?[\w.-]*")
_BEFORE = re.compile(r"[\w.$:-]*\Z", re.ASCII)
_SET = re.compile(
    r"(?:\b(?:set|setx|setenv|config|configure|modify|put|add|env|arg|variable)\b[^\n]*|--?)\Z",
    re.IGNORECASE | re.ASCII,
)
_USER = re.compile(r"user|login|host|account|admin|ssid", re.IGNORECASE)

_PLACEHOLDER = frozenset(
    (
    "none null nil true false yes no on off required optional missing empty unset undefined default hidden "
    "masked redacted string str int float bool bytes any object secretstr not is invalid unknown n/a na todo "
    "tbd changeme ok set found loaded valid expired incorrect wrong please enter your the a an for in of to "
    "and or if must should was has had with from accepted rejected denied changed updated saved stored provided "
    "given needed failed failure error read write given disabled enabled prompt env keyring auto self args "
    "config cfg kwargs type value key token secret password passwd keys tokens auth acct account user username credentials creds login"
).split()
)  # fmt: skip
_STANDS_FOR = re.compile(
    r"[*.xX•·#_?-]+|<[^<>]*>|\$\{?\w[^\s]*|\$\([^\s]*|\{\{?[^{}]*\}?\}?|%\w+%|%[sdr]|\([\w ]+\)|\d+:\d+:?|(?:[bu]?float|u?int|complex|[bf]p|bf|amd|arm|i|x86_)(?:8|16|32|64|128|386)(?:_e\d\w{1,5})?|\(?(?:os\.|getpass|getenv|env[\[(.]|process\.env|self\.|"
    r"args\.|cfg\.|config[.\[]|settings\.|request\.|opts?\.|options\.|hparams\.|flags\.|ctx\.|userdata\.|secrets?[.\[])\S*"
    r"|[A-Za-z_][\w.]*\(\S*|[a-z.]+@[a-z.-]+\.[a-z]{2,4}|\[REDACTED\].*|\*{3,}.*|your[-_ ].*|[\w.-]{0,24}?[x*]{8,}|!(?:vault|env|secret|ref|sub|include)\b.*",
    re.IGNORECASE,
)
_DOTTED = re.compile(r"[a-z_]\w*(?:\.[A-Za-z_]\w*)+|[A-Za-z_]\w*(?:\[[^\]]*\])+(?:\.\w+)*")
_LAYER = re.compile(r"[a-z_]\w*(?:\.\w+){2,}")
_IDENTIFIERS = re.compile(r"[A-Za-z_]+(?:\.[A-Za-z_]+)+")
_SNAKE = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)+")
_CODE = re.compile(
    r"[A-Z]\w*\[[\w.\[\], |\"']*\]*,?$|[A-Za-z_][\w.]*Key(?:Types?)?$|[A-Za-z_][\w.]*[\[(]$|[A-Za-z_][\w.]*(?:\[[\w.'\"]*\]?|\(.*\)?)(?:\.|$)"
)
_ANOTHER = re.compile(r"(?:[,;] *|\) +)[A-Za-z_]\w* *[=:(]")
_PHRASE = re.compile(r"[A-Za-z]{3,20}(?:-[A-Za-z]{3,20}){3,}")  # words that were drawn by dice
_METAVAR = re.compile(r"[A-Z_]+")
_WHOLE = re.compile(r"\S*")
_MORE = re.compile(r"[\w+/=.%~-]*")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://\S*", re.IGNORECASE)
_UPPER = re.compile(r"[A-Z][A-Z0-9_]*")
_NUMBER = re.compile(r"[+-]?\d*\.\d+(?:e[+-]?\d+)?,?", re.IGNORECASE)
_BASE64 = re.compile(r"(?=[^A-Z]{0,20}[A-Z])(?=\D{0,20}\d)[A-Za-z0-9+/]{28,}={0,2}")
_SETTERS = frozenset(("set", "with", "use", "update"))
_DIGIT = re.compile(r"\d")
_LETTERS_AND_DIGITS = re.compile(r"(?=[^A-Za-z]*[A-Za-z])(?=\D*\d)[^\s/\\(){}\[\]<>|]+")


_CONTINUED = re.compile(
    r"\\?[\"'][ \t]*[\\+]?[ \t]*\r?\n[+>-]?[ \t]*\\?[\"'](?P<rest>[\w+/=.~-]{8,400})(?=\\?[\"'](?![ \t]*[=:]))"
)


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile(rf"(?:{_NAME}){_REST}{_SEP}(?:{_VALUE})", re.ASCII | re.IGNORECASE)


def assigned(text: str, lower: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, kind) of values that are secret by their name. `lower` is the text in lower case."""
    until = -1
    several = pairs(text)
    for word in _ANY_WORD.finditer(lower):
        at = word.start()
        if at < until or word[0] in ("key", "auth") and lower[at - 1 : at] not in _JOINTS:
            continue
        if at in several:
            name, start, end = several[at]
            said = f"{name} = {text[start:end]}"
            for begin, close, kind in assigned(said, said.lower()):
                yield start + begin - len(name) - 3, start + close - len(name) - 3, kind
            continue
        # The name may have begun before: "api" of "api_key".
        for start in starts(lower, at):
            match = _pattern().match(text, start)
            if match is None:
                continue
            found = _value(text, match)
            if found is not None:
                until = found[1]
                yield found
                while match["quoted"] is not None and (more := _CONTINUED.match(text, until)) is not None:
                    until = more.end("rest")
                    yield *more.span("rest"), found[2]
            break


_JOINTS = frozenset(
    "abcdefghijklmnopqrstuvwxyz0123456789_-. ("
)  # what joins a word of two meanings to one that decides


def _value(text: str, match: re.Match[str]) -> tuple[int, int, str] | None:
    begin = match.start()
    before = _BEFORE.search(text, max(0, begin - 60), begin)  # a name that stands apart, as in "cache key", counts too
    name_before = before[0] if before else ""
    is_strong, rest = match["strong"] is not None, match["rest"]
    word = (match["strong"] or match["weak"]).lower()
    if name_before.startswith("arn:"):  # the path of a secret
        return None
    name = name_before + text[begin : match.end("rest")]
    is_of_another = word == "key" and match["words"] is not None and not name_before  # "my wandb key is"
    is_named = is_strong or is_of_another or is_name(word, name_before, rest, name)
    if not is_named and (name_before or word not in ("key", "token") or not _is_of_service(text, begin, match)):
        return None
    if rest and not goes_on(rest, match["strong"] or match["weak"]):
        return None
    is_told = match["flag"] is not None and not name.startswith("-")  # in words, or by a command that sets it
    if is_told and (match["closed"] is not None or not _DIGIT.search(match["bare"] or match["quoted"])):
        return None
    if match["comma"] is not None and match["closed"] is None:
        return None
    if match["list"] is not None and not (is_strong and is_made(match["quoted"])):
        return None
    if match["tag"] is not None and text[max(0, begin - len(name_before) - 1) : begin - len(name_before)] not in (
        "<",
        ":",
    ):
        return None
    is_quoted = match["quoted"] is not None
    start, end = match.span("quoted" if is_quoted else "bare")
    if not is_quoted:
        end = _bare_end(text, match, start, end, begin - len(name_before))
    value = text[start:end]
    if is_told and not _is_told(value, word, text, begin - len(name_before)):
        return None
    if match["dots"] is not None and not _is_told(value, word, text, 0):
        return None
    if match["code"] is not None and not _is_of_code(value, match["code"], word, name_before):
        return None
    if match["next"] is not None and (is_quoted or not _is_alone(text, start, end, match["scalar"] is not None)):
        return None
    if match["closed"] is not None and not is_quoted and value.isdigit() and len(value) < 7:
        return None  # of a vocabulary
    if is_of_another and not _is_key_of_another(text, begin, value):
        return None
    if match["words"] is not None and (word == "pass" or not _is_said(value, match["words"], word)):
        return None
    is_short = not is_quoted and 8 <= len(value) < 12 and _LETTERS_AND_DIGITS.fullmatch(value) is not None
    if word in ("pass", "pw", "psk") and is_short and _is_of_user(text, begin, word):
        is_strong = True
    if not _is_secret(value, is_quoted, is_strong or word == "pass" and bool(name_before), match, name, text, end):
        return None
    if end - start >= _REACH and not is_quoted:
        more = _MORE.match(text, end)
        end = more.end() if more else end
    return start, end, _kind(word)


def _bare_end(text: str, match: re.Match[str], start: int, end: int, name_start: int) -> int:
    """Where a value without quotes ends."""
    line_start = text.rfind("\n", max(0, name_start - _REACH), name_start) + 1
    line_end = text.find("\n", start, start + _REACH)
    line_end = min(len(text), start + _REACH) if line_end < 0 else line_end
    is_alone = name_start - line_start < _REACH and _LINE.fullmatch(text, line_start, match.end("rest")) is not None
    if is_alone and match["sep"] == "=" and not _ANOTHER.search(text, start, line_end):
        return start + len(text[start:line_end].split("\r")[0].rstrip()) if match["strong"] or "_" in match[0] else end
    whole = _WHOLE.match(text, start, start + _REACH)
    if is_alone and match["sep"] == ":" and whole is not None and not text[whole.end() : line_end].strip():
        return whole.end()
    if match["pair"] is not None and whole is not None and not text[whole.end() : line_end].strip():
        return whole.end()
    value = text[start:end]
    if match["tag"] is not None:
        return start + len(value.partition("<")[0])
    cut = re.search(r"\x1b|\\[nr]|[,;&<|]|%2[26C]|-\]|\+\}", value)
    return start + (cut.start() if cut else len(value.rstrip(")]}>.:!?")))


def _is_told(value: str, word: str, text: str, name_start: int) -> bool:
    """Whether what follows a name with no sign between them is its value: English says "the password policy", too."""
    if not _LETTERS_AND_DIGITS.fullmatch(value):
        return bool(_SET.search(text, max(0, name_start - 60), name_start) and _BASE64.fullmatch(value))
    if word.startswith("pass") and word != "pass":
        return len(value) >= 8
    if _SET.search(text, max(0, name_start - 60), name_start) and len(value) >= 8:
        return word != "token" or is_made(value)
    return is_made(value)


def _is_said(value: str, how: str, word: str) -> bool:
    """Whether what the secret is, or is set to, is a value and not the rest of a sentence."""
    if how.split()[0] in ("is", "was"):
        return True
    return _LETTERS_AND_DIGITS.fullmatch(value) is not None and (
        word.startswith("p") or is_made(value) or len(value) >= 12
    )


def _is_of_code(value: str, how: str, word: str, before: str) -> bool:
    """Whether a text in quotes is the value of a name that is compared, set by a call, or falls back to it."""
    if not _LETTERS_AND_DIGITS.fullmatch(value) or len(value) < 8 or "=" in how and word == "key" and "_" in value:
        return False
    is_called = how == "(" and not _SETTERS.intersection(SEGMENTS.split(before.lower()))
    return (
        is_made(value)
        if is_called or word in ("key", "token", "secret") and "=" not in how and not how.startswith(")")
        else True
    )


def _is_alone(text: str, start: int, end: int, is_scalar: bool) -> bool:
    """Whether a value has the line after its name to itself."""
    stop = text.find("\n", end, end + _REACH)
    following = text[end : stop if stop >= 0 else min(len(text), end + _REACH)]
    value = text[start:end]
    if following.strip() or value.endswith(":") or value.startswith(("-", "#")):
        return False
    return is_scalar or bool(_LETTERS_AND_DIGITS.fullmatch(value)) and is_made(value)


def _is_key_of_another(text: str, at: int, value: str) -> bool:
    """Whether a key is of something that has secret ones, and not of a cache."""
    words = re.split(r"\W+", text[max(0, at - 30) : at].lower())
    word = words[-2] if len(words) > 1 and not words[-1] else ""
    return len(value) >= 20 and is_made(value) and bool(word) and word not in OF_MODELS and word not in OF_DATA


def _is_of_service(text: str, at: int, match: re.Match[str]) -> bool:
    """Whether a key is of a service that has secret ones, or used: "wandb key: ...", "with key ..."."""
    value = match["quoted"] or match["bare"] or ""
    if len(value) < 20:
        return False
    words = text[max(0, at - 30) : at].lower().split()
    last = words[-1].strip("*`#") if words else ""
    # Keys of caches are used, too: they are digests of 64 digits, or have words in them. Those of gpg are in capitals.
    is_used = (
        last in _USED or last[-1:] == "(" or match["quote"] == "`" and last not in OF_DATA and last not in OF_MODELS
    )
    if not is_used and last.lstrip("(") not in SERVICES:
        return False
    value = value.rstrip(".,;:)]}")
    return len(value) >= 20 and is_made(value) and (not is_used or _KEY.fullmatch(value) is not None)


_USED = frozenset("use using used with via my our your new old that".split())
_KEY = re.compile(r"(?![0-9a-f]{64}\Z|[0-9A-F]+\Z)[A-Za-z0-9]{24,}")


def _is_of_user(text: str, at: int, word: str) -> bool:
    """Whether a word of other meanings stands where somebody logs in: `pass` is also what a test does."""
    return word != "pass" or _USER.search(text, max(0, at - 80), at) is not None


def _is_secret(
    value: str, is_quoted: bool, is_strong: bool, match: re.Match[str], name: str, text: str, end: int
) -> bool:
    plain = value.strip()
    low = plain.lower().strip(".,:;!?" if is_quoted else ".,:;!?)]}")
    if not is_quoted and " " in plain:
        first = plain.split()[0]
        if (
            first.lower().strip(".,:;") in _PLACEHOLDER
            or _STANDS_FOR.fullmatch(first)
            or _DOTTED.fullmatch(first)
            or plain.split()[1] in ("or", "and", "if", "==", "+")
        ):
            return False
    if (
        len(plain) < 4
        or low in _PLACEHOLDER
        or _NUMBER.fullmatch(plain)
        or "[redacted:" in plain
        or _STANDS_FOR.fullmatch(plain)
    ):
        return False
    if is_path(plain) or _URL.fullmatch(plain):
        return False
    if plain.startswith(("<|", "['", '["', "{'", '{"')) and not is_quoted:
        return False
    if not is_quoted and _DOTTED.fullmatch(plain) and (match["sep"] or "") in ("=", ":"):
        is_value = len(plain) > 16 or name.startswith("--") or any(_is_mixed(part) for part in plain.split("."))
        return bool(_DIGIT.search(plain)) and is_strong and is_value
    if not is_quoted and _CODE.match(plain):
        return False
    if match["comma"] is not None and (not _DIGIT.search(plain) or _LAYER.fullmatch(plain) and not is_made(plain)):
        return False
    if not is_strong:
        is_env = _UPPER.fullmatch(name) is not None and "_" in name
        word = match["weak"].lower()
        is_snake = word in ("key", "token") and _SNAKE.fullmatch(plain) is not None and not is_made(plain)
        if is_snake or not is_quoted and _IDENTIFIERS.fullmatch(plain):
            return False
        least = 8 if is_env or word in ("pass", "pin", "otp", "pw", "psk") and is_quoted else 12
        return len(plain) >= least and is_random(plain) and " " not in plain
    if match["words"] is not None or match["bar"] is not None and not is_quoted:
        return bool(re.search(r"\d", plain)) and len(plain) >= 6 or _is_phrase(plain, match)
    if match["flag"] is not None and name.startswith("-") and _METAVAR.fullmatch(plain.rstrip("]).,")):
        return False
    if is_quoted or match["sep"] in ("=", ":=", "=>") or match["flag"] is not None:
        return not (re.fullmatch(r"[a-z_]+", plain) and any(word in low for word in ("pass", "secret", "key", "token")))
    if re.fullmatch(r"\d+(?:\.\d*)?", plain) and len(plain) < 4:
        return False
    # `password: hunter2` is one, "Password: try again" is none.
    following = text[end : end + 2]
    is_last = not following.strip(" \t") or following[:1] in "\r\n,;})]&|\\\"'\x1b"
    return (
        bool(re.search(r"[\d!@#$%^&*+=]|[a-z][A-Z]", plain)) or is_last and len(plain) >= 6 or _is_phrase(plain, match)
    )


def _is_phrase(value: str, match: re.Match[str]) -> bool:
    return (match["strong"] or "").lower().startswith("pass") and _PHRASE.fullmatch(value) is not None


def _is_mixed(part: str) -> bool:
    """Whether a part of a value with dots is no name: `settings.DB2_PASSWORD` is of names alone."""
    return len(part) >= 8 and all(re.search(letters, part) for letters in ("[a-z]", "[A-Z]", "[0-9]"))


def _kind(word: str) -> str:
    if word.startswith(("pass", "pwd")):
        return "password"
    if "key" in word:
        return "key"
    return "token" if word == "token" else "secret"
