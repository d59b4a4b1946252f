"""A fourth held-out set: what a reviewer would plant in the archive of an experiment loop. Written without a look at the
detector, its tests or the forms of the other sets, and measured once before anything was mended.

Where an issuer begins its credentials alike, what counts as the secret is what follows the beginning: `sk-proj-` alone
gives nothing away.
"""

import base64
import json
import random
from collections.abc import Iterator
from urllib.parse import quote

from benchmarks.secrets.planted import B64, DIGITS, HEX, LOWER, UPPER, URLSAFE, WORD, Case, encoded, jwt, password, some

ALNUM_UP = UPPER + DIGITS
BASE32 = UPPER + "234567"
BEGIN, END = "-----BEG" + "IN ", "-----E" + "ND "


def fourth(seed: int, rounds: int = 10) -> Iterator[Case]:
    """All of it, so many times over."""
    r = random.Random(seed)
    for _ in range(rounds):
        for part in (
            _environment,
            _files,
            _commands,
            _headers,
            _connections,
            _clouds,
            _issuers,
            _code,
            _blocks,
            _notes,
        ):
            yield from part(r)


def _stamp(r: random.Random) -> str:
    """The beginning of a line of a log."""
    hour, minute, second, milli = r.randrange(24), r.randrange(60), r.randrange(60), r.randrange(1000)
    clock = f"{hour:02}:{minute:02}:{second:02}"
    return r.choice(
        [
            f"2026-03-{r.randint(10, 28)} {clock},{milli:03} - train - INFO - ",
            f"[2026-03-{r.randint(10, 28)}T{clock}.{milli:03}Z] ",
            f"[rank{r.randrange(8)}]:W0311 {clock}.{milli:03}000 {r.randrange(10**5)} torch/distributed/run.py:793] ",
            f"INFO:{clock}:__main__:",
            f"\x1b[32m{clock}\x1b[0m | \x1b[1mINFO\x1b[0m | ",
            f"0: {clock} ",
            "",
        ]
    )


def _uuid(r: random.Random) -> str:
    return "-".join(some(r, HEX, n) for n in (8, 4, 4, 4, 12))


def _key(r: random.Random, kind: str, lines: int = 9) -> tuple[list[str], list[str]]:
    """A private key line by line, and the lines that matter."""
    body = encoded(r, 48 * lines - 20)
    rows = [body[at : at + 64] for at in range(0, len(body), 64)]
    return [f"{BEGIN}{kind}PRIV" + "ATE KEY-----", *rows, f"{END}{kind}PRIV" + "ATE KEY-----"], rows


def _environment(r: random.Random) -> Iterator[Case]:
    def case(form: str, text: str, *secrets: str) -> Case:
        return Case("environment", form, text, list(secrets))

    hex40, hex32, hex64, word, key = (
        some(r, HEX, 40),
        some(r, HEX, 32),
        some(r, HEX, 64),
        password(r),
        some(r, WORD, 40),
    )
    openai, hf, groq = some(r, URLSAFE, 80), some(r, LOWER + UPPER, 34), some(r, WORD, 52)
    yield case(
        "printenv",
        f"SHELL=/bin/bash\nOPENAI_API_KEY={'sk' + '-proj-'}{openai}\nPWD=/root\nCUDA_VISIBLE_DEVICES=0,1\n",
        openai,
    )
    neptune = base64.b64encode(
        json.dumps({"api_address": "https://app.neptune.ai", "api_key": _uuid(r)}).encode()
    ).decode()
    yield case(
        "declare -x", f'declare -x LANG="C"\ndeclare -x NEPTUNE_API_TOKEN="{neptune}"\ndeclare -x LS="1"\n', neptune
    )
    comet = some(r, WORD, 25)
    yield case("export -p", f"export COMET_API_KEY='{comet}'\nexport HOME='/root'\n", comet)
    yield case(
        "environ repr",
        f"{_stamp(r)}environ({ {'PATH': '/usr/bin', 'REPLICATE_API_TOKEN': 'r8' + '_' + key[:37], 'MASTER_ADDR': 'node0'} })\n",
        key[:37],
    )
    yield case("proc environ", f"HOME=/root\0TOGETHER_API_KEY={hex64}\0RANK=0\0WORLD_SIZE=8\0", hex64)
    env = ["PATH=/usr/bin", f"WANDB_API_KEY={hex40}", "NVIDIA_VISIBLE_DEVICES=all"]
    yield case("docker inspect", json.dumps([{"Config": {"Env": env}}], indent=4), hex40)
    yield case(
        "compose list", f"services:\n  db:\n    environment:\n      - PGUSER=me\n      - PGPASSWORD={word}\n", word
    )
    yield case("describe pod", f"    Environment:\n      WANDB_API_KEY:  {hex40}\n      RANK:           0\n", hex40)
    yield case(
        "manifest name and value",
        f"        env:\n        - name: MISTRAL_API_KEY\n          value: {key[:32]}\n        - name: RANK\n          value: '0'\n",
        key[:32],
    )
    yield case("sbatch --export", f"sbatch --export=ALL,WANDB_API_KEY={hex40},SEED=3 run.sbatch\n", hex40)
    yield case(
        "ray runtime_env",
        f"{_stamp(r)}Connecting with runtime_env={ {'env_vars': {'COHERE_API_KEY': key, 'SEED': '1'}} }\n",
        key,
    )
    yield case("powershell", f'PS C:\\runs> $env:GROQ_API_KEY = "{"gs" + "k_"}{groq}"\n', groq)
    yield case("cmd set", f"C:\\runs> set DEEPSEEK_API_KEY={'s' + 'k-'}{hex32}\r\nC:\\runs> python train.py\r\n", hex32)
    yield case("fish set", f"set -gx XAI_API_KEY {'xa' + 'i-'}{openai}\n", openai)
    yield case(
        "setdefault", f'+os.environ.setdefault("RUNPOD_API_KEY", "{"rp" + "a_"}{key[:38].upper()}")\n', key[:38].upper()
    )
    yield case("notebook magic", f"%env WANDB_API_KEY={hex40}\n%env WANDB_PROJECT=speedrun\n", hex40)
    yield case("table of rich", f"│ VAST_API_KEY   │ {hex64} │\n│ CUDA_HOME      │ /usr/local/cuda │\n", hex64)
    yield case(
        "colours",
        f"{_stamp(r)}{{\x1b[32m'lr'\x1b[0m: \x1b[36m0.1\x1b[0m, \x1b[32m'api_key'\x1b[0m: \x1b[33m'{key}'\x1b[0m}}\n",
        key,
    )
    yield case(
        "Namespace",
        f"{_stamp(r)}Namespace(lr=0.0003, hub_token='{'h' + 'f_'}{hf}', wandb_key='{hex40}', seed=1)\n",
        hf,
        hex40,
    )
    yield case(
        "hydra override",
        f"python train.py model=gpt logger=wandb +logger.api_key={hex40} trainer.max_steps=10\n",
        hex40,
    )
    yield case(
        "dotenv diff",
        f"diff --git a/.env b/.env\n@@ -1,2 +1,2 @@\n-DB_PASS={word}\n+DB_PASS={key[:20]}\n SEED=1\n",
        word,
        key[:20],
    )
    yield case(
        "Dockerfile", f"+FROM nvcr.io/nvidia/pytorch:24.10-py3\n+ENV JUPYTER_PASSWORD {word}\n+ARG SEED=1\n", word
    )
    yield case("set -x trace", f"++ export NGC_API_KEY={key}\n++ NGC_API_KEY={key}\n+ python train.py\n", key)
    yield case(
        "systemd", f'[Service]\nEnvironment="MLFLOW_TRACKING_PASSWORD={word}" "MLFLOW_TRACKING_USERNAME=me"\n', word
    )
    yield case(
        "workflow env",
        f"    env:\n      TWINE_PASSWORD: {word}\n      UV_PUBLISH_TOKEN: {'py' + 'pi-'}AgEI{openai}\n",
        word,
        openai,
    )
    yield case("terraform", f'variable "db_password" {{\n  type    = string\n  default = "{word}"\n}}\n', word)
    yield case("tfvars", f'admin_password = "{word}"\nregion         = "eu-west-1"\n', word)


def _files(r: random.Random) -> Iterator[Case]:
    def case(form: str, text: str, *secrets: str) -> Case:
        return Case("file", form, text, list(secrets))

    word, hex32, hex64, aws = password(r), some(r, HEX, 32), some(r, HEX, 64), some(r, B64, 40)
    akia, key = some(r, BASE32, 16), some(r, WORD, 36)
    yield case("netrc lines", f"machine api.wandb.ai\n  login user\n  password {hex64[:40]}\n", hex64[:40])
    yield case("netrc in one", f"+machine github.com login me password {word}\n", word)
    yield case(
        "pgpass", f"diff --git a/.pgpass b/.pgpass\n+++ b/.pgpass\n+db.lab.org:5432:sweeps:trainer:{word}\n", word
    )
    yield case("pip.conf", f"[global]\nindex-url = https://reader:{word}@pypi.lab.org/simple\n", word)
    auth = base64.b64encode(f"me:{word}".encode()).decode()
    yield case("docker config", json.dumps({"auths": {"ghcr.io": {"auth": auth}}}, indent=2), auth)
    config = base64.b64encode(json.dumps({"auths": {"ghcr.io": {"auth": auth}}}).encode()).decode()
    yield case(
        "dockerconfigjson",
        f"apiVersion: v1\nkind: Secret\ndata:\n  .dockerconfigjson: {config}\ntype: kubernetes.io/dockerconfigjson\n",
        config,
    )
    value = base64.b64encode(word.encode()).decode()
    yield case("manifest of a secret", f"kind: Secret\nmetadata:\n  name: db\ndata:\n  db-password: {value}\n", value)
    yield case("manifest stringData", f"kind: Secret\nstringData:\n  mlflow-password: {word}\n", word)
    yield case("kaggle.json", json.dumps({"username": "trainer", "key": hex32}), hex32)
    yield case(
        "aws credentials",
        f"[default]\naws_access_key_id = {'AK' + 'IA'}{akia}\naws_secret_access_key = {aws}\nregion=eu-west-1\n",
        akia,
        aws,
    )
    yield case("aws csv", f"Access key ID,Secret access key\n{'AK' + 'IA'}{akia},{aws}\n", akia, aws)
    yield case("rclone", f"[r2]\ntype = s3\naccess_key_id = {hex32}\nsecret_access_key = {hex64}\n", hex64)
    obscured = some(r, URLSAFE, 31)
    yield case("rclone sftp", f"[box]\ntype = sftp\nhost = box\nuser = me\npass = {obscured}\n", obscured)
    yield case("npmrc", f"//registry.npmjs.org/:_authToken={'np' + 'm_'}{key}\n", key)
    yield case("npmrc old", f"//npm.lab.org/:_password={value}\n//npm.lab.org/:username=me\n", value)
    yield case("pypirc", f"[pypi]\nusername = __token__\npassword = {'py' + 'pi-'}AgEIcHlwaS5vcmc{hex64}\n", hex64)
    yield case(
        "maven settings", f"<server><id>nexus</id><username>me</username><password>{word}</password></server>\n", word
    )
    yield case("properties", f"spring.datasource.username=me\nspring.datasource.password={word}\n", word)
    yield case("yaml folded", f"db:\n  user: me\n  password: >-\n    {word}\n  port: 5432\n", word)
    yield case("yaml literal", f"wandb:\n  api_key: |\n    {hex64[:40]}\n  project: x\n", hex64[:40])
    yield case("yaml quoted", f"secrets:\n  'smtp-password': \"{word}\" # rotate\n", word)
    yield case("toml", f'[tracking]\nuri = "https://mlflow.lab.org"\npassword = "{word}"\n', word)
    yield case(
        "clearml",
        f'api {{ credentials {{ "access_key" = "{key[:20].upper()}"  "secret_key" = "{aws[:30]}{key}" }} }}\n',
        key,
    )
    yield case("json in json", json.dumps({"cfg": json.dumps({"user": "me", "password": word})}), word)
    yield case("json three deep", json.dumps({"a": json.dumps({"b": json.dumps({"api_token": key})})}), key)
    yield case("htpasswd note", f"# monitoring, user: prometheus, pass: {word}\n", word)
    yield case("wandb settings", f"[default]\nentity = lab\napi_key = {hex64[:40]}\n", hex64[:40])
    yield case(
        "dvc config.local", f"['remote \"minio\"']\n    access_key_id = me\n    secret_access_key = {word}\n", word
    )
    yield case("hcl", f'provider "wandb" {{\n  api_key  = "{hex64[:40]}"\n}}\n', hex64[:40])
    yield case("ansible", f"[gpu]\nnode1 ansible_host=10.0.0.4 ansible_user=root ansible_ssh_pass={word}\n", word)
    yield case("wpa", f'network={{\n  ssid="lab"\n  psk="{word}"\n}}\n', word)
    yield case("my.cnf", f"[client]\nuser=root\npassword={word}\nhost=db\n", word)
    yield case("accelerate yaml", f"compute_environment: LOCAL_MACHINE\nhub_token: {'h' + 'f_'}{key[:34]}\n", key[:34])


def _commands(r: random.Random) -> Iterator[Case]:
    def case(form: str, text: str, *secrets: str) -> Case:
        before = r.choice(["$ ", "+ ", "", "Description: ran `", "! ", "RUN ", "root@node0:~# "])
        after = "`" if before.endswith("`") else ""
        return Case("command", form, f"{before}{text}{after}\n", list(secrets))

    word, hex40, hex64, hf = password(r), some(r, HEX, 40), some(r, HEX, 64), some(r, LOWER + UPPER, 34)
    key, long, aws = some(r, WORD, 36), some(r, URLSAFE, 64), some(r, B64, 40)
    gh = "gh" + "p_" + key
    yield case("curl bearer", f"curl -s -H 'Authorization: Bearer {long}' https://api.lab.org/v1/runs", long)
    yield case(
        "curl double", f'curl -X POST https://api.lab.org/v1 -H "Authorization: Token {hex40}" -d \'{{"a": 1}}\'', hex40
    )
    yield case("curl -u", f"curl -u trainer:{word} -T model.pt https://files.lab.org/", word)
    yield case("curl --user", f"curl --user 'trainer:{word}' https://files.lab.org/x", word)
    yield case("curl x-api-key", f"curl https://api.lab.org/v1/messages -H 'x-api-key: {key}'", key)
    yield case("curl -d", f"curl -d 'username=me&password={quote(word)}' https://lab.org/login", quote(word))
    yield case("curl json", f'curl -d \'{{"user":"me","password":"{word}"}}\' https://lab.org/login', word)
    yield case("wget header", f'wget --header="Authorization: Bearer {long}" https://lab.org/x.tar', long)
    yield case("wget password", f"wget --user=me --password={word} https://lab.org/x.tar", word)
    yield case("httpie", f"http GET lab.org/api Authorization:'Bearer {long}'", long)
    yield case("wandb login", f"wandb login {hex40}", hex40)
    yield case("wandb relogin", f"wandb login --relogin --host=https://wandb.lab.org {hex40}", hex40)
    yield case("hf cli", f"huggingface-cli login --token {'h' + 'f_'}{hf} --add-to-git-credential", hf)
    yield case("hf auth", f"hf auth login --token={'h' + 'f_'}{hf}", hf)
    yield case("docker login -p", f"docker login -u me -p {word} registry.lab.org", word)
    yield case("docker stdin", f"echo {word} | docker login -u me --password-stdin ghcr.io", word)
    yield case("docker run -e", f"docker run --gpus all -e WANDB_API_KEY={hex40} -e SEED=1 lab/train", hex40)
    yield case("build-arg", f"docker build --build-arg GIT_TOKEN={key} -t lab/train .", key)
    yield case("mysql -p", f"mysql -uroot -p{word} -h db sweeps -e 'select 1'", word)
    yield case("mysqldump", f"mysqldump --user=root --password={word} sweeps > x.sql", word)
    yield case("sshpass", f"sshpass -p '{word}' ssh root@10.0.0.4 nvidia-smi", word)
    yield case("sshpass bare", f"sshpass -p {word} rsync -a out/ me@box:/data/", word)
    yield case("psql", f"PGPASSWORD={word} psql -h db -U me -c 'select 1'", word)
    yield case("redis-cli", f"redis-cli -h cache -a {word} ping", word)
    yield case("mongosh", f"mongosh mongodb://db:27017 -u me -p {word} --eval 'db.runs.count()'", word)
    yield case("gh stdin", f"gh auth login --with-token <<< {gh}", key)
    yield case("git clone", f"git clone https://x-access-token:{gh}@github.com/lab/train.git", key)
    yield case("git clone user", f"git clone https://me:{word}@git.lab.org/lab/train.git", word)
    yield case("git extraheader", f"git -c http.extraheader='AUTHORIZATION: basic {aws}' fetch", aws)
    yield case("vault login", f"vault login {'hv' + 's.'}{long[:24]}{hex40}", hex40)
    yield case("vault kv", f"vault kv put secret/lab/db username=me password={word}", word)
    yield case("openssl", f"openssl rsa -in key.pem -passin pass:{word} -out plain.pem", word)
    yield case("openssl enc", f"openssl enc -aes-256-cbc -d -in data.enc -out data -k {word}", word)
    yield case("gpg", f"gpg --batch --passphrase {word} -d data.gpg", word)
    yield case("gpg quoted", f"gpg --batch --passphrase '{word}' -c data.tar", word)
    yield case("zip", f"unzip -P {word} data.zip", word)
    yield case("7z", f"7z x -p{word} data.7z", word)
    yield case("aws configure", f"aws configure set aws_secret_access_key {aws}", aws)
    yield case("az login", f"az login --service-principal -u {_uuid(r)} -p {word} --tenant {_uuid(r)}", word)
    yield case("az storage", f"az storage blob list --account-name lab --account-key {aws}{aws}==", aws)
    yield case(
        "modal",
        f"modal token set --token-id {'a' + 'k-'}{key[:22]} --token-secret {'a' + 's-'}{key[10:32]}",
        key[10:32],
    )
    yield case("comet", f"comet login --api-key {key[:25]}", key[:25])
    yield case("twine", f"twine upload -u me -p {word} dist/*", word)
    yield case("poetry", f"poetry config http-basic.lab me {word}", word)
    yield case("helm", f"helm install mlflow lab/mlflow --set postgresql.auth.password={word}", word)
    yield case("kubectl literal", f"kubectl create secret generic db --from-literal=password={word}", word)
    yield case("sudo -S", f"echo '{word}' | sudo -S nvidia-smi -pm 1", word)
    yield case("chpasswd", f"echo 'root:{word}' | chpasswd", word)
    yield case("jupyter", f"jupyter lab --ip=0.0.0.0 --NotebookApp.token='{hex40}'", hex40)
    yield case("ngrok", f"ngrok config add-authtoken 2{key}_{key[:12]}", key)
    yield case("tailscale", f"tailscale up --authkey {'tsk' + 'ey-auth-'}{key[:12]}CNTRL-{key}", key)
    yield case("vastai", f"vastai set api-key {hex64}", hex64)
    yield case("runpodctl", f"runpodctl config --apiKey {key}", key)
    yield case("mc alias", f"mc alias set lab https://s3.lab.org me {key}", key)
    yield case("s3cmd", f"s3cmd --access_key=me --secret_key={aws} ls", aws)
    yield case("own flag", f"python train.py --lr 3e-4 --wandb-api-key {hex40} --seed 1", hex40)
    yield case("own flag, list", f"['python', 'train.py', '--hub_token', '{key}', '--seed', '1']", key)
    yield case("dvc", f"dvc remote modify --local lab password {word}", word)
    yield case("databricks", f"databricks configure --token <<< {'da' + 'pi'}{hex40[:32]}", hex40[:32])
    yield case("smbclient", f"smbclient //nas/data -U me%{word}", word)
    yield case("mount cifs", f"mount -t cifs //nas/data /mnt -o username=me,password={word}", word)
    yield case("ldap", f"ldapsearch -D cn=me -w {word} -b dc=lab", word)
    yield case("keytool", f"keytool -list -keystore lab.jks -storepass {word}", word)
    yield case("ssh-keygen", f"ssh-keygen -t ed25519 -N '{word}' -f id", word)
    yield case("lftp", f"lftp -u me,{word} sftp://box", word)
    yield case("prefect", f"prefect cloud login --key {'pn' + 'u_'}{key} --workspace lab/main", key)
    yield case("airflow", f"airflow users create --username me --role Admin --password {word}", word)


def _headers(r: random.Random) -> Iterator[Case]:
    def case(form: str, text: str, *secrets: str) -> Case:
        return Case("header", form, text, list(secrets))

    word, hex40, long, key = password(r), some(r, HEX, 40), some(r, URLSAFE, 64), some(r, WORD, 40)
    basic = base64.b64encode(f"trainer:{word}".encode()).decode()
    web = jwt(r)
    yield case("curl -v", f"> GET /v1 HTTP/1.1\n> Host: lab.org\n> Authorization: Bearer {key}\n> Accept: */*\n", key)
    yield case(
        "http.client debug",
        f"send: b'GET /v1 HTTP/1.1\\r\\nAuthorization: Bearer {key}\\r\\nAccept: */*\\r\\n\\r\\n'\n",
        key,
    )
    yield case("basic", f"{_stamp(r)}headers: {{'Authorization': 'Basic {basic}', 'Accept': '*/*'}}\n", basic)
    yield case(
        "httpx",
        f"{_stamp(r)}send_request_headers.started Headers([('host', 'x'), ('authorization', 'Bearer {long}')])\n",
        long,
    )
    yield case(
        "httpcore bytes", f"{_stamp(r)}request.headers=[(b'Host', b'x'), (b'Authorization', b'Bearer {long}')]\n", long
    )
    yield case("aiohttp", f"{_stamp(r)}<CIMultiDictProxy('Host': 'x', 'X-Auth-Token': '{key}')>\n", key)
    yield case("set-cookie", f"< set-cookie: session={long}; Path=/; HttpOnly; Secure\n", long)
    yield case("cookie", f"{_stamp(r)}Cookie: csrftoken={key}; sessionid={hex40[:32]}\n", hex40[:32])
    yield case(
        "cookie of jupyter", f"-H 'Cookie: _xsrf=2|{key[:8]}; username-node0-8888=\"2|1:0|10:17|{long}\"'\n", long
    )
    yield case("proxy", f"Proxy-Authorization: Basic {basic}\n", basic)
    yield case(
        "api-key of azure",
        f"{_stamp(r)}headers={{'api-key': '{hex40[:32]}', 'Content-Type': 'application/json'}}\n",
        hex40[:32],
    )
    yield case("gitlab", f"PRIVATE-TOKEN: {long[:20]}\n", long[:20])
    yield case("authorization token", f"{_stamp(r)}Authorization: token {hex40}\n", hex40)
    yield case("jwt alone", f"{_stamp(r)}got {web}\n", web.split(".")[2])
    yield case("jwt in url", f"GET /ws?access_token={web} HTTP/1.1\n", web.split(".")[2])
    yield case(
        "query key", f"{_stamp(r)}HTTPError: 403 for url: https://api.lab.org/v1/x?page=2&api_key={key}&n=3\n", key
    )
    yield case("query token", f"requests.exceptions.ConnectionError: https://lab.org/hook?token={key[:24]}\n", key[:24])
    yield case("jupyter url", f"    http://127.0.0.1:8888/lab?token={hex40}12345678\n", hex40)
    yield case(
        "url-encoded",
        f"{_stamp(r)}body: grant_type%3Dpassword%26username%3Dme%26password%3D{quote(word)}\n",
        quote(word),
    )
    yield case("form", f"{_stamp(r)}body: client_id=lab&client_secret={key}&grant_type=client_credentials\n", key)
    yield case(
        "oauth answer", json.dumps({"access_token": key, "token_type": "Bearer", "refresh_token": long}), key, long
    )
    yield case("html", f'<input type="hidden" name="csrf_token" value="{key}">\n', key)
    yield case("grpc", f"{_stamp(r)}metadata=(('authorization', 'Bearer {key}'), ('x-trace', '1'))\n", key)
    yield case("yaml headers", f"headers:\n  Authorization: Bearer {key}\n  Accept: '*/*'\n", key)
    yield case("otel", f"OTEL_EXPORTER_OTLP_HEADERS=Authorization=Basic%20{basic.rstrip('=')}\n", basic.rstrip("="))
    yield case("otel key", f"OTEL_EXPORTER_OTLP_HEADERS=api-key={key}\n", key)
    yield case("cookie jar", f".lab.org\tTRUE\t/\tTRUE\t1799999999\tsessionid\t{key}\n", key)


def _connections(r: random.Random) -> Iterator[Case]:
    def case(form: str, text: str, *secrets: str) -> Case:
        return Case("connection", form, f"{_stamp(r)}{text}\n", list(secrets))

    word, key = password(r), some(r, WORD, 24)
    yield case(
        "postgres",
        f"Using storage postgresql+psycopg2://trainer:{quote(word, safe='')}@db:5432/sweeps",
        quote(word, safe=""),
    )
    yield case("mongo", f"mongodb+srv://trainer:{word}@lab.mongodb.net/?retryWrites=true", word)
    yield case("redis", f"broker redis://:{word}@cache:6379/0", word)
    yield case("rediss user", f"rediss://default:{key}@eu1-lab.upstash.io:6379", key)
    yield case("amqp", f"Connected to amqp://guest:{word}@mq:5672//", word)
    yield case("jdbc query", f"jdbc:postgresql://db:5432/sweeps?user=me&password={quote(word)}&ssl=true", quote(word))
    yield case("jdbc sqlserver", f"jdbc:sqlserver://db:1433;databaseName=x;user=sa;password={word};encrypt=true", word)
    yield case("jdbc oracle", f"jdbc:oracle:thin:me/{word}@db:1521:x", word)
    yield case("libpq", f'psycopg2.OperationalError: "host=db user=me password={word} dbname=sweeps" failed', word)
    yield case("odbc", f"DRIVER={{ODBC Driver 18 for SQL Server}};SERVER=db;UID=sa;PWD={word};Encrypt=yes", word)
    yield case("ado", f"Server=tcp:db,1433;User ID=sa;Password={word};Trusted_Connection=False", word)
    yield case("mlflow", f'mlflow.set_tracking_uri("https://me:{word}@mlflow.lab.org")', word)
    yield case("sftp", f"sftp://me:{word}@box:22/data", word)
    yield case("proxy", f"HTTPS_PROXY=http://me:{word}@proxy.lab.org:3128", word)
    yield case("smtp", f"smtp.login('me@lab.org', '{word}')", word)
    yield case("snowflake", f"snowflake://me:{word}@lab-eu/db/public?warehouse=x", word)
    yield case(
        "snowflake connect", f"snowflake.connector.connect(user='me', password='{word}', account='lab-eu')", word
    )
    yield case("clickhouse", f"clickhouse://default:{word}@ch:8443/db?secure=1", word)
    yield case("neo4j", f"GraphDatabase.driver('bolt://db', auth=('neo4j', '{word}'))", word)
    yield case("requests auth", f"requests.get(url, auth=('trainer', '{word}'))", word)
    yield case("HTTPBasicAuth", f"requests.get(url, auth=HTTPBasicAuth('trainer', '{word}'))", word)
    yield case("engine repr", f"URL.create(drivername='mysql', username='me', password='{word}', host='db')", word)
    bus = some(r, B64, 43)
    yield case(
        "event hub", f"Endpoint=sb://lab.windows.net/;SharedAccessKeyName=x;SharedAccessKey={bus}=;EntityPath=q", bus
    )
    yield case(
        "sentry",
        f"sentry_sdk.init(dsn='https://{some(r, HEX, 8)}{(half := some(r, HEX, 24))}@o4507.ingest.us.sentry.io/45')",
        half,
    )
    yield case("nats", f"nats://me:{word}@nats:4222", word)
    yield case("elastic", f"Elasticsearch('https://es', basic_auth=('elastic', '{word}'))", word)
    yield case(
        "git remote", f"origin\thttps://oauth2:{'glp' + 'at-'}{key[:20]}@gitlab.com/lab/train.git (push)", key[:20]
    )
    yield case("git fatal", f"fatal: Authentication failed for 'https://me:{word}@git.lab.org/train.git/'", word)
    yield case("token as user", f"fatal: unable to access 'https://{key}:@git.lab.org/train.git/'", key)
    yield case(
        "pip indexes", f"Looking in indexes: https://pypi.org/simple, https://ci:{word}@pypi.lab.org/simple", word
    )


def _clouds(r: random.Random) -> Iterator[Case]:
    def case(form: str, text: str, *secrets: str) -> Case:
        return Case("cloud", form, text, list(secrets))

    aws, akia, hex64, long = some(r, B64, 40), some(r, BASE32, 16), some(r, HEX, 64), some(r, B64, 300)
    account, signature = some(r, B64, 86) + "==", quote(encoded(r, 32), safe="")
    yield case(
        "presigned",
        f"{_stamp(r)}GET https://lab.s3.amazonaws.com/m.pt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={'AK' + 'IA'}{akia}"
        f"%2F20260311%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=20260311T101010Z&X-Amz-Signature={hex64}\n",
        akia,
        hex64,
    )
    yield case(
        "presigned v2",
        f"https://lab.s3.amazonaws.com/m.pt?AWSAccessKeyId={'AS' + 'IA'}{akia}&Signature={signature}&Expires=17\n",
        signature,
    )
    yield case(
        "session token",
        json.dumps({"Credentials": {"SecretAccessKey": aws, "SessionToken": long}}, indent=4),
        aws,
        long,
    )
    yield case("s3fs", f"fs = s3fs.S3FileSystem(key='{'AK' + 'IA'}{akia}', secret='{aws}')\n", akia, aws)
    yield case("storage_options", f"{_stamp(r)}storage_options={ {'key': 'me', 'secret': aws, 'anon': False} }\n", aws)
    yield case(
        "boto3",
        f'+s3 = boto3.client("s3", aws_access_key_id="{"AK" + "IA"}{akia}", aws_secret_access_key="{aws}")\n',
        akia,
        aws,
    )
    yield case("minio", f"Minio('s3.lab.org', access_key='me', secret_key='{aws}')\n", aws)
    yield case(
        "azure string",
        f"DefaultEndpointsProtocol=https;AccountName=lab;AccountKey={account};EndpointSuffix=core.windows.net\n",
        account[:-2],
    )
    yield case(
        "sas url",
        f"{_stamp(r)}https://lab.blob.core.windows.net/c/m.pt?sv=2024-11-04&sr=b&sp=r&sig={signature}&se=2026\n",
        signature,
    )
    client = f"{some(r, WORD, 3)}8Q~{some(r, WORD, 34)}"
    yield case("azure client secret", f"AZURE_TENANT_ID={_uuid(r)}\nAZURE_CLIENT_SECRET={client}\n", client[6:])
    yield case("azure bare", f"ClientSecretCredential('{_uuid(r)}', '{_uuid(r)}', '{client}')\n", client[6:])
    yield case(
        "gcs v4",
        f"https://storage.googleapis.com/b/m?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Signature={hex64}{hex64}\n",
        hex64,
    )
    lines, rows = _key(r, "")
    account_json = {
        "type": "service_account",
        "private_key_id": hex64[:40],
        "private_key": "\n".join(lines),
        "client_email": "a@b",
    }
    yield case("service account", json.dumps(account_json, indent=2), *rows)
    yield case("service account in env", f"GOOGLE_CREDENTIALS={json.dumps(json.dumps(account_json))}\n", *rows)
    encoded_json = base64.b64encode(json.dumps(account_json).encode()).decode()
    yield case("service account in base64", f"GCP_SA_KEY={encoded_json}\n", encoded_json)
    refresh = some(r, URLSAFE, 90)
    yield case(
        "adc",
        json.dumps(
            {"client_id": "x", "client_secret": f"{'GOC' + 'SPX-'}{refresh[:28]}", "refresh_token": "1//0" + refresh}
        ),
        refresh,
    )
    yield case("gcloud token", f"{_stamp(r)}using {'ya' + '29.'}a0{refresh}\n", refresh)
    yield case(
        "google key",
        f"{_stamp(r)}https://generativelanguage.googleapis.com/v1?key={'AI' + 'za'}{refresh[:35]}\n",
        refresh[:35],
    )
    yield case(
        "gcs hmac", f"gs_access_key_id = {'GO' + 'OG1E'}{some(r, ALNUM_UP, 55)}\ngs_secret_access_key = {aws}\n", aws
    )
    yield case("r2 endpoint", f"CLOUDFLARE_API_TOKEN={refresh[:40]}\nR2_SECRET={hex64}\n", refresh[:40], hex64)
    yield case("databricks", f"DATABRICKS_HOST=https://x\nDATABRICKS_TOKEN={'da' + 'pi'}{hex64[:32]}-2\n", hex64[:32])


def _issuers(r: random.Random) -> Iterator[Case]:
    """Their beginnings say what they are: the name before them may be missing."""
    word = some(r, WORD, 64)
    made: list[tuple[str, str, str]] = [
        ("openai project", "sk" + "-proj-", some(r, URLSAFE, 74) + "T3Blb" + "kFJ" + some(r, URLSAFE, 74)),
        ("openai service", "sk" + "-svcacct-", some(r, URLSAFE, 60)),
        ("openai old", "s" + "k-", some(r, WORD, 20) + "T3Blb" + "kFJ" + some(r, WORD, 20)),
        ("anthropic", "sk" + "-ant-api03-", some(r, URLSAFE, 93) + "AA"),
        ("groq", "gs" + "k_", some(r, WORD, 52)),
        ("xai", "xa" + "i-", some(r, WORD, 80)),
        ("openrouter", "sk" + "-or-v1-", some(r, HEX, 64)),
        ("perplexity", "pp" + "lx-", some(r, WORD, 48)),
        ("fireworks", "fw" + "_", some(r, WORD, 24)),
        ("anyscale", "esec" + "ret_", some(r, WORD, 26)),
        ("replicate", "r8" + "_", some(r, WORD, 37)),
        ("huggingface", "h" + "f_", some(r, LOWER + UPPER, 34)),
        ("wandb v1", "wandb" + "_v1_", some(r, WORD, 77)),
        ("pinecone", "pc" + "sk_", some(r, WORD, 5) + "_" + some(r, WORD, 63)),
        ("nvidia", "nv" + "api-", some(r, URLSAFE, 64)),
        ("langsmith", "lsv2" + "_pt_", some(r, HEX, 32) + "_" + some(r, HEX, 10)),
        ("langfuse", "sk" + "-lf-", _uuid(r)),
        ("tavily", "tv" + "ly-", some(r, WORD, 32)),
        ("jina", "ji" + "na_", some(r, WORD, 60)),
        ("cerebras", "cs" + "k-", some(r, LOWER + DIGITS, 48)),
        ("voyage", "p" + "a-", some(r, URLSAFE, 43)),
        ("github", "gh" + "o_", some(r, WORD, 36)),
        ("github fine", "github" + "_pat_", some(r, WORD, 22) + "_" + some(r, WORD, 59)),
        ("gitlab", "glp" + "at-", some(r, URLSAFE, 20)),
        ("gitlab runner", "gl" + "rt-", some(r, URLSAFE, 20)),
        ("bitbucket", "AT" + "BB", some(r, WORD, 32)),
        ("atlassian", "ATA" + "TT3xFfGF0", some(r, URLSAFE, 170)),
        ("slack bot", "xo" + "xb-", f"{some(r, DIGITS, 12)}-{some(r, DIGITS, 12)}-{some(r, WORD, 24)}"),
        ("slack app", "xa" + "pp-1-", f"A{some(r, ALNUM_UP, 10)}-{some(r, DIGITS, 13)}-{some(r, HEX, 64)}"),
        (
            "slack hook",
            "https://hooks.sl" + "ack.com/services/",
            f"T{word[:8].upper()}/B{word[8:16].upper()}/{word[16:40]}",
        ),
        ("discord hook", "https://disc" + "ord.com/api/webhooks/", f"{some(r, DIGITS, 18)}/{some(r, URLSAFE, 68)}"),
        ("telegram", "https://api.tele" + "gram.org/bot", f"{some(r, DIGITS, 10)}:AA{some(r, URLSAFE, 33)}"),
        (
            "teams hook",
            "https://lab.webhook.off" + "ice.com/webhookb2/",
            f"{_uuid(r)}@{_uuid(r)}/IncomingWebhook/{some(r, HEX, 32)}/{_uuid(r)}",
        ),
        ("stripe", "sk" + "_live_", some(r, WORD, 24)),
        ("stripe restricted", "rk" + "_live_", some(r, WORD, 24)),
        ("stripe hook", "wh" + "sec_", some(r, WORD, 32)),
        ("sendgrid", "S" + "G.", some(r, URLSAFE, 22) + "." + some(r, URLSAFE, 43)),
        ("twilio key", "S" + "K", some(r, HEX, 32)),
        ("mailgun", "ke" + "y-", some(r, HEX, 32)),
        ("digitalocean", "dop" + "_v1_", some(r, HEX, 64)),
        ("sentry token", "snt" + "rys_", some(r, WORD, 120)),
        ("npm", "np" + "m_", some(r, WORD, 36)),
        ("pypi", "py" + "pi-AgEIcHlwaS5vcmc", some(r, URLSAFE, 130)),
        ("docker hub", "dck" + "r_pat_", some(r, URLSAFE, 27)),
        ("vault", "hv" + "s.", some(r, URLSAFE, 90)),
        ("terraform", some(r, WORD, 14) + ".atl" + "asv1.", some(r, URLSAFE, 67)),
        ("age", "AGE-SEC" + "RET-KEY-1", some(r, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)),
        ("grafana", "gl" + "sa_", some(r, WORD, 32) + "_" + some(r, HEX, 8)),
        ("grafana cloud", "gl" + "c_eyJ", some(r, WORD, 80)),
        ("notion", "nt" + "n_", some(r, WORD, 46)),
        ("linear", "lin" + "_api_", some(r, WORD, 40)),
        ("pulumi", "pu" + "l-", some(r, HEX, 40)),
        ("doppler", "dp" + ".pt.", some(r, WORD, 43)),
        ("fly", "FlyV1 fm" + "2_lJPE", some(r, B64, 120)),
        ("netlify", "nf" + "p_", some(r, WORD, 36)),
        ("supabase", "sb" + "p_", some(r, HEX, 40)),
        ("supabase new", "sb" + "_secret_", some(r, URLSAFE, 31)),
        ("planetscale", "pscale" + "_tkn_", some(r, URLSAFE, 43)),
        ("neon", "na" + "pi_", some(r, LOWER + DIGITS, 64)),
        ("sourcegraph", "sg" + "p_", some(r, HEX, 16) + "_" + some(r, HEX, 40)),
        ("new relic", "NR" + "AK-", some(r, ALNUM_UP, 27)),
        ("dynatrace", "dt0" + "c01.", some(r, BASE32, 24) + "." + some(r, BASE32, 64)),
        ("postman", "PM" + "AK-", some(r, HEX, 24) + "-" + some(r, HEX, 34)),
        ("databricks", "da" + "pi", some(r, HEX, 32)),
        ("airtable", "pa" + "t", some(r, WORD, 14) + "." + some(r, HEX, 64)),
        ("heroku", "HR" + "KU-AA", some(r, URLSAFE, 58)),
        ("buildkite", "bk" + "ua_", some(r, HEX, 40)),
        ("circleci", "CCI" + "PAT_", some(r, WORD, 22) + "_" + some(r, HEX, 40)),
        ("tailscale", "tsk" + "ey-api-", some(r, WORD, 12) + "CNTRL-" + some(r, WORD, 32)),
        ("artifactory", "AK" + "Cp8", some(r, WORD, 68)),
        ("onepassword", "ops" + "_eyJ", some(r, WORD, 250)),
        ("rubygems", "rubyg" + "ems_", some(r, HEX, 48)),
    ]
    for form, begin, rest in made:
        yield Case("issuer", form, _around(r, begin + rest), [rest])


def _around(r: random.Random, value: str) -> str:
    """A place where a value may stand, in most without a name that says what it is."""
    return r.choice(
        [
            f"{_stamp(r)}connecting with {value}\n",
            f"{_stamp(r)}[{value}] 401 Client Error: Unauthorized\n",
            json.dumps({"step": 3, "argv": ["train.py", value]}) + "\n",
            f'+client = Client("{value}")  # TODO: move\n',
            f"-  - {value}\n",
            f'    "client = Client(\\"{value}\\")\\n",\n',
            f"│   credential = '{value}'   │\n",
            f"\x1b[33m{value}\x1b[0m\n",
            f"ValueError: cannot parse '{value}'\n",
            f"args: ({value!r}, 3)\n",
            f"export X={value};python train.py\n",
            f"note: the one I used is {value}.\n",
            f"<code>{value}</code>\n",
            f"{value}\n",
        ]
    )


def _code(r: random.Random) -> Iterator[Case]:
    def case(form: str, text: str, *secrets: str) -> Case:
        return Case("code", form, text, list(secrets))

    word, hex40, hex32, key = password(r), some(r, HEX, 40), some(r, HEX, 32), some(r, WORD, 40)
    hf = some(r, LOWER + UPPER, 34)
    yield case("wandb.login", f'+    wandb.login(key="{hex40}")\n', hex40)
    yield case(
        "notebook",
        json.dumps({"source": ["import wandb\n", f'wandb.login(key="{hex40}", relogin=True)\n']}, indent=1),
        hex40,
    )
    yield case("notebook diff", f'+    "os.environ[\\"WANDB_API_KEY\\"] = \\"{hex40}\\"\\n",\n', hex40)
    yield case("notebook string", f'+    "api_key = \'{key}\'\\n",\n+    "client = Client(api_key)"\n', key)
    yield case("from_pretrained", f"model = AutoModel.from_pretrained('lab/m', token='{'h' + 'f_'}{hf}')\n", hf)
    yield case("comet", f"Experiment(api_key='{key[:25]}', project_name='x')\n", key[:25])
    yield case(
        "neptune", f"run = neptune.init_run(project='lab/x', api_token='{(neptune := encoded(r, 90))}')\n", neptune
    )
    yield case("twilio", f"client = Client('AC{hex32}', auth_token='{hex40[:32]}')\n", hex40[:32])
    yield case("dataclass", f"{_stamp(r)}Config(host='db', user='me', password='{word}', port=5432)\n", word)
    yield case("rust", f'{_stamp(r)}Config {{ user: "me", password: "{word}", port: 5432 }}\n', word)
    yield case("rust Some", f'{_stamp(r)}Config {{ user: Some("me"), password: Some("{word}") }}\n', word)
    yield case("go", f"{_stamp(r)}{{User:me Password:{word} Host:db}}\n", word)
    yield case("logfmt", f'level=info user=me password={word} msg="connected"\n', word)
    yield case(
        "pydantic",
        f"  Input should be a valid string [type=string_type, input_value={ {'api_key': key} }, input_type=dict]\n",
        key,
    )
    yield case("pytest locals", f"api_key    = '{key}'\nmodel      = 'gpt'\n", key)
    yield case(
        "rich locals",
        f"│ │  password = '{word}'                          │ │\n│ │      port = 5432                    │ │\n",
        word,
    )
    yield case(
        "traceback line",
        f'  File "train.py", line 3, in <module>\n    login(token="{key}")\nValueError: bad token\n',
        key,
    )
    yield case("javascript", f"+const config = {{ apiKey: '{key}', authDomain: 'x' }}\n", key)
    yield case("typed", f'+API_TOKEN: Final[str] = "{key}"\n', key)
    yield case("default of a getter", f'+token = os.getenv("LAB_TOKEN", "{key}")\n', key)
    yield case("default of get", f'+password = cfg.get("password", "{word}")\n', word)
    yield case("fallback", f'+secret = os.environ.get("LAB_SECRET") or "{key}"\n', key)
    yield case("argparse", f'+parser.add_argument("--api-key", type=str, default="{key}")\n', key)
    yield case("click", f"+@click.option('--password', default='{word}', help='of the database')\n", word)
    yield case("walrus", f'+if (token := "{key}"):\n', key)
    yield case("bytes", f"+HMAC_SECRET = b'{key}'\n", key)
    yield case("raw string", f"+PASSWORD = r'{word}'\n", word)
    yield case("f-string header", f"+headers = {{'Authorization': f'Bearer {key}'}}\n", key)
    yield case("compare", f'+if password == "{word}":\n', word)
    yield case("wrapped call", f'+login(\n+    user="me",\n+    password="{word}",\n+)\n', word)
    yield case("wrapped value", f'+api_key = (\n+    "{key}"\n+)\n', key)
    yield case("dict call", f"+config = dict(user='me', passwd='{word}')\n", word)
    yield case("setter", f'+api.set_token("{key}")\n', key)
    yield case("attribute", f'+openai.api_key = "{key}"\n', key)
    yield case("subscript", f"+cfg['db']['password'] = '{word}'\n", word)
    yield case("shell default", f"+: ${{LAB_TOKEN:={key}}}\n", key)
    yield case("shell dash", f'+TOKEN="${{TOKEN:-{key}}}"\n', key)
    yield case("heredoc", f"cat > .env <<EOF\nSEED=1\nMLFLOW_TOKEN={key}\nEOF\n", key)
    yield case("word diff", f"[-password: {word}-]{{+password: {key[:20]}+}}\n", word, key[:20])
    yield case("repr in a log", f'{_stamp(r)}loaded {{"db": {{"user": "me", "pwd": "{word}"}}}}\n', word)
    yield case("omegaconf", f"{_stamp(r)}logger:\n  wandb:\n    api_key: {hex40}\n    project: x\n", hex40)
    yield case("hydra cli list", f"{_stamp(r)}overrides: ['seed=1', 'db.password={word}']\n", word)
    django = some(r, LOWER + DIGITS + "!@#$%^&*(-_=+)", 50)
    yield case("django", f"+SECRET_KEY = 'django-insecure-{django}'\n", django)
    yield case("flask", f"+app.secret_key = '{hex32}'\n", hex32)
    yield case("camel", f'{{"accessToken":"{key}","dbPassword":"{word}","clientSecret":"{hex40}"}}\n', key, word, hex40)
    yield case("mixed", f"{_stamp(r)}WandbApiKey={hex40} Seed=1\n", hex40)
    yield case("encryption", f"+ENCRYPTION_KEY = '{(secret := encoded(r, 30))}'\n", secret)


def _blocks(r: random.Random) -> Iterator[Case]:
    def case(form: str, text: str, *secrets: str) -> Case:
        return Case("block", form, text, list(secrets))

    lines, rows = _key(r, "OPENSSH ")
    yield case("ssh", "\n".join(lines) + "\n", *rows)
    yield case("ssh in a diff", "".join(f"+{line}\n" for line in lines), *rows)
    yield case("ssh in a log", "".join(f"{_stamp(r)}{line}\n" for line in lines), *rows)
    lines, rows = _key(r, "EC ", 3)
    yield case("yaml", "tls:\n  key: |\n" + "".join(f"    {line}\n" for line in lines) + "  port: 1\n", *rows)
    yield case("one line", "TLS_KEY='" + "\\n".join(lines) + "'\n", *rows)
    yield case("python lines", "".join(f'+    "{line}\\n"\n' for line in lines), *rows)
    yield case("notebook", json.dumps({"source": [line + "\n" for line in lines]}, indent=1), *rows)
    lines, rows = _key(r, "ENCRYPTED ")
    yield case("crlf", "\r\n".join(lines) + "\r\n", *rows)
    body = encoded(r, 500)
    rows = [body[at : at + 64] for at in range(0, len(body), 64)]
    pgp = f"{BEGIN}PGP PRIV" + "ATE KEY BLOCK-----\nVersion: GnuPG v2\n\n" + "\n".join(rows)
    yield case("pgp", f"{pgp}\n=aBcD\n{END}PGP PRIV" + "ATE KEY BLOCK-----\n", *rows)
    rows = rows[:3]
    yield case(
        "putty",
        "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: me\nPublic-Lines: 1\nAAAAC3NzaC1lZDI1NTE5\n"
        f"Private-Lines: {len(rows)}\n" + "\n".join(rows) + f"\nPrivate-MAC: {some(r, HEX, 64)}\n",
        *rows,
    )
    yield case("wireguard", f"[Interface]\nPrivateKey = {(key := encoded(r, 32))}\nAddress = 10.0.0.2/32\n", key)
    age = some(r, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)
    yield case(
        "age file", f"# created: 2026-03-11T10:00:00Z\n# public key: age1xyz\n{'AGE-SEC' + 'RET-KEY-1'}{age}\n", age
    )
    jwk = {"kty": "RSA", "n": some(r, URLSAFE, 342), "e": "AQAB", "d": some(r, URLSAFE, 342)}
    yield case("jwk", json.dumps(jwk), jwk["d"])
    cut = _key(r, "RSA ", 12)
    yield case("cut off", "\n".join(cut[0][:6]) + "\n... (truncated)\n", *cut[1][:5])


def _notes(r: random.Random) -> Iterator[Case]:
    def case(form: str, text: str, *secrets: str) -> Case:
        return Case("note", form, text, list(secrets))

    word, hex40, key = password(r), some(r, HEX, 40), some(r, WORD, 32)
    yield case("is", f"The password for the node is {word}, ask Kim before a change.\n", word)
    yield case("colon", f"Node 4 is up. Password: {word}\n", word)
    yield case("quoted", f"log in as root with password '{word}'\n", word)
    yield case("backticks", f"- wandb api key: `{hex40}`\n- project: speedrun\n", hex40)
    yield case("markdown bold", f"**API key:** {key}\n", key)
    yield case("markdown table", f"| name | value |\n| --- | --- |\n| api_key | {key} |\n| lr | 0.1 |\n", key)
    yield case("arrow", f"token -> {key}\n", key)
    yield case("equals words", f"my access token = {key}\n", key)
    yield case("parenthesis", f"Logged in to the tracker (user me, password {word}) and started the sweep.\n", word)
    yield case("slash", f"Credentials: admin / {word}\n", word)
    yield case("pw", f"pw: {word}\n", word)
    yield case("passphrase", f'The passphrase of the data archive is "{word}".\n', word)
    yield case("prompt", f"Username: me\nPassword: {word}\nLogin successful\n", word)
    yield case("on the next line", f"API key:\n{key}\n\nThe run began after that.\n", key)
    yield case("paste prompt", f"wandb: Paste an API key from your profile and hit enter: {hex40}\n", hex40)
    yield case("generated", f"Generated admin password: {word}\n", word)
    yield case("used with", f"Failed with the old token {key}, a new one is asked for.\n", key)
    yield case("incorrect key", f"Incorrect API key provided: {key}. You can find your API key at https://x.\n", key)
    yield case("trailer", f"Lab-Token: {key}\n", key)
    yield case("otpauth", f"otpauth://totp/lab:me?secret={(seed := some(r, BASE32, 32))}&issuer=lab\n", seed)
    yield case(
        "wrapped by rich", f"│ hub_token │ {'h' + 'f_'}{key[:16]} │\n│           │ {key[16:]}  │\n", key[:16], key[16:]
    )
    yield case("set to", f"    Set WANDB_API_KEY to {hex40} for all nodes\n", hex40)
