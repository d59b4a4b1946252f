"""A second held-out set, written after the detector was mended by the misses in `held`, and measured once."""

import base64
import json
import random
from collections.abc import Iterator

from benchmarks.secrets.planted import B64, DIGITS, HEX, LOWER, UPPER, URLSAFE, WORD, Case, password, pem, some


def fresh(seed: int, rounds: int = 10) -> Iterator[Case]:
    """All of it, so many times over."""
    r = random.Random(seed)
    for _ in range(rounds):
        yield from _round(r)


def _round(r: random.Random) -> Iterator[Case]:
    word, key, hexed, long = password(r), some(r, WORD, 40), some(r, HEX, 32), some(r, URLSAFE, 64)
    pin, aws, uuid = some(r, DIGITS, 6), some(r, B64, 40), "-".join(some(r, HEX, n) for n in (8, 4, 4, 4, 12))
    hf = "h" + "f_" + some(r, LOWER + UPPER, 34)
    akia = "AK" + "IA" + some(r, UPPER + "234567", 16)
    yield Case(
        "environment", "environ", f"environ({ {'LANG': 'C', 'DD_API_KEY': hexed, 'HOME': '/root'}!r})\n", [hexed]
    )
    yield Case(
        "environment",
        "docker inspect",
        json.dumps({"Env": ["PATH=/bin", f"HF_TOKEN={hf}", f"MY_SECRET={key}"]}, indent=2),
        [hf, key],
    )
    yield Case("environment", "declare", f'declare -x OPENAI_API_KEY="{key}"\ndeclare -x PWD="/root"\n', [key])
    yield Case("environment", "powershell", f'$env:GH_TOKEN = "{key}"\n', [key])
    yield Case(
        "environment", "slurm", f"srun --export=ALL,WANDB_API_KEY={hexed}00112233,SEED=1 python train.py\n", [hexed]
    )
    yield Case("environment", "dockerfile", f"ENV NPM_TOKEN={key} NODE_ENV=production\n", [key])
    yield Case("environment", "actions", f"  env:\n    DEPLOY_KEY: {key}\n    CI: true\n", [key])
    yield Case("environment", "dotenv", f"# .env\nSTRIPE_SECRET={key}\nDEBUG=1\n", [key])
    yield Case("object", "boto", f"Credentials(access_key='{akia}', secret_key='{aws}', token=None)\n", [akia, aws])
    yield Case("object", "pydantic", f"Settings(host='db', password=SecretStr('{word}'), port=5432)\n", [word])
    yield Case("object", "dataclass", f"Config(depth=8, auth_token='{key}', lr=0.04)\n", [key])
    yield Case("object", "namespace", f"Namespace(api_token='{uuid}', seed=1)\n", [uuid])
    yield Case("object", "hydra", f"wandb:\n  project: lab\n  api_key: {hexed}deadbeef\n  mode: online\n", [hexed])
    yield Case("object", "omegaconf", f"{{'lr': 0.1, 'logger': {{'token': '{key}', 'name': 'x'}}}}\n", [key])
    yield Case(
        "traceback",
        "request",
        f"requests.exceptions.HTTPError: 403 for url: https://api.x.com/v1?access_token={key}&q=1\n",
        [key],
    )
    yield Case("traceback", "locals", f"    password = '{word}'\n    self = <Client object at 0x7f00>\n", [word])
    yield Case(
        "traceback",
        "psycopg",
        f'psycopg2.OperationalError: connection to "host=db user=bob password={word} dbname=x" failed\n',
        [word],
    )
    yield Case(
        "traceback",
        "sqlalchemy",
        f"(Background on this error) engine=Engine(postgresql+psycopg2://bob:{word}@db:5432/runs)\n",
        [word],
    )
    yield Case("traceback", "login call", f'    login(token="{hf}", add_to_git_credential=True)\n', [hf])
    yield Case(
        "header",
        "google",
        f"x-goog-api-key: {some(r, WORD, 39)}\n".replace("\n", f" {key}\n") if False else f"x-goog-api-key: {key}\n",
        [key],
    )
    yield Case("header", "azure", f"Ocp-Apim-Subscription-Key: {hexed}\n", [hexed])
    yield Case("header", "grpc", f"metadata=(('authorization', 'Bearer {long}'), ('x', 'y'))\n", [long])
    yield Case("header", "set-cookie", f"Set-Cookie: sessionid={hexed}; HttpOnly; Path=/\n", [hexed])
    yield Case("header", "auth token", f"X-Auth-Token: {hexed}\nX-Other: 1\n", [hexed])
    yield Case(
        "header",
        "basic",
        f"'Authorization': b'Basic {base64.b64encode(f'bob:{word}'.encode()).decode()}'\n",
        [base64.b64encode(f"bob:{word}".encode()).decode()],
    )
    yield Case("file", "ini", f"[user]\nname = bob\npassword = {word}\n", [word])
    yield Case("file", "terraform", f'resource "x" "y" {{\n  master_password = "{word}"\n}}\n', [word])
    yield Case(
        "file",
        "kubernetes secret",
        f"kind: Secret\ndata:\n  password: {base64.b64encode(word.encode()).decode()}\n",
        [base64.b64encode(word.encode()).decode()],
    )
    rows = pem(r, "", 26)
    account = {
        "type": "service_account",
        "project_id": "lab",
        "private_key_id": some(r, HEX, 40),
        "private_key": "\n".join(rows) + "\n",
        "client_email": "x@lab.iam.gserviceaccount.com",
    }
    yield Case("file", "service account", json.dumps(account, indent=2), list(rows[1:-1]))
    yield Case("file", "service account on a line", f"creds = {account!r}\n", list(rows[1:-1]))
    yield Case(
        "file",
        "aws credentials",
        f"[default]\naws_access_key_id = {akia}\naws_secret_access_key = {aws}\n",
        [akia, aws],
    )
    yield Case("file", "kaggle.json", json.dumps({"username": "bob", "key": hexed}), [hexed])
    yield Case("file", "git config", f'[remote "origin"]\n\turl = https://bob:{key}@github.com/a/b.git\n', [key])
    yield Case("file", "gem", f":rubygems_api_key: {key}\n", [key])
    yield Case(
        "key",
        "in a traceback",
        f"ValueError: bad key {chr(92).join(['', ''])}'{chr(92) + 'n'}'".replace("'", "")
        + "\n"
        + repr("\n".join(rows))
        + "\n",
        rows[1:-1],
    )
    yield Case("key", "numbered", "".join(f"{n:4} {row}\n" for n, row in enumerate(rows, 1)), rows[1:-1])
    yield Case(
        "url",
        "s3 presigned",
        f"https://b.s3.amazonaws.com/k?AWSAccessKeyId={akia}&Signature={some(r, WORD, 27)}%3D&Expires=1\n",
        [akia],
    )
    yield Case(
        "url",
        "jdbc",
        f"jdbc:mysql://db/x?user=bob&password={word.replace('#', '%23')}&ssl=true\n",
        [word.replace("#", "%23")],
    )
    yield Case(
        "url", "basic in curl", f"+ curl https://bob:{word.replace('#', '')}@example.com/x\n", [word.replace("#", "")]
    )
    yield Case("url", "rabbit", f"amqps://lab:{key}@rabbit.example.com/vhost\n", [key])
    yield Case("url", "dsn", f"SENTRY_DSN=https://{hexed}@o42.ingest.sentry.io/7\n", [hexed])
    yield Case("command", "flag", f"$ huggingface-cli login --token {hf}\n", [hf])
    yield Case("command", "password flag", f"mlflow server --password {word} --port 5000\n", [word])
    yield Case("command", "header flag", f"curl -H 'X-Api-Key: {key}' https://x\n", [key])
    yield Case("command", "export", f"$ export COMET_API_KEY='{key}' && python train.py\n", [key])
    yield Case("log", "structured", f'level=info msg="connected" user=bob password="{word}" took=3ms\n', [word])
    yield Case("log", "json", json.dumps({"level": "debug", "ctx": {"refresh_token": key, "n": 1}}) + "\n", [key])
    yield Case(
        "log",
        "after progress",
        f"  3%|3         | 1/30 [00:01<00:30]\rusing API key: {key}\r  6%|6     | 2/30\n",
        [key],
    )
    yield Case(
        "log", "named and bare", f"WANDB_API_KEY={hexed}aabbccdd\nstep 1\nrelogin with {hexed}aabbccdd\n", [hexed]
    )
    yield Case("log", "otp", f"passcode: {pin}\n", [pin])
    yield Case("log", "colon", f"secret: {key}\n", [key])
    yield Case("log", "arrow", f"api_key -> {key}\n", [key])
    yield Case("log", "repr tuple", f"('client_secret', '{key}')\n", [key])
    yield Case("log", "markdown", f"| password | {word} |\n", [word])
    yield Case("diff", "constant", f"-TOKEN = None\n+TOKEN = '{key}'\n", [key])
    yield Case("diff", "environment", f"+os.environ['WANDB_API_KEY'] = '{hexed}12345678'\n", [hexed])
    yield Case("diff", "call", f'+wandb.login(key="{hexed}12345678")\n', [hexed])
    yield Case("diff", "openai", f'+client = OpenAI(api_key="{key}")\n', [key])
    yield Case("diff", "dict", f"+    'secret_key': '{key}',\n", [key])
