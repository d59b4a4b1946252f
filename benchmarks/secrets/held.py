"""The held-out set: other issuers, other names, other forms. Written before the detector was first
run on anything; what was missed at that run, which README.md states, has been mended since."""

import base64
import json
import random
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
    password,
    pem,
    some,
    token,
)

ISSUED: dict[str, Make] = {
    "aws temporary id": token("AS" + "IA", UPPER + "234567", 16),
    "github oauth": token("gh" + "o_", WORD, 36),
    "gitlab runner": token("gl" + "rt-", URLSAFE, 20),
    "gitlab deploy": token("gl" + "dt-", URLSAFE, 20),
    "slack user": lambda r: "xo" + "xp-" + "-".join(some(r, DIGITS, 12) for _ in range(3)) + "-" + some(r, HEX, 32),
    "slack app": lambda r: "xa" + "pp-1-A" + some(r, UPPER + DIGITS, 10) + "-" + some(r, DIGITS, 13) + "-" + some(r, HEX, 64),
    "slack webhook": lambda r: "hooks.sl" + "ack.com/services/T" + some(r, UPPER + DIGITS, 8) + "/B" + some(r, UPPER + DIGITS, 8) + "/" + some(r, WORD, 24),
    "openai service": token("sk-" + "svcacct-", URLSAFE, 100),
    "openrouter": token("sk-" + "or-v1-", HEX, 64),
    "groq": token("gs" + "k_", WORD, 52),
    "replicate": token("r8" + "_", WORD, 37),
    "nvidia": token("nv" + "api-", URLSAFE, 64),
    "langsmith": lambda r: "lsv2" + "_pt_" + some(r, HEX, 32) + "_" + some(r, HEX, 10),
    "perplexity": token("pp" + "lx-", WORD, 48),
    "xai": token("x" + "ai-", WORD, 80),
    "deepseek": token("sk" + "-", HEX, 32),
    "wandb v1": lambda r: "wandb" + "_v1_" + some(r, WORD, 22) + "_" + some(r, WORD, 50),
    "neptune": lambda r: base64.b64encode(json.dumps({"api_address": "https://app.neptune.ai", "api_key": some(r, HEX, 36)}).encode()).decode(),
    "stripe restricted": token("rk" + "_live_", WORD, 40),
    "twilio": token("S" + "K", HEX, 32),
    "digitalocean": token("do" + "p_v1_", HEX, 64),
    "google oauth": token("ya" + "29.", URLSAFE, 120),
    "google client": token("GOC" + "SPX-", URLSAFE, 28),
    "telegram": lambda r: some(r, DIGITS, 10) + ":A" + "A" + some(r, URLSAFE, 33),
    "shopify": token("shp" + "at_", HEX, 32),
    "vault": token("hv" + "s.", URLSAFE, 95),
    "docker": token("dckr" + "_pat_", URLSAFE, 27),
    "linear": token("lin" + "_api_", WORD, 40),
    "atlassian": token("ATA" + "TT3xFfGF0", URLSAFE, 170),
    "grafana": lambda r: "gl" + "sa_" + some(r, WORD, 32) + "_" + some(r, HEX, 8),
    "mailgun": token("ke" + "y-", HEX, 32),
    "age": token("AGE-SEC" + "RET-KEY-1", "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58),
    "azure app": lambda r: some(r, WORD, 3) + "8" + "Q~" + some(r, WORD, 34),
    "pinecone": lambda r: "pc" + "sk_" + some(r, WORD, 6) + "_" + some(r, WORD, 63),
    "tailscale": lambda r: "ts" + "key-auth-" + some(r, WORD, 12) + "-" + some(r, WORD, 32),
    "new relic": token("NR" + "AK-", UPPER + DIGITS, 27),
    "session token": jwt,
}  # fmt: skip

NAMED: dict[str, tuple[list[str], Make]] = {
    "comet": (["COMET_API_KEY", "comet.api_key"], token("", WORD, 25)),
    "kaggle": (["KAGGLE_KEY"], token("", HEX, 32)),
    "dashes": (["api-key", "access-token", "client-secret"], token("", WORD, 28)),
    "camel": (["dbPassword", "secretKey", "accessKey", "authToken"], token("", WORD, 24)),
    "django": (["DJANGO_SECRET_KEY"], lambda r: some(r, LOWER + DIGITS + "!@#%^&*(-_=+)", 50)),
    "passphrase": (
        ["passphrase", "KEY_PASSPHRASE"],
        lambda r: (
            "-".join(r.choice(["correct", "horse", "battery", "staple", "lamp"]) for _ in range(4)) + some(r, DIGITS, 2)
        ),
    ),
    "storage": (["AccountKey", "account_key"], lambda r: encoded(r, 64)),
    "session": (["AWS_SESSION_TOKEN"], lambda r: "IQoJb3" + "JpZ2lu" + some(r, B64, 300)),
    "webhook": (["WEBHOOK_SECRET", "signing_secret"], token("", HEX, 64)),
    "pass": (["MYSQL_PASS", "REDIS_PASS", "FTP_PASS"], password),
    "passwd": (["passwd", "root_passwd", "user_pwd", "PWD_ADMIN"], password),
    "encryption": (["ENCRYPTION_KEY", "signing_key", "MASTER_KEY"], lambda r: encoded(r, 32)),
    "uuid": (["HEROKU_API_KEY", "api_token"], lambda r: "-".join(some(r, HEX, n) for n in (8, 4, 4, 4, 12))),
    "number": (["DB_PASSWORD", "password"], token("", DIGITS, 8)),
}


def forms(r: random.Random, name: str, value: str) -> Iterator[tuple[str, str]]:
    """A name and a value in one of the forms each: (form, text)."""
    yield "export", f"+ export {name.replace('-', '_').replace('.', '_')}={value}\n+ python train.py\n"
    yield "toml", f'[credentials]\n{name} = "{value}"\nregion = "eu"\n'
    yield "pretty json", json.dumps({"region": "eu", name: value}, indent=4) + "\n"
    yield "json in json", json.dumps({"event": json.dumps({"a": 1, name: value, "b": 2})}) + "\n"
    yield "namespace", f"Namespace(lr=0.04, {name.replace('-', '_').replace('.', '_')}='{value}', depth=8)\n"
    yield "kubernetes", f"        - name: {name}\n          value: {value}\n        image: trainer\n"
    yield "json pair", json.dumps({"name": name, "value": value}) + "\n"
    yield (
        "xml",
        f"<{name}>{value}</{name}>\n" if name.replace("_", "").isalpha() else f'<add key="{name}" value="{value}" />\n',
    )
    yield "argv", f"argv: {['train.py', '--' + name.lower().replace('_', '-'), value, '--lr', '0.1']}\n"
    yield "option", f"$ python train.py --{name.lower().replace('_', '-')}={value} --lr 0.1\n"
    yield "setdefault", f'os.environ["{name}"] = "{value}"\n'
    yield "getter", f"  os.environ.setdefault('{name}', '{value}')\n"
    yield "table", f"│ {name} │ {value} │\n│ lr │ 0.04 │\n"
    yield "log", f"2026-11-28T10:00:00Z DEBUG [auth] {name}: {value}\n"
    yield "coloured", f"\x1b[1;34m{name}\x1b[0m=\x1b[32m'{value}'\x1b[0m\n"
    yield "typed", f'-    {name.replace("-", "_")}: str = "{value}"\n'
    yield "url", f"POST /login?user=bob&{name}={value.replace('&', '%26').replace('#', '%23')}&x=1 200\n"


def held(seed: int, rounds: int = 2) -> Iterator[Case]:
    """All of it, so many times over."""
    r = random.Random(seed)
    for _ in range(rounds):
        for kind, make in ISSUED.items():
            for form, text in _places(r, make(r)):
                yield Case(kind, form, text[0], [text[1]])
        for kind, (names, make) in NAMED.items():
            name, value = r.choice(names), make(r)
            for form, written in forms(r, name, value):
                inside = value.replace("&", "%26").replace("#", "%23") if form == "url" else value
                yield Case(kind, form, written, [inside])
        yield from _blocks(r)


def _places(r: random.Random, value: str) -> Iterator[tuple[str, tuple[str, str]]]:
    yield "after a colon", (f"step 3: {value}\rstep 4\n", value)
    yield "in brackets", (f"ValueError: invalid credential ({value})\n", value)
    yield "list", (f"{['a', value, 'b']}\n", value)
    yield "assigned", (f"x={value};\n", value)
    yield "bytes", (f"b'{value}'\n", value)
    yield "markdown", (f"- use `{value}` for now\n", value)
    yield "comment", (f"LR = 0.1  # {value}\n", value)
    yield "csv", (f"run7,{value},0.5\n", value)
    yield "end of a sentence", (f"It was {value}.\n", value)


def _blocks(r: random.Random) -> Iterator[Case]:
    rows = pem(r, "ENCRYPTED ", 20)
    yield Case("private key", "indented", "".join(f"    {row}\n" for row in rows), rows[1:-1])
    yield Case("private key", "yaml", "tls.key: |\n" + "".join(f"  {row}\n" for row in rows), rows[1:-1])
    yield Case("private key", "environment", "SSH_KEY=" + "\\n".join(rows) + "\nHOME=/root\n", rows[1:-1])
    yield Case("private key", "windows", "\r\n".join(rows) + "\r\n", rows[1:-1])
    yield Case("private key", "removed", "".join(f"-{row}\n" for row in rows), rows[1:-1])
    block = [encoded(r, 48) for _ in range(8)]
    text = "\n".join(
        [
            "-----BEGIN PGP PRIV" + "ATE KEY BLOCK-----",
            "Version: GnuPG v2",
            "",
            *block,
            "=" + some(r, WORD, 4),
            "-----END PGP PRIV" + "ATE KEY BLOCK-----",
        ]
    )
    yield Case("private key", "pgp", text + "\n", block)
    word, value = password(r), some(r, WORD, 30)
    yield Case(
        "url", "mongodb", f"mongodb+srv://admin:{word}@cluster0.abcde.mongodb.net/test?retryWrites=true\n", [word]
    )
    yield Case("url", "at sign", f"dsn = 'mysql+pymysql://root:p@{word}@10.0.0.2/db'\n", [word])
    yield Case("url", "token alone", f"git clone https://{value}@gitlab.example.com/a/b.git\n", [value])
    yield Case("url", "proxy", f"HTTPS_PROXY=http://me:{word}@proxy:3128\n", [word])
    yield Case("url", "amqp in json", json.dumps({"broker": f"amqp://guest:{word}@mq:5672//"}), [word])
    yield Case(
        "url", "error", f"fatal: unable to access 'https://oauth2:{value}@git.example.com/x.git/': 403\n", [value]
    )
    yield Case("url", "pip", f"Looking in indexes: https://__token__:{value}@pypi.example.com/simple\n", [value])
    yield Case(
        "connection string",
        "sql server",
        f"Server=tcp:x;Database=runs;User Id=sa;Password={word};Encrypt=True\n",
        [word],
    )
    key = encoded(r, 64)
    yield Case(
        "connection string",
        "azure",
        f"DefaultEndpointsProtocol=https;AccountName=lab;AccountKey={key};EndpointSuffix=core.windows.net\n",
        [key],
    )
    sig = encoded(r, 32).replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    yield Case("signed url", "azure", f"https://lab.blob.core.windows.net/c/x?sv=2024-01-01&sp=r&sig={sig}\n", [sig])
    mac = some(r, HEX, 64)
    yield Case("signed url", "aws", f"https://b.s3.amazonaws.com/x?X-Amz-Expires=3600&X-Amz-Signature={mac}\n", [mac])
    yield Case("header", "api key", f"X-Api-Key: {value}\r\nHost: x\r\n", [value])
    yield Case("header", "token", f"Authorization: token {value}\n", [value])
    yield Case("header", "raw", f'curl -H "Authorization: {value}" https://x\n', [value])
    yield Case(
        "header",
        "proxy",
        f"Proxy-Authorization: Basic {base64.b64encode(value.encode()).decode()}\n",
        [base64.b64encode(value.encode()).decode()],
    )
    yield Case("header", "http2", f"[('authorization', 'Bearer {value}'), ('accept', '*/*')]\n", [value])
    yield Case("header", "cookie", f"Cookie: session={value}; theme=dark\n", [value])
    yield Case("header", "private token", f"PRIVATE-TOKEN: {value}\n", [value])
    yield Case("file", "npmrc", f"//registry.npmjs.org/:_authToken={value}\n", [value])
    auth = base64.b64encode(f"bob:{value}".encode()).decode()
    yield Case("file", "docker", json.dumps({"auths": {"ghcr.io": {"auth": auth}}}), [auth])
    yield Case("file", "pgpass", f"db.example.com:5432:runs:bob:{word}\n", [word])
    yield Case("file", "git credentials", f"https://bob:{value}@github.com\n", [value])
    hidden = some(r, B64, 40)
    yield Case("file", "aws", f"[default]\naws_access_key_id = x\naws_secret_access_key = {hidden}\n", [hidden])
    hexed = some(r, HEX, 40)
    yield Case("command", "wandb login", f"$ wandb login {hexed}\n", [hexed])
    yield Case("command", "wandb relogin", f"wandb.login(key='{hexed}', relogin=True)\n", [hexed])
    yield Case("command", "sshpass", f"sshpass -p {word} ssh gpu1\n", [word])
    yield Case("command", "docker", f"docker login -u bob -p {value} ghcr.io\n", [value])
    yield Case("command", "mysql", f"mysql -u root -p{word} runs\n", [word])
    yield Case("sentence", "is", f"the password is {word}\n", [word])
    yield Case("sentence", "prompt", f"Password for bob: {word}\n", [word])
    yield Case("sentence", "login", f"logging in as bob with password {word}\n", [word])
