"""Made-up credentials in the forms that their issuers document, in what a training run leaves behind.

Nothing here is a credential, and no whole one is written here: each is put together when it is asked for, so that no
scanner takes this file for a leak. `TUNED` is what the detector was made with. held.py and fresh.py
were written before it was run on them; README.md has what they showed then, and what was mended since.
"""

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from typing import NamedTuple

LOWER, UPPER, DIGITS, HEX = string.ascii_lowercase, string.ascii_uppercase, string.digits, "0123456789abcdef"
WORD = LOWER + UPPER + DIGITS
B64 = WORD + "+/"
URLSAFE = WORD + "-_"

Make = Callable[[random.Random], str]


class Case(NamedTuple):
    """A text with credentials in it: of which `kind`, written down in which `form`."""

    kind: str
    form: str
    text: str
    secrets: list[str]


def some(r: random.Random, letters: str, length: int) -> str:
    """Letters at random, among them a digit where there are digits."""
    while True:
        found = "".join(r.choice(letters) for _ in range(length))
        if not set(letters) & set(DIGITS) or set(found) & set(DIGITS):
            return found


def token(prefix: str, letters: str, length: int, suffix: str = "") -> Make:
    """Credentials of an issuer that begins them alike."""
    return lambda r: prefix + some(r, letters, length) + suffix


def encoded(r: random.Random, size: int) -> str:
    """Random bytes in base64."""
    return base64.b64encode(r.randbytes(size)).decode()


def jwt(r: random.Random) -> str:
    """Three parts, of which two are JSON."""
    parts = [{"alg": "HS256", "typ": "JWT"}, {"sub": some(r, DIGITS, 10), "iat": r.randrange(10**9)}]
    head, body = (base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in parts)
    return f"{head}.{body}.{some(r, URLSAFE, 43)}"


def password(r: random.Random) -> str:
    """As people choose them."""
    words = ["hunter", "Correct-Horse", "tr0ub4dor", "sommer", "Passw0rd", "letmein", "dragon", "s3cr3t", "blue_sky"]
    return r.choice(words) + r.choice(["", "!", "#", "_", "$"]) + some(r, DIGITS, r.randint(2, 4))


# Forms that say by themselves what they are.
ISSUED: dict[str, Make] = {
    "aws id": token("AK" + "IA", UPPER + "234567", 16),
    "github": token("gh" + "p_", WORD, 36),
    "github server": token("gh" + "s_", WORD, 36),
    "github fine": lambda r: "github" + "_pat_" + some(r, WORD, 22) + "_" + some(r, WORD, 59),
    "gitlab": token("gl" + "pat-", URLSAFE, 20),
    "slack bot": lambda r: "xo" + "xb-" + some(r, DIGITS, 12) + "-" + some(r, DIGITS, 13) + "-" + some(r, WORD, 24),
    "huggingface": token("h" + "f_", LOWER + UPPER, 34),
    "openai": lambda r: "sk-" + some(r, WORD, 20) + "T3Blbk" + "FJ" + some(r, WORD, 20),
    "openai project": lambda r: "sk-" + "proj-" + some(r, URLSAFE, 74) + "T3Blbk" + "FJ" + some(r, URLSAFE, 74),
    "anthropic": lambda r: "sk-" + "ant-api03-" + some(r, URLSAFE, 93) + "AA",
    "stripe": token("sk" + "_live_", WORD, 24),
    "npm": token("np" + "m_", WORD, 36),
    "pypi": token("py" + "pi-AgEIcHlwaS5vcmc", URLSAFE, 120),
    "google": token("AI" + "za", URLSAFE, 35),
    "jwt": jwt,
    "sendgrid": lambda r: "S" + "G." + some(r, URLSAFE, 22) + "." + some(r, URLSAFE, 43),
    "databricks": token("da" + "pi", HEX, 32),
}  # fmt: skip

# What only its name or its place gives away: (usual names, how it is made).
NAMED: dict[str, tuple[list[str], Make]] = {
    "wandb": (["WANDB_API_KEY"], token("", HEX, 40)),
    "aws secret": (["AWS_SECRET_ACCESS_KEY", "aws_secret_access_key"], token("", B64, 40)),
    "azure": (["AZURE_STORAGE_KEY", "AZURE_CLIENT_SECRET"], lambda r: encoded(r, 64)),
    "password": (["password", "DB_PASSWORD", "db_pass", "PGPASSWORD", "smtp_password"], password),
    "api key": (["api_key", "apiKey", "X-Api-Key", "OPENWEATHER_API_KEY"], token("", WORD, 32)),
    "secret": (["client_secret", "SECRET_KEY", "clientSecret"], token("", WORD, 40)),
    "token": (["access_token", "HF_TOKEN", "auth_token", "refreshToken"], token("", WORD, 40)),
}


def in_log(r: random.Random, name: str, value: str) -> str:
    """Among steps that overwrite one another."""
    steps = "\r".join(
        f"step {n:05d} ({n / 100:.1f}%) | loss: {r.uniform(2, 9):.6f} | tok/sec: {r.randrange(10**6):,}"
        for n in range(4)
    )
    return f"{steps}\n[2026-11-28 10:00:00,123][INFO] using {name}={value}\n{steps}\n"


def in_json(r: random.Random, name: str, value: str) -> str:
    """A configuration on one line."""
    return json.dumps({"lr": 0.04, "depth": 8, name: value, "seed": r.randrange(99)}) + "\n"


def in_traceback(r: random.Random, name: str, value: str) -> str:
    """What a client raises."""
    return (
        'Traceback (most recent call last):\n  File "/root/train.py", line 31, in <module>\n'
        f'    client = Client({name.replace("-", "_")}="{value}")\nRuntimeError: 401 Unauthorized\n'
    )


def in_diff(r: random.Random, name: str, value: str) -> str:
    """A line that was added."""
    return f'@@ -1,3 +1,4 @@\n DEPTH = 8\n-MATRIX_LR = 0.04\n+MATRIX_LR = 0.06\n+{name.replace("-", "_")} = "{value}"\n SEED = 1\n'


def in_env(r: random.Random, name: str, value: str) -> str:
    """What `env` prints."""
    return f"PATH=/usr/bin:/bin\nPWD=/root/lab\n{name.replace('-', '_')}={value}\nHOME=/root\nSHLVL=1\n"


def in_yaml(r: random.Random, name: str, value: str) -> str:
    """A configuration file that was printed."""
    return f"model:\n  depth: 8\nauth:\n  {name}: {value}\noptimizer:\n  lr: 0.04\n"


def in_repr(r: random.Random, name: str, value: str) -> str:
    """A dictionary as Python prints it."""
    return f"config: { ({'depth': 8, name: value, 'lr': 0.04})!r}\n"


FORMS = [in_log, in_json, in_traceback, in_diff, in_env, in_yaml, in_repr]


def bare(r: random.Random, value: str) -> Iterator[tuple[str, str]]:
    """Where a credential stands without a name: (form, text)."""
    yield "bare line", f"loading\n{value}\ndone\n"
    yield "in a sentence", f"WARNING: the key {value}, which was given, has no quota left.\n"
    yield "in an address", f"GET https://api.example.com/v1/models?key={value}&page=2 HTTP/1.1\n"
    yield "escaped", json.dumps({"stderr": f"failed with\n{value}\n"}) + "\n"
    yield "coloured", f"\x1b[33mtoken\x1b[0m \x1b[32m{value}\x1b[0m\n"


def pem(r: random.Random, kind: str = "RSA ", lines: int = 12) -> list[str]:
    """A private key, line by line."""
    body = encoded(r, 48 * lines - 20)
    rows = [body[at : at + 64] for at in range(0, len(body), 64)]
    return [f"-----BEGIN {kind}PRIV" + "ATE KEY-----", *rows, f"-----END {kind}PRIV" + "ATE KEY-----"]


def tuned(seed: int, rounds: int = 3) -> Iterator[Case]:
    """Each kind in each form, so many times over."""
    r = random.Random(seed)
    for _ in range(rounds):
        for kind, make in ISSUED.items():
            for form, text in bare(r, value := make(r)):
                yield Case(kind, form, text, [value])
            for write in FORMS:
                value = make(r)
                yield Case(kind, write.__name__, write(r, "credential", value), [value])
        for kind, (names, make) in NAMED.items():
            for write in FORMS:
                value = make(r)
                yield Case(kind, write.__name__, write(r, r.choice(names), value), [value])
        yield from _blocks(r)


def _blocks(r: random.Random) -> Iterator[Case]:
    """What is longer than a name and a value."""
    for kind in ("RSA ", "OPENSSH ", "", "EC "):
        rows = pem(r, kind)
        body = rows[1:-1]
        yield Case("private key", "file", "\n".join(rows) + "\n", body)
        yield Case("private key", "diff", "\n".join("+" + row for row in rows) + "\n", body)
        yield Case("private key", "json", json.dumps({"type": "service_account", "private_key": "\n".join(rows)}), body)
        yield Case("private key", "cut at its end", "\n".join(rows[:6]) + "\nstep 1\n", body[:5])
        yield Case("private key", "cut at its beginning", "x\n" + "\n".join(rows[5:]) + "\nstep 1\n", rows[5:-1])
    word, user = password(r), "bob"
    value = some(r, WORD, 24)
    yield Case("url", "database", f"engine postgresql://{user}:{word}@db.example.com:5432/runs\n", [word])
    yield Case("url", "git", f"remote: https://{user}:{value}@github.com/a/b.git\n", [value])
    yield Case("url", "redis", f"broker=redis://:{value}@cache:6379/0\n", [value])
    yield Case("header", "bearer", f"> Authorization: Bearer {value}\n> Accept: */*\n", [value])
    basic = base64.b64encode(f"{user}:{word}".encode()).decode()
    yield Case("header", "basic", f"authorization: Basic {basic}\n", [basic])
    yield Case("header", "python", f"headers={{'Authorization': 'Bearer {value}', 'Accept': '*/*'}}\n", [value])
    yield Case("netrc", "line", f"machine api.wandb.ai login user password {value}\n", [value])
    yield Case("netrc", "lines", f"machine api.wandb.ai\n  login user\n  password {value}\n", [value])
    yield Case("command", "option", f"+ python push.py --api-key {value} --repo x\n", [value])
    yield Case("command", "curl", f"curl -s -u {user}:{word} https://example.com/x\n", [word])
