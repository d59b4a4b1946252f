"""A sixth set, by somebody who had seen neither the detector nor the other sets: what a loop of training runs archives.

Each form is a text with holes: `@{maker:size}` is a credential, `%{maker:size}` is not one. Issued prefixes are put
together at run time. README.md has what the detector showed when it was run on this set for the first time.
"""

import base64
import json
import random
import re
import uuid
from collections.abc import Callable, Iterator
from urllib.parse import quote

from benchmarks.secrets import sixth_files
from benchmarks.secrets.planted import DIGITS, HEX, LOWER, UPPER, URLSAFE, WORD, Case, pem, some

HOLE = re.compile(r"([@%])\{(\w+)(?::(\d+))?\}")


def sixth(seed: int, rounds: int = 10) -> Iterator[Case]:
    """Every form, so many times."""
    r = random.Random(f"sixth {seed}")
    for _ in range(rounds):
        for kind, forms in (ALL | sixth_files.ALL).items():
            for form, text in forms.items():
                filled, secrets = fill(r, text)
                yield Case(kind, form, filled, secrets)
        yield from _keys(r)
        yield from _issued(r)


def fill(r: random.Random, text: str) -> tuple[str, list[str]]:
    """The text with its holes filled, and which of what stands there is secret."""
    secrets: list[str] = []

    def one(hole: re.Match[str]) -> str:
        name, size = hole[2], int(hole[3] or 0)
        value = MAKERS[name](r, size) if name in MAKERS else TOKENS[name](r)
        if hole[1] == "@":
            secrets.append(value)
        return value

    return HOLE.sub(one, text), secrets


def _person(r: random.Random) -> str:
    word = r.choice(
        ["Winter", "Falcon", "gpubox", "Maple", "tr41ner", "Kestrel", "orbit", "Zebra", "moonshot", "Lisbon"]
    )
    return (
        word
        + r.choice(["", "-", "_", ".", "!"])
        + r.choice(["2024", "2025", "77", "x9", "1q", "007"])
        + r.choice("!#*?$")
    )


def _manager(r: random.Random, size: int) -> str:
    return some(r, WORD + "!#%*+-_=?", size or 16)


def _phrase(r: random.Random) -> str:
    words = [
        "copper",
        "lantern",
        "gravel",
        "otter",
        "velvet",
        "mango",
        "cactus",
        "thimble",
        "walnut",
        "harbor",
        "pixel",
        "saddle",
    ]
    return "-".join(r.sample(words, 4)) + str(r.randint(2, 99))


def _base64(r: random.Random, size: int) -> str:
    return base64.b64encode(r.randbytes(size)).decode()


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def _jwt(r: random.Random) -> str:
    head = _part({"alg": r.choice(["RS256", "HS256", "ES256"]), "kid": some(r, HEX, 16), "typ": "JWT"})
    body = _part({"iss": "https://auth.lab.example", "sub": some(r, WORD, 12), "exp": r.randrange(10**9, 2 * 10**9)})
    return f"{head}.{body}.{some(r, URLSAFE, r.choice([43, 86, 342]))}"


def _neptune(r: random.Random) -> str:
    address = "https://app.neptune.ai"
    return base64.b64encode(
        json.dumps({"api_address": address, "api_url": address, "api_key": str(_uuid(r))}).encode()
    ).decode()


def _uuid(r: random.Random) -> uuid.UUID:
    return uuid.UUID(int=r.getrandbits(128), version=4)


def _stamp(r: random.Random) -> str:
    return f"2025-{r.randint(1, 12):02}-{r.randint(1, 28):02} {r.randint(0, 23):02}:{r.randint(0, 59):02}:{r.randint(0, 59):02}"


MAKERS: dict[str, Callable[[random.Random, int], str]] = {
    "hex": lambda r, n: some(r, HEX, n),
    "alnum": lambda r, n: some(r, WORD, n),
    "lower": lambda r, n: some(r, LOWER + DIGITS, n),
    "upper": lambda r, n: some(r, UPPER + DIGITS, n),
    "digits": lambda r, n: some(r, DIGITS, n),
    "url": lambda r, n: some(r, URLSAFE, n),
    "b64": _base64,
    "b64url": lambda r, n: base64.urlsafe_b64encode(r.randbytes(n)).decode().rstrip("="),
    "quoted64": lambda r, n: quote(_base64(r, n), safe=""),
    "pw": lambda r, _: _person(r),
    "strong": _manager,
    "phrase": lambda r, _: _phrase(r),
    "urlpw": lambda r, n: some(r, WORD + "-_.~", n or 14),
    "pct": lambda r, n: quote(some(r, WORD + "@#!/", n or 12) + "@" + some(r, WORD, 4), safe=""),
    "uuid": lambda r, _: str(_uuid(r)),
    "jwt": lambda r, _: _jwt(r),
    "neptune": lambda r, _: _neptune(r),
    "basic": lambda r, _: base64.b64encode(f"ci-bot:{some(r, WORD, 16)}".encode()).decode(),
    "stamp": lambda r, _: _stamp(r),
    "int": lambda r, n: str(r.randint(1, n)),
    "loss": lambda r, _: f"{r.uniform(1, 6):.4f}",
    "user": lambda r, _: r.choice(["mira", "train", "ci-bot", "jonas", "labuser", "mlops", "root", "svc_train"]),
    "host": lambda r, _: r.choice(
        ["db.lab.example", "10.0.3.17", "gpu04.cluster.local", "mlflow.lab.example", "localhost"]
    ),
    "name": lambda r, _: r.choice(["nanogpt", "speedrun", "muon-sweep", "cifar-fast", "d12-baseline", "rope-ablation"]),
}

TOKENS: dict[str, Callable[[random.Random], str]] = {
    "hf": lambda r: "h" + "f_" + some(r, WORD, 34),
    "openai": lambda r: "s" + "k-" + some(r, WORD, 20) + "T3Bl" + "bkFJ" + some(r, WORD, 20),
    "openai_project": lambda r: "s" + "k-proj-" + some(r, URLSAFE, 74) + "T3Bl" + "bkFJ" + some(r, URLSAFE, 74),
    "anthropic": lambda r: "s" + "k-ant-api03-" + some(r, URLSAFE, 93) + "AA",
    "openrouter": lambda r: "s" + "k-or-v1-" + some(r, HEX, 64),
    "deepseek": lambda r: "s" + "k-" + some(r, HEX, 32),
    "groq": lambda r: "g" + "sk_" + some(r, WORD, 52),
    "xai": lambda r: "x" + "ai-" + some(r, WORD, 80),
    "perplexity": lambda r: "p" + "plx-" + some(r, WORD, 48),
    "replicate": lambda r: "r" + "8_" + some(r, WORD, 37),
    "nvidia": lambda r: "n" + "vapi-" + some(r, URLSAFE, 64),
    "langsmith": lambda r: "l" + "sv2_pt_" + some(r, HEX, 32) + "_" + some(r, HEX, 10),
    "langfuse": lambda r: "s" + "k-lf-" + str(_uuid(r)),
    "pinecone": lambda r: "p" + "csk_" + some(r, WORD, 6) + "_" + some(r, WORD, 63),
    "fireworks": lambda r: "f" + "w_" + some(r, WORD, 24),
    "runpod": lambda r: "r" + "pa_" + some(r, UPPER + DIGITS, 40) + some(r, LOWER + DIGITS, 6),
    "modal_id": lambda r: "a" + "k-" + some(r, WORD, 22),
    "modal_secret": lambda r: "a" + "s-" + some(r, WORD, 22),
    "wandb_new": lambda r: "wandb" + "_v1_" + some(r, URLSAFE, 77),
    "kaggle_new": lambda r: "K" + "GAT_" + some(r, HEX, 32),
    "aws_id": lambda r: "AK" + "IA" + some(r, UPPER + "234567", 16),
    "aws_temporary": lambda r: "AS" + "IA" + some(r, UPPER + "234567", 16),
    "aws_session": lambda r: "IQoJ" + "b3JpZ2luX2Vj" + _base64(r, 240),
    "aws_secret": lambda r: _base64(r, 30),
    "gcp_api": lambda r: "AI" + "za" + "Sy" + some(r, URLSAFE, 33),
    "gcp_oauth": lambda r: "ya" + "29.a0" + some(r, URLSAFE, 180),
    "gcp_refresh": lambda r: "1/" + "/0" + some(r, WORD, 1) + some(r, URLSAFE, 90),
    "gcp_client": lambda r: "GOC" + "SPX-" + some(r, URLSAFE, 28),
    "azure_client": lambda r: some(r, WORD, 3) + "8" + "Q~" + some(r, URLSAFE, 34),
    "azure_storage": lambda r: _base64(r, 64),
    "github": lambda r: "g" + "hp_" + some(r, WORD, 36),
    "github_server": lambda r: "g" + "hs_" + some(r, WORD, 36),
    "github_fine": lambda r: "github" + "_pat_" + some(r, WORD, 22) + "_" + some(r, WORD, 59),
    "gitlab": lambda r: "gl" + "pat-" + some(r, URLSAFE, 20),
    "gitlab_job": lambda r: "gl" + "cbt-64_" + some(r, URLSAFE, 20),
    "slack_bot": lambda r: "xo" + "xb-" + some(r, DIGITS, 12) + "-" + some(r, DIGITS, 13) + "-" + some(r, WORD, 24),
    "slack_app": lambda r: "xa" + "pp-1-A0" + some(r, UPPER + DIGITS, 9) + f"-{some(r, DIGITS, 13)}-{some(r, HEX, 64)}",
    "slack_hook": lambda r: f"T0{some(r, UPPER + DIGITS, 8)}/B0{some(r, UPPER + DIGITS, 9)}/{some(r, WORD, 24)}",
    "discord_bot": lambda r: "MT" + some(r, WORD, 24) + "." + "G" + some(r, WORD, 5) + "." + some(r, URLSAFE, 38),
    "telegram": lambda r: some(r, DIGITS, 10) + ":AA" + some(r, URLSAFE, 33),
    "stripe": lambda r: "s" + "k_live_51" + some(r, WORD, 97),
    "sendgrid": lambda r: "S" + "G." + some(r, URLSAFE, 22) + "." + some(r, URLSAFE, 43),
    "npm": lambda r: "n" + "pm_" + some(r, WORD, 36),
    "pypi": lambda r: "py" + "pi-AgEIcHlwaS5vcmc" + some(r, URLSAFE, 150),
    "docker": lambda r: "dck" + "r_pat_" + some(r, URLSAFE, 27),
    "databricks": lambda r: "d" + "api" + some(r, HEX, 32),
    "digitalocean": lambda r: "d" + "op_v1_" + some(r, HEX, 64),
    "supabase": lambda r: "s" + "bp_" + some(r, HEX, 40),
    "grafana": lambda r: "g" + "lsa_" + some(r, WORD, 32) + "_" + some(r, HEX, 8),
    "sentry": lambda r: "s" + "ntrys_eyJpYXQiOjE3" + some(r, WORD, 90) + "_" + some(r, WORD, 43),
    "newrelic": lambda r: "N" + "RAK-" + some(r, UPPER + DIGITS, 27),
    "linear": lambda r: "l" + "in_api_" + some(r, WORD, 40),
    "notion": lambda r: "n" + "tn_" + some(r, WORD, 46),
    "airtable": lambda r: "p" + "at" + some(r, WORD, 14) + "." + some(r, HEX, 64),
    "postman": lambda r: "P" + "MAK-" + some(r, HEX, 24) + "-" + some(r, HEX, 34),
    "doppler": lambda r: "d" + "p.pt." + some(r, WORD, 43),
    "vault": lambda r: "h" + "vs." + some(r, URLSAFE, 92),
    "terraform": lambda r: some(r, WORD, 14) + ".atl" + "asv1." + some(r, WORD, 67),
    "fly": lambda r: "Fly" + "V1 fm2_" + _base64(r, 120),
    "artifactory": lambda r: "AK" + "Cp8" + some(r, WORD, 69),
    "shopify": lambda r: "s" + "hpat_" + some(r, HEX, 32),
    "atlassian": lambda r: "AT" + "ATT3xFfGF0" + some(r, URLSAFE, 170) + "=" + some(r, HEX, 8).upper(),
    "figma": lambda r: "f" + "igd_" + some(r, URLSAFE, 40),
    "age": lambda r: "AGE-SECRET" + "-KEY-1" + some(r, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58),
    "prefect": lambda r: "p" + "nu_" + some(r, WORD, 36),
    "twilio": lambda r: "S" + "K" + some(r, HEX, 32),
    "mailgun": lambda r: "k" + "ey-" + some(r, HEX, 32),
    "cloudflare": lambda r: "v1.0-" + some(r, HEX, 24) + "-" + some(r, HEX, 146),
    "planetscale": lambda r: "ps" + "cale_tkn_" + some(r, URLSAFE, 43),
    "elevenlabs": lambda r: "s" + "k_" + some(r, HEX, 48),
    "tailscale": lambda r: "ts" + "key-auth-" + some(r, WORD, 17) + "-" + some(r, WORD, 32),
    "heroku": lambda r: "HR" + "KU-AA" + some(r, URLSAFE, 58),
}

# What stands around a token that says by itself what it is, when no name does.
AROUND = (
    "tried again with %s and it worked\n",
    "%{stamp} | INFO | login ok (%s)\n",
    "+    client = Client(%q)\n",
    "args: ['train.py', '--lr', '3e-4', %q]\n",
    "401 for %s, expired?\n",
    "| %s | old one, replaced |\n",
    "step %{int:900} loss %{loss} %s\n",
)


def _issued(r: random.Random) -> Iterator[Case]:
    for name, make in TOKENS.items():
        if name in ("aws_secret", "azure_storage", "slack_hook"):
            continue
        value = make(r)
        text, _ = fill(r, r.choice(AROUND))
        yield Case("issued", name, text.replace("%q", repr(value)).replace("%s", value), [value])


def _keys(r: random.Random) -> Iterator[Case]:
    def case(form: str, text: str, rows: list[str]) -> Case:
        return Case("private keys", form, text, rows[1:-1])

    rows = pem(r, r.choice(["", "RSA ", "EC "]))
    yield case("in a log", "\n".join(f"{_stamp(r)} DEBUG {row}" for row in rows) + "\n", rows)
    rows = pem(r, "OPENSSH ")
    yield case("cat id_ed25519", "$ cat ~/.ssh/id_ed25519\n" + "\n".join(rows) + "\n$ ssh gpu04\n", rows)
    rows = pem(r, "")
    joined = "\\n".join([*rows, ""])
    account = f'{{"type": "service_account", "private_key_id": "{some(r, HEX, 40)}", "private_key": "{joined}"}}'
    yield case("service account", account + "\n", rows)
    yield case("service account in env", f"GOOGLE_APPLICATION_CREDENTIALS_JSON={account!r}\n", rows)
    rows = pem(r, "RSA ")
    yield case("diff removed", "@@ -1,9 +0,0 @@\n" + "\n".join("-" + row for row in rows) + "\n", rows)
    rows = pem(r, "EC ", 4)
    indented = "\n".join("    " + row for row in rows)
    yield case(
        "yaml block", f"apiVersion: v1\nkind: Secret\nstringData:\n  tls.key: |\n{indented}\ntype: Opaque\n", rows
    )
    rows = pem(r, "")
    yield case("python triple", 'KEY = """' + "\n".join(rows) + '"""\nsign(KEY)\n', rows)
    rows = pem(r, "RSA ", 6)
    cell = ",\n".join(f'    "{row}\\n"' for row in rows)
    yield case("notebook", f'   "source": [\n    "key = \'\'\'\\\\\\n",\n{cell}\n   ]\n', rows)
    rows = pem(r, "ENCRYPTED ")
    yield case("quoted note", "\n".join("> " + row for row in rows) + "\n", rows)
    rows = pem(r, "OPENSSH ", 5)
    yield case("echo", "echo '" + "\n".join(rows) + "' > deploy_key && chmod 600 deploy_key\n", rows)
    rows = pem(r, "")
    whole = base64.b64encode("\n".join(rows).encode()).decode()
    yield Case("private keys", "base64 of a pem", f"  id_rsa: {whole}\n", [whole])
    rows = pem(r, "RSA ")
    half = rows[: len(rows) // 2]
    yield Case("private keys", "cut short", "stderr: " + "\n".join(half) + "\n[truncated]\n", half[1:])
    value = "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: gpu04\nPublic-Lines: 2\n"
    public, private = _base64(r, 51), _base64(r, 36)
    yield Case(
        "private keys",
        "putty",
        f"{value}{public}\nPrivate-Lines: 1\n{private}\nPrivate-MAC: {some(r, HEX, 64)}\n",
        [private],
    )
    private = _base64(r, 32)
    yield Case("private keys", "wireguard", f"[Interface]\nPrivateKey = {private}\nAddress = 10.8.0.4/24\n", [private])


ALL: dict[str, dict[str, str]] = {
    "run logs": {
        "wandb relogin": "wandb: Appending key for api.wandb.ai to your netrc file: /root/.netrc\n"
        "wandb: using key @{hex:40}\n",
        "wandb login command": "+ wandb login --relogin @{hex:40}\nwandb: Currently logged in as: %{user}\n",
        "wandb config": "config: {'lr': 0.003, 'wandb_project': '%{name}', 'wandb_api_key': '@{hex:40}', 'seed': %{int:99}}\n",
        "wandb new key": "%{stamp} INFO wandb.login(key='@{wandb_new}') -> True\n",
        "argparse namespace": "Namespace(batch_size=64, lr=0.0003, hub_token='@{hf}', out='runs/%{name}', "
        "wandb_key='@{hex:40}')\n",
        "dataclass": "Config(model='gpt2', depth=12, hf_token='@{hf}', api_key='@{lower:32}', compile=True)\n",
        "rich colours": "\x1b[2;36m[%{stamp}]\x1b[0m \x1b[34mINFO\x1b[0m     api_key=\x1b[32m'@{alnum:40}'\x1b[0m\n",
        "hydra dump": "[%{stamp}][__main__][INFO] - logger:\n  _target_: lightning.NeptuneLogger\n"
        "  api_key: @{neptune}\n  project: lab/%{name}\n",
        "comet": "COMET INFO: Experiment is live on comet.com https://www.comet.com/lab/%{name}/%{hex:32}\n"
        "COMET DEBUG: using api key '@{alnum:25}'\n",
        "comet init": 'experiment = Experiment(api_key="@{alnum:25}", project_name="%{name}")\n',
        "clearml": "ClearML Task: created new task id=%{hex:32}\napi {\n  credentials {\n"
        '    "access_key" = "%{upper:30}"\n    "secret_key" = "@{alnum:50}"\n  }\n}\n',
        "mlflow env": "MLFLOW_TRACKING_URI=https://%{host} MLFLOW_TRACKING_USERNAME=%{user} "
        "MLFLOW_TRACKING_PASSWORD=@{strong:16} python train.py\n",
        "mlflow uri": "%{stamp} INFO mlflow: tracking to https://%{user}:@{urlpw:14}@mlflow.lab.example/ run %{hex:32}\n",
        "hf push": "Pushing to https://%{user}:@{hf}@huggingface.co/lab/%{name}\nfatal: unable to access the remote\n",
        "hf login": "$ huggingface-cli login --token @{hf} --add-to-git-credential\nToken is valid (permission: write).\n",
        "s3 client": "botocore.auth DEBUG: Found credentials: access_key=@{aws_id} secret_key=@{aws_secret} token=None\n",
        "presigned": "GET https://ckpt.s3.amazonaws.com/%{name}/step%{int:9000}.pt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=%{upper:20}%2F20250611%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Expires=3600"
        "&X-Amz-SignedHeaders=host&X-Amz-Signature=@{hex:64} 200\n",
        "gcs signed": "Downloading https://storage.googleapis.com/lab-data/shard-%{int:99}.tar?X-Goog-Algorithm="
        "GOOG4-RSA-SHA256&X-Goog-Date=20250611T101010Z&X-Goog-Expires=900&X-Goog-Signature=@{hex:512}\n",
        "azure sas": "azcopy copy runs 'https://labstore.blob.core.windows.net/ckpt?sv=2023-11-03&ss=b&srt=co&sp=rwl"
        "&se=2026-01-01T00:00:00Z&spr=https&sig=@{quoted64:32}' --recursive\n",
        "azure connection": "INFO BlobServiceClient DefaultEndpointsProtocol=https;AccountName=labstore;"
        "AccountKey=@{azure_storage};EndpointSuffix=core.windows.net\n",
        "slack notify": "[notify] POST https://hooks.slack.com/services/@{slack_hook} -> 200\n",
        "discord notify": "notify.py: posted to https://discord.com/api/webhooks/%{digits:18}/@{url:68}\n",
        "teams notify": "posting to https://lab.webhook.office.com/webhookb2/%{uuid}@%{uuid}/IncomingWebhook/@{hex:32}/%{uuid}\n",
        "telegram notify": 'urllib3 DEBUG https://api.telegram.org:443 "POST /bot@{telegram}/sendMessage HTTP/1.1" 200\n',
        "os.environ dump": "environ({'HOME': '/root', 'HF_TOKEN': '@{hf}', 'SHLVL': '1', 'WANDB_API_KEY': '@{hex:40}', "
        "'NEPTUNE_API_TOKEN': '@{neptune}'})\n",
        "json line": '{"ts": "%{stamp}", "level": "info", "event": "auth", "user": "%{user}", "access_token": "@{url:40}"}\n',
        "logfmt": 'ts=%{stamp} level=debug msg="refreshing" refresh_token=@{url:48} expires=3600\n',
        "ray runtime env": "runtime_env={'env_vars': {'OPENAI_API_KEY': '@{openai_project}', 'NCCL_DEBUG': 'INFO'}}\n",
        "judge model": "Using judge gpt-4o with key @{openai}; base https://api.openai.com/v1\n",
        "labelled": "API key: @{lower:32}\nproject: %{name}\n",
        "jupyter": "    http://127.0.0.1:8888/lab?token=@{hex:48}\n",
        "tensorboard proxy": "Proxy: http://%{user}:@{urlpw:12}@proxy.lab.example:3128 (from HTTPS_PROXY)\n",
        "git remote": "origin\thttps://oauth2:@{gitlab}@gitlab.lab.example/ml/%{name}.git (fetch)\n",
        "ci clone": "Cloning https://x-access-token:@{github_server}@github.com/lab/%{name}...\n",
        "pip index": "Looking in indexes: https://pypi.org/simple, https://ci:@{urlpw:20}@pkgs.lab.example/simple\n",
        "optuna storage": "[I %{stamp}] A new study created in RDB with storage postgresql://optuna:@{urlpw:12}@%{host}/optuna\n",
        "dvc": "$ dvc remote modify --local storage secret_access_key '@{aws_secret}'\n",
        "vllm": "INFO api_server.py: args: Namespace(host=None, port=8000, api_key=['@{alnum:32}'], model='m')\n",
        "sky": "Setting env WANDB_API_KEY=@{hex:40} on 4 nodes\n",
    },
    "tracebacks": {
        "request headers": "requests.exceptions.HTTPError: 403 Client Error\nrequest headers: {'User-Agent': 'python-requests/2.31', "
        "'Authorization': 'Bearer @{url:48}', 'Accept': '*/*'}\n",
        "httpx": "httpx.HTTPStatusError: Client error '401 Unauthorized' for url "
        "'https://api.lab.example/v1/runs?api_key=@{hex:32}&limit=5'\n",
        "max retries": "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='api.lab.example', port=443): "
        "Max retries exceeded with url: /v2/runs?access_token=@{alnum:40} (Caused by NewConnectionError)\n",
        "sqlalchemy": "sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) could not connect\n"
        "DSN: postgresql+psycopg2://%{user}:@{urlpw:16}@%{host}:5432/runs\n",
        "locals": "  ╭──────── locals ────────╮\n  │    api_key = '@{alnum:36}'    │\n  │      lr = 0.003        │\n  ╰──╯\n",
        "source line": '  File "train.py", line %{int:400}, in <module>\n    wandb.login(key="@{hex:40}")\n'
        "wandb.errors.AuthenticationError: bad key\n",
        "openai error": "openai.AuthenticationError: Error code: 401 - {'error': {'message': 'Incorrect API key provided: "
        "@{openai}.', 'code': 'invalid_api_key'}}\n",
        "key length": "ValueError: API key must be 40 characters long, yours was 39: @{hex:39}\n",
        "headers tuple": "headers=[('x-api-key', '@{alnum:40}'), ('content-type', 'application/json')]\n",
        "headers bytes": "headers: Headers([(b'host', b'api.lab.example'), (b'authorization', b'Bearer @{url:40}')])\n",
        "called process": "subprocess.CalledProcessError: Command '['docker', 'login', '-u', '%{user}', '-p', '@{strong:14}', "
        "'registry.lab.example']' returned non-zero exit status 1.\n",
        "called mysql": "CalledProcessError: Command 'mysql -u %{user} -p@{urlpw:12} -h %{host} runs' returned non-zero\n",
        "git clone": "git.exc.GitCommandError: Cmd('git') failed due to: exit code(128)\n"
        "  cmdline: git clone -v -- https://%{user}:@{github}@github.com/lab/%{name} /tmp/x\n",
        "repr of client": "AttributeError: S3(endpoint='https://s3.lab.example', key='%{upper:20}', secret='@{b64:30}') has no 'ls'\n",
        "keyerror config": "KeyError: 'lr' in {'optimizer': 'adamw', 'db_password': '@{pw}', 'steps': %{int:9000}}\n",
        "redis": "redis.exceptions.ConnectionError: Error 111 connecting to redis://:@{urlpw:20}@%{host}:6379/0\n",
        "mongo": "pymongo.errors.ServerSelectionTimeoutError: mongodb+srv://%{user}:@{urlpw:16}@c0.ab1cd.mongodb.net/?retryWrites=true\n",
        "paramiko": "DEBUG:paramiko: connect(hostname='gpu04', username='%{user}', password='@{strong:12}', port=22)\n",
        "pydantic": "pydantic_core.ValidationError: 1 validation error for Settings\nlr\n  Field required "
        "[type=missing, input_value={'secret_key': '@{alnum:44}'}, input_type=dict]\n",
        "node fetch": "Error: Request failed with status code 401\n  config: { headers: { Authorization: 'token @{github}' } }\n",
        "grpc metadata": "metadata=(('authorization', 'Bearer @{jwt}'), ('user-agent', 'grpc-python/1.62'))\n",
        "kafka": "KafkaConfig(sasl_mechanism='PLAIN', sasl_plain_username='%{user}', sasl_plain_password='@{strong:18}')\n",
    },
    "shell": {
        "export": "export OPENAI_API_KEY=@{openai_project}\nexport OMP_NUM_THREADS=8\n",
        "export quoted": 'export WANDB_API_KEY="@{hex:40}"\n',
        "env": "SHELL=/bin/bash\nDB_PASSWORD=@{pw}\nPWD=/workspace\nCOHERE_API_KEY=@{alnum:40}\nLANG=C.UTF-8\n",
        "printenv": "$ printenv KAGGLE_KEY\n@{hex:32}\n",
        "docker run": "docker run --gpus all -e WANDB_API_KEY=@{hex:40} -e HF_TOKEN=@{hf} -v /data:/data lab/train:%{int:99}\n",
        "docker run env quoted": "docker run --rm --env 'POSTGRES_PASSWORD=@{strong:16}' -p 5432:5432 postgres:16\n",
        "docker login stdin": "echo '@{docker}' | docker login -u %{user} --password-stdin\n",
        "docker login": "docker login ghcr.io -u %{user} -p @{github}\n",
        "docker inspect": '"Env": [\n    "PATH=/usr/bin",\n    "MISTRAL_API_KEY=@{alnum:32}",\n    "NVIDIA_VISIBLE_DEVICES=all"\n]\n',
        "set -x": "++ export TOGETHER_API_KEY=@{hex:64}\n++ TOGETHER_API_KEY=%{int:9}\n+ python train.py\n",
        "inline": "HF_TOKEN=@{hf} torchrun --nproc_per_node=8 train.py --depth=12\n",
        "flag": "python eval.py --model gpt-4o --api-key @{alnum:32} --n %{int:900}\n",
        "flag equals": "python push.py --token=@{hex:40} --repo lab/%{name}\n",
        "curl bearer": 'curl -s https://api.lab.example/v1/models -H "Authorization: Bearer @{url:48}"\n',
        "curl user": "curl -u %{user}:@{strong:14} -T model.pt https://files.lab.example/%{name}/\n",
        "curl header": "curl -X POST https://api.lab.example/runs --header 'X-Api-Key: @{lower:40}' -d @run.json\n",
        "curl data": "curl -d 'username=%{user}&password=@{urlpw:12}' https://auth.lab.example/login\n",
        "curl json": 'curl https://auth.lab.example/token -d \'{"client_id": "train", "client_secret": "@{alnum:32}"}\'\n',
        "wget": "wget --user=%{user} --password='@{strong:12}' https://data.lab.example/pile.zst\n",
        "wget url": "wget https://%{user}:@{urlpw:12}@data.lab.example/shards/%{int:99}.tar\n",
        "sshpass": "sshpass -p '@{pw}' rsync -a runs/ %{user}@gpu04:/data/runs/\n",
        "mysql": "mysql -h %{host} -u %{user} --password=@{urlpw:14} runs < schema.sql\n",
        "pgpassword": "PGPASSWORD=@{pw} psql -h %{host} -U %{user} -c 'select 1'\n",
        "powershell": "$env:HF_TOKEN = \"@{hf}\"\n$env:AZURE_CLIENT_SECRET = '@{azure_client}'\npython train.py\n",
        "windows set": "set ANTHROPIC_API_KEY=@{anthropic}\n",
        "fish": "set -gx GROQ_API_KEY @{groq}\n",
        "aws configure": "$ aws configure set aws_secret_access_key @{aws_secret}\n",
        "aws env": "export AWS_ACCESS_KEY_ID=@{aws_id}\nexport AWS_SECRET_ACCESS_KEY=@{aws_secret}\n"
        "export AWS_SESSION_TOKEN=@{aws_session}\n",
        "az login": "az login --service-principal -u %{uuid} -p @{azure_client} --tenant %{uuid}\n",
        "gcloud token": "$ gcloud auth print-access-token\n@{gcp_oauth}\n",
        "kubectl literal": "kubectl create secret generic wandb --from-literal=api-key=@{hex:40}\n",
        "kubectl registry": "kubectl create secret docker-registry reg --docker-username=%{user} --docker-password=@{strong:16}\n",
        "vast": "vastai set api-key @{hex:64}\n",
        "ngrok": "ngrok config add-authtoken %{digits:1}@{alnum:40}\n",
        "gh secret": 'gh secret set WANDB_API_KEY --body "@{hex:40}"\n',
        "redis cli": "redis-cli -h %{host} -a @{urlpw:20} ping\n",
        "openssl": "openssl enc -d -aes-256-cbc -in data.enc -out data.tar -pass pass:@{strong:14}\n",
        "sudo echo": "echo '@{pw}' | sudo -S nvidia-smi -pl 300\n",
        "heredoc netrc": "cat > ~/.netrc <<EOT\nmachine api.wandb.ai\n  login user\n  password @{hex:40}\nEOT\n",
        "history": "  %{int:999}  export REPLICATE_API_TOKEN=@{replicate}\n  %{int:999}  python train.py\n",
        "restic": "RESTIC_PASSWORD=@{phrase} restic -r s3:s3.lab.example/runs backup out/\n",
        "rclone": "rclone config create lab s3 access_key_id %{upper:20} secret_access_key @{b64:30}\n",
        "unzip": "7z x -p@{strong:12} data.7z && unzip -P @{pw} labels.zip\n",
    },
    "notes": {
        "pasted key": "Judge runs out of quota, switched to the other account: @{openai_project}\n",
        "rotated": "I rotated the W&B key, the new one is @{hex:40}. Next: muon with wd 0.1.\n",
        "password is": "The password for the mlflow box is @{pw} (user %{user}).\n",
        "password code": "ssh to gpu04, password `@{strong:12}`, data in /data/pile\n",
        "pw colon": "login: %{user} / pw: @{pw}\n",
        "creds": "creds for the label server: %{user} / @{strong:14}\n",
        "markdown list": "- wandb key: `@{hex:40}`\n- lr 3e-4, wd 0.1\n- val loss %{loss}\n",
        "markdown table": "| service | key |\n|---|---|\n| Comet | @{alnum:25} |\n| OpenRouter | @{openrouter} |\n",
        "token with": "Hypothesis: the gated model loads with token @{hf}; then eval goes to 0.71.\n",
        "json note": '{"description": "use the API of the other lab (key @{lower:32})", "keep": true}\n',
        "commit message": "fix: hardcode api key @{alnum:32} until the vault is back\n",
        "todo": "# TODO remove before commit! secret = @{b64:32}\n",
        "question": "Why does it fail? I call it with api_key=@{hex:32} and get 403.\n",
        "use key": "Use key @{alnum:39} for the embeddings endpoint.\n",
        "german": "Das Passwort für den Rechner lautet @{pw}, Benutzer %{user}.\n",
        "credentials colon": "Credentials: %{user}:@{strong:16}\n",
        "passphrase": "Passphrase of the backup: @{phrase}\n",
        "vpn": "VPN user %{user} password @{pw} gateway vpn.lab.example\n",
        "wifi": "lab wifi psk: @{strong:12}\n",
        "recovery": 'kaggle.json on the new box: {"username":"%{user}","key":"@{hex:32}"}\n',
    },
    "web": {
        "cookie": "Cookie: sessionid=@{lower:32}; csrftoken=@{alnum:64}; theme=dark\n",
        "set-cookie": "< Set-Cookie: session=@{b64url:60}; HttpOnly; Secure; Path=/\n",
        "curl cookie": "curl -b 'user_session=@{url:48}' https://kaggle.example/download\n",
        "basic": "> Authorization: Basic @{basic}\n> Accept: */*\n",
        "bearer jwt": "authorization: Bearer @{jwt}\n",
        "jwt alone": "id token for the run: @{jwt}\n",
        "x-auth": "X-Auth-Token: @{hex:32}\nX-Request-Id: %{uuid}\n",
        "private-token": "PRIVATE-TOKEN: @{gitlab}\n",
        "sentry dsn": 'sentry_sdk.init("https://@{hex:32}@o%{digits:6}.ingest.sentry.io/%{digits:7}")\n',
        "signed cloudfront": "https://d1.cloudfront.net/w.bin?Expires=17%{digits:8}&Signature=@{url:340}&Key-Pair-Id=K%{upper:13}\n",
        "oauth callback": "GET /callback?code=@{url:40}&state=%{hex:16} HTTP/1.1\n",
        "oauth response": '{"access_token":"@{gcp_oauth}","expires_in":3599,"refresh_token":"@{gcp_refresh}","token_type":"Bearer"}\n',
        "aws v4 header": "Authorization: AWS4-HMAC-SHA256 Credential=%{upper:20}/20250611/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=@{hex:64}\n",
        "ws token": "ws://%{host}:8000/stream?auth_token=@{hex:32}\n",
        "maps key": "https://maps.googleapis.com/maps/api/staticmap?center=0,0&key=@{gcp_api}\n",
        "api-key azure": "api-key: @{hex:32}\nContent-Type: application/json\n",
        "proxy auth": "Proxy-Authorization: Basic @{basic}\n",
        "har": '{"name": "Authorization", "value": "Bearer @{url:40}"}\n',
    },
}
