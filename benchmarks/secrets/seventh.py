"""A seventh set of made-up credentials, by somebody who had seen neither the detector nor the other sets.

It asks what an independent reviewer would: what is in all that is archived or pushed with a run - its log, its
environment, the differences to the code, the commands, the notes, the files? Each form is one that a careful person
would take for a secret from how it looks, from its name or from its sentence. `[[name]]` stands for one of SECRETS or
BLOCKS, which have to be masked, or of FILLERS, which need not.
"""

import json
import random
import re
from base64 import b64encode
from collections.abc import Iterator

from benchmarks.secrets.planted import (
    B64,
    DIGITS,
    HEX,
    LOWER,
    UPPER,
    URLSAFE,
    WORD,
    Case,
    Make,
    encoded,
    jwt,
    pem,
    some,
    token,
)
from benchmarks.secrets.seventh_forms import COMMANDS, DIFFS, ENVIRONMENTS, FILES, LOGS, NOTES

ROUNDS = 10

_WORDS = (
    "amber anchor bishop cactus candle copper dagger ember falcon garnet harbor island juniper kettle lantern maple"
)
_WORDS += (
    " meadow nickel oyster pepper quartz raven saddle timber umbrella velvet walnut yellow zephyr orbit puzzle glacier"
)
WORDS = _WORDS.split()
# In hosts and addresses: no word of a password, so that what has to be left is no part of one.
NAMES = ["acme", "lab7", "fjord", "delta", "polar", "tundra"]


def _chosen(r: random.Random) -> str:
    """A password as people make them up."""
    word, year = r.choice(WORDS).capitalize(), r.randint(1975, 2026)
    return r.choice(
        [
            f"{word}{year}!",
            f"{word}-{r.choice(WORDS)}-{r.randint(10, 99)}",
            f"{word[0]}0{word[1:]}#{r.randint(100, 999)}",
            f"{word}@{r.choice(WORDS).capitalize()}{r.randint(1, 99)}",
            some(r, LOWER, 4) + some(r, DIGITS, 4) + some(r, UPPER, 3),
        ]
    )


def _plain(r: random.Random) -> str:
    """A password that can stand in an address or in a shell as it is."""
    return r.choice(
        [
            some(r, WORD, 16),
            f"{r.choice(WORDS)}{r.randint(1000, 9999)}",
            f"{r.choice(WORDS).capitalize()}_{r.choice(WORDS)}{r.randint(10, 99)}",
            some(r, WORD, 12),
        ]
    )


def _strong(r: random.Random) -> str:
    """A password out of a manager."""
    return some(r, WORD, 9) + r.choice("!#%^*") + some(r, WORD, 6) + r.choice("?+=~") + some(r, WORD, 3)


def _phrase(r: random.Random) -> str:
    return " ".join(r.sample(WORDS, 12))


def _passphrase(r: random.Random) -> str:
    return "-".join(r.sample(WORDS, 5))


def _b64_of(text: str) -> str:
    return b64encode(text.encode()).decode()


SECRETS: dict[str, Make] = {
    "hf": token("h" + "f_", WORD, 34),
    "ghp": token("gh" + "p_", WORD, 36),
    "gho": token("gh" + "o_", WORD, 36),
    "ghs": token("gh" + "s_", WORD, 36),
    "ghpat": lambda r: "github" + "_pat_" + some(r, WORD, 22) + "_" + some(r, WORD, 59),
    "glpat": token("gl" + "pat-", URLSAFE, 20),
    "gldt": token("gl" + "dt-", URLSAFE, 20),
    "openai": lambda r: "sk-" + "proj-" + some(r, URLSAFE, 74) + "T3Blbk" + "FJ" + some(r, URLSAFE, 74),
    "anthropic": lambda r: "sk-" + "ant-api03-" + some(r, URLSAFE, 93) + "AA",
    "openrouter": token("sk-" + "or-v1-", HEX, 64),
    "groq": token("gs" + "k_", WORD, 52),
    "replicate": token("r" + "8_", WORD, 37),
    "runpod": token("rp" + "a_", UPPER + DIGITS, 43),
    "modal": token("as" + "-", WORD, 22),
    "langsmith": lambda r: "ls" + "v2_pt_" + some(r, HEX, 32) + "_" + some(r, HEX, 10),
    "pinecone": lambda r: "pc" + "sk_" + some(r, WORD, 6) + "_" + some(r, WORD, 63),
    "slack": lambda r: "xo" + "xb-" + some(r, DIGITS, 12) + "-" + some(r, DIGITS, 13) + "-" + some(r, WORD, 24),
    "telegram": lambda r: some(r, DIGITS, 10) + ":A" + "A" + some(r, URLSAFE, 33),
    "stripe": token("rk" + "_live_", WORD, 24),
    "npm": token("np" + "m_", WORD, 36),
    "pypi": token("py" + "pi-AgEIcHlwaS5vcmc", URLSAFE, 120),
    "google": token("AI" + "za", URLSAFE, 35),
    "vault": token("hv" + "s.", URLSAFE, 24),
    "digitalocean": token("do" + "p_v1_", HEX, 64),
    "tailscale": lambda r: "ts" + "key-auth-" + some(r, WORD, 12) + "CNTRL-" + some(r, WORD, 32),
    "grafana": lambda r: "gl" + "sa_" + some(r, WORD, 32) + "_" + some(r, HEX, 8),
    "age": token("AGE-SEC" + "RET-KEY-1", UPPER + DIGITS, 58),
    "sendgrid": lambda r: "S" + "G." + some(r, URLSAFE, 22) + "." + some(r, URLSAFE, 43),
    "jwt": jwt,
    "hex32": token("", HEX, 32),
    "hex40": token("", HEX, 40),
    "hex48": token("", HEX, 48),
    "hex64": token("", HEX, 64),
    "word20": token("", WORD, 20),
    "word32": token("", WORD, 32),
    "word40": token("", WORD, 40),
    "word50": token("", WORD, 50),
    "url43": token("", URLSAFE, 43),
    "aws": token("", B64, 40),
    "b64_32": lambda r: encoded(r, 32),
    "b64_64": lambda r: encoded(r, 64),
    "session": lambda r: "IQoJb3JpZ2luX2Vj" + some(r, B64, 320),
    "sas": lambda r: some(r, WORD, 20) + "%2B" + some(r, WORD, 20) + "%3D",
    "uuid_secret": lambda r: "-".join(some(r, HEX, n) for n in (8, 4, 4, 4, 12)),
    "base32": token("", UPPER + "234567", 32),
    "fernet": lambda r: encoded(r, 32).replace("+", "-").replace("/", "_"),
    "django": lambda r: "django-" + "insecure-" + some(r, LOWER + DIGITS + "#$%^&*(-_=+)", 50),
    "azuread": lambda r: some(r, WORD, 3) + "8Q~" + some(r, WORD + "-_.~", 34),
    "slackpath": lambda r: f"T{some(r, UPPER + DIGITS, 8)}/B{some(r, UPPER + DIGITS, 10)}/{some(r, WORD, 24)}",
    "discordpath": lambda r: some(r, DIGITS, 19) + "/" + some(r, URLSAFE, 68),
    "mlkey": lambda r: f"{r.choice(WORDS)}_{some(r, HEX, 32)}",
    "basic": lambda r: _b64_of(f"{r.choice(['ci', 'admin', 'train'])}:{some(r, WORD, 18)}"),
    "b64pw": lambda r: _b64_of(some(r, WORD, 18)),
    "neptune": lambda r: _b64_of(json.dumps({"api_address": "https://app.neptune.ai", "api_key": some(r, HEX, 32)})),
    "chosen": _chosen,
    "plain": _plain,
    "strong": _strong,
    "phrase": _phrase,
    "passphrase": _passphrase,
    "apikey": lambda r: some(r, WORD, 8) + "." + some(r, WORD, 32),
    "wireguard": lambda r: encoded(r, 32),
    "bcrypt": lambda r: "$2b$12$" + some(r, WORD + "./", 53),
    "shadow": lambda r: "$6$" + some(r, WORD, 8) + "$" + some(r, WORD + "./", 86),
    "ansible": lambda r: "\n          ".join(some(r, DIGITS, 80) for _ in range(3)),
}  # fmt: skip

FILLERS: dict[str, Make] = {
    "time": lambda r: (
        f"2026-{r.randint(1, 12):02}-{r.randint(1, 28):02} {r.randint(0, 23):02}:{r.randint(0, 59):02}:07"
    ),
    "host": lambda r: f"{r.choice(['node', 'gpu', 'db', 'worker'])}{r.randint(1, 64):02}.{r.choice(NAMES)}.internal",
    "user": lambda r: r.choice(["anna", "train", "svc_ml", "root", "deploy", "jonas"]),
    "email": lambda r: f"{r.choice(NAMES)}@{r.choice(NAMES)}.org",
    "n": lambda r: str(r.randint(2, 9000)),
    "word": lambda r: r.choice(NAMES),
    "aws_id": token("AK" + "IA", UPPER + "234567", 16),
    "uuid": lambda r: "-".join(some(r, HEX, n) for n in (8, 4, 4, 4, 12)),
}


def _pem(kind: str, between: str) -> "Make":
    return lambda r: between.join(pem(r, kind))


BLOCKS: dict[str, Make] = {
    "rsa": _pem("RSA ", "\n"),
    "pkcs8": _pem("", "\n"),
    "openssh": _pem("OPENSSH ", "\n"),
    "ec": _pem("EC ", "\n"),
    "pkcs8_json": _pem("", "\\n"),
    "rsa_env": _pem("RSA ", "\\n"),
}


def _filled(r: random.Random, form: str) -> tuple[str, list[str]]:
    """A form with all that it asks for, and what of it has to be masked."""
    secrets: list[str] = []
    lines = []
    for line in form.split("\n"):
        before = line.split("[[")[0]

        def fill(found: re.Match[str], before: str = before) -> str:
            name = found[1]
            if name in FILLERS:
                return FILLERS[name](r)
            if name in BLOCKS:
                block = BLOCKS[name](r)
                body = block.replace("\\n", "\n").split("\n")
                secrets.extend(one for one in body if one and not one.startswith("-----"))
                indent = before if before.strip() in ("", "+", "-") else ""
                return block.replace("\n", "\n" + indent)
            made = SECRETS[name](r)
            secrets.extend(made.split("\n          "))
            return made.replace("\n", "\n" + before[:1].strip())

        lines.append(re.sub(r"\[\[(\w+)\]\]", fill, line))
    return "\n".join(lines), secrets


def _steps(r: random.Random) -> str:
    at = r.randint(1, 9000)
    return "".join(
        f"step {at + n:6} | loss {r.uniform(1, 9):.4f} | lr {r.uniform(1e-5, 1e-3):.2e} | {r.randint(9, 99)}k tok/s\n"
        for n in range(r.randint(1, 3))
    )


def _log(r: random.Random, form: str) -> tuple[str, list[str]]:
    text, secrets = _filled(r, form)
    return _steps(r) + text + "\n" + _steps(r), secrets


def _environment(r: random.Random, form: str) -> tuple[str, list[str]]:
    """Between what stands in each environment, unless the form brings its own surroundings."""
    text, secrets = _filled(r, form)
    if "\n" in form:
        return text + "\n", secrets
    export = "export " if form.startswith("export ") else ""
    lines = ["CUDA_VISIBLE_DEVICES=0,1", "HOME=/home/train", "LANG=C.UTF-8", f"SLURM_JOB_ID={r.randint(10**5, 10**6)}"]
    around = [export + line for line in lines]
    return "\n".join([*around[:2], text, *around[2:]]) + "\n", secrets


def _diff(r: random.Random, form: str) -> tuple[str, list[str]]:
    """The first line is the path."""
    path, _, body = form.partition("\n")
    text, secrets = _filled(r, body)
    old, new = some(r, HEX, 7), some(r, HEX, 7)
    head = f"diff --git a/{path} b/{path}\nindex {old}..{new} 100644\n--- a/{path}\n+++ b/{path}\n"
    at = r.randint(1, 200)
    return f"{head}@@ -{at},3 +{at},5 @@\n{text}\n", secrets


def seventh(seed: int, rounds: int = ROUNDS) -> Iterator[Case]:
    """All of them, each so many times."""
    for kind, forms, made in (
        ("log", LOGS, _log),
        ("environment", ENVIRONMENTS, _environment),
        ("diff", DIFFS, _diff),
        ("command", COMMANDS, _filled),
        ("note", NOTES, _filled),
        ("file", FILES, _filled),
    ):
        for form, written in forms.items():
            r = random.Random(f"{seed} {kind} {form}")
            for _ in range(rounds):
                text, secrets = made(r, written)
                yield Case(kind, form, text, secrets)
