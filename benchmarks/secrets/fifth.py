"""A fifth held-out set: written when the misses of the fourth had been mended, by those who had mended them, and
measured once before anything else was changed. It looks for what was not thought of then, not for the same again.
"""

import base64
import json
import random
from collections.abc import Iterator
from urllib.parse import quote

from benchmarks.secrets.planted import B64, DIGITS, HEX, LOWER, UPPER, URLSAFE, WORD, Case, encoded, jwt, pem, some


def fifth(seed: int, rounds: int = 10) -> Iterator[Case]:
    """All of it, so many times over."""
    r = random.Random(seed)
    for _ in range(rounds):
        yield from _tools(r)
        yield from _settings(r)
        yield from _words(r)


def _chosen(r: random.Random) -> str:
    """As people choose them, otherwise than `password` has them."""
    words = ["Winter", "k8sAdmin", "gpu-Lab", "Zebra.", "correcthorse", "mlops", "Kaffee", "Qwerty"]
    return r.choice(words) + r.choice(["2026", "!x9", "@1985", "-77-", "%9", "$$12"]) + r.choice(["", "!", "Ab"])


def _tools(r: random.Random) -> Iterator[Case]:
    def case(form: str, text: str, *secrets: str) -> Case:
        return Case("tool", form, text, list(secrets))

    word, key, hexed, long = _chosen(r), some(r, WORD, 32), some(r, HEX, 40), some(r, URLSAFE, 56)
    aws, hf = some(r, B64, 40), some(r, LOWER + UPPER, 34)
    yield case("gcloud secrets", f"echo -n '{word}' | gcloud secrets versions add db-password --data-file=-\n", word)
    yield case("aws secretsmanager", f"aws secretsmanager create-secret --name db --secret-string '{word}'\n", word)
    yield case("aws ssm", f"aws ssm put-parameter --name /lab/db/password --value '{word}' --type SecureString\n", word)
    yield case("az keyvault", f"az keyvault secret set --vault-name lab --name db-password --value {word}\n", word)
    yield case("gh secret", f"gh secret set WANDB_API_KEY --body {hexed}\n", hexed)
    yield case("modal secret", f"modal secret create wandb WANDB_API_KEY={hexed}\n", hexed)
    yield case("fly secrets", f"flyctl secrets set DB_PASSWORD={word} HF_TOKEN={'h' + 'f_'}{hf}\n", word, hf)
    yield case("heroku config", f"heroku config:set SECRET_KEY_BASE={key}{key} -a lab\n", key)
    yield case("runai", f"runai submit train -e WANDB_API_KEY={hexed} -g 8 -i lab/train\n", hexed)
    yield case("sky env", f"sky launch task.yaml --env WANDB_API_KEY={hexed}\n", hexed)
    yield case("apptainer", f"apptainer run --nv --env COMET_API_KEY={key[:25]} lab.sif python train.py\n", key[:25])
    yield case("skopeo", f"skopeo copy --src-creds me:{word} docker://lab/a docker://lab/b\n", word)
    yield case("rsync daemon", f"RSYNC_PASSWORD={word} rsync -a me@box::data /data\n", word)
    yield case("restic", f"export RESTIC_PASSWORD='{word}'\nrestic -r s3:x backup /data\n", word)
    yield case("borg", f"BORG_PASSPHRASE='{word}' borg create ::x /data\n", word)
    yield case("kinit", f"echo '{word}' | kinit trainer@LAB.ORG\n", word)
    yield case("cryptsetup", f"echo -n '{word}' | cryptsetup luksOpen /dev/sdb data -\n", word)
    yield case("expect", f'expect "assword:"\nsend "{word}\\r"\n', word)
    yield case("nmcli", f"nmcli dev wifi connect lab password '{word}'\n", word)
    yield case("git credential", f"protocol=https\nhost=git.lab.org\nusername=me\npassword={word}\n", word)
    yield case("git config token", f"git config --global github.token {hexed}\n", hexed)
    yield case("pip install", f"pip install git+https://{key}@git.lab.org/lab/x.git@main\n", key)
    yield case("uv index", f"UV_INDEX_LAB_PASSWORD={word} uv sync\n", word)
    conda = _uuid(r)
    yield case("conda channel", f"conda config --add channels https://conda.lab.org/t/la-{conda}/main\n", conda)
    yield case("curl cookie", f"curl -b 'session={long}' https://lab.org/x\n", long)
    yield case("curl apikey", f"curl -H 'apikey: {key}' https://lab.org/x\n", key)
    yield case("curl goog", f'curl -H "x-goog-api-key: {"AI" + "za"}{long[:35]}" https://x.googleapis.com\n', long[:35])
    yield case("curl sigv4", f"curl --aws-sigv4 'aws:amz:eu:s3' --user 'me:{aws}' https://x\n", aws)
    yield case(
        "psql uri", f"psql 'postgres://me:{quote(word, safe='')}@db/sweeps' -c 'select 1'\n", quote(word, safe="")
    )
    yield case(
        "optuna", f"optuna create-study --storage mysql://root:{quote(word, safe='')}@db/x\n", quote(word, safe="")
    )
    yield case("mongodump", f"mongodump --uri='mongodb://me:{quote(word, safe='')}@db' -o x\n", quote(word, safe=""))
    yield case("mysql config editor", f"MYSQL_PWD={word} mysql -h db -u root sweeps\n", word)
    yield case("influx", f"influx config create -n lab -u http://x -t {long}== -o lab\n", long)
    yield case("grafana api", f"curl http://admin:{quote(word, safe='')}@grafana:3000/api\n", quote(word, safe=""))
    yield case("ray head", f"ray start --head --redis-password='{word}'\n", word)
    yield case("ray head log", f"To join: ray start --address='10.0.0.4:6379' --redis-password={key}\n", key)
    yield case(
        "label studio", f"label-studio start --username me --password {word} --user-token {hexed}\n", word, hexed
    )
    yield case("vscode tunnel", f"code-server --auth password # PASSWORD={word}\n", word)
    yield case("jupyter hash", f"c.NotebookApp.token = '{hexed}'\n", hexed)
    yield case("tensorboard proxy", f"ngrok http 6006 --basic-auth 'me:{word}'\n", word)
    yield case("wandb verify", f"wandb.init(project='x', settings=wandb.Settings(api_key='{hexed}'))\n", hexed)
    yield case("clearml init", f"Task.set_credentials(api_host='x', key='{key[:20]}', secret='{aws}')\n", aws)
    yield case("hf hub", f"HfApi(token='{'h' + 'f_'}{hf}').upload_folder(repo_id='lab/x')\n", hf)
    yield case("hf in url", f"git push https://me:{'h' + 'f_'}{hf}@huggingface.co/lab/x main\n", hf)
    yield case("load_dataset", f"load_dataset('lab/x', use_auth_token='{'h' + 'f_'}{hf}')\n", hf)
    yield case("openai client", f"OpenAI(base_url='http://x/v1', api_key='{key}')\n", key)
    yield case("litellm", f"litellm.api_key = '{'s' + 'k-'}{key[:24]}'\n", key[:24])
    yield case("vllm", f"vllm serve lab/gpt --api-key {key} --port 8000\n", key)


def _uuid(r: random.Random) -> str:
    return "-".join(some(r, HEX, n) for n in (8, 4, 4, 4, 12))


def _settings(r: random.Random) -> Iterator[Case]:
    def case(form: str, text: str, *secrets: str) -> Case:
        return Case("setting", form, text, list(secrets))

    word, key, hexed, long = _chosen(r), some(r, WORD, 40), some(r, HEX, 32), some(r, URLSAFE, 64)
    basic = base64.b64encode(f"me:{word}".encode()).decode()
    yield case("kubeconfig", f"users:\n- name: me\n  user:\n    token: {long}\n", long)
    data = base64.b64encode("\n".join(pem(r)).encode()).decode()
    yield case("kubeconfig key", f"users:\n- name: me\n  user:\n    client-key-data: {data}\n", data)
    yield case("helm values", f"mlflow:\n  auth:\n    username: me\n    password: '{word}'\n", word)
    yield case("sealed comment", f"# old: password={word}\npassword: ENC[x]\n", word)
    yield case("docker secret", f"  POSTGRES_PASSWORD: ${{POSTGRES_PASSWORD:-{word}}}\n", word)
    yield case("alembic", f"sqlalchemy.url = postgresql://me:{quote(word, safe='')}@db/x\n", quote(word, safe=""))
    yield case("django", f"DATABASES = {{'default': {{'USER': 'me', 'PASSWORD': '{word}', 'HOST': 'db'}}}}\n", word)
    yield case("celery", f"broker_url = 'amqp://me:{quote(word, safe='')}@mq//'\n", quote(word, safe=""))
    yield case("hadoop", f"<property><name>fs.s3a.secret.key</name><value>{key}</value></property>\n", key)
    yield case("spark", f"--conf spark.hadoop.fs.s3a.secret.key={key}\n", key)
    yield case("spark set", f'.config("spark.hadoop.fs.s3a.secret.key", "{key}")\n', key)
    yield case("duckdb", f"SET s3_secret_access_key='{key}';\n", key)
    yield case("duckdb create", f"CREATE SECRET (TYPE S3, KEY_ID 'me', SECRET '{key}');\n", key)
    yield case("sql user", f"CREATE USER trainer WITH PASSWORD '{word}';\n", word)
    yield case("mysql user", f"CREATE USER 'me'@'%' IDENTIFIED BY '{word}';\n", word)
    yield case("sql alter", f"ALTER ROLE me PASSWORD '{word}'\n", word)
    yield case("nginx", f'proxy_set_header Authorization "Basic {basic}";\n', basic)
    yield case("prometheus", f"basic_auth:\n  username: me\n  password: {word}\n", word)
    yield case("alertmanager", f"smtp_auth_password: '{word}'\nslack_api_url: x\n", word)
    yield case("cloud-init", f"chpasswd:\n  list: |\n    root:{word}\n", word)
    yield case("cloud-init user", f"users:\n  - name: me\n    plain_text_passwd: '{word}'\n", word)
    yield case("ansible become", f"ansible_become_password: {word}\n", word)
    yield case("packer", f'  ssh_password = "{word}"\n  ssh_username = "me"\n', word)
    yield case("jenkins", f"<hudson.util.Secret><secret>{key}</secret></hudson.util.Secret>\n", key)
    yield case("xml attribute", f'<add key="DbPassword" value="{word}" />\n', word)
    yield case("json pair", json.dumps([{"name": "HF_TOKEN", "value": key}]), key)
    yield case("json pair far", json.dumps([{"key": "api_token", "type": "string", "value": key}]), key)
    yield case("pretty json", json.dumps({"db": {"password": word, "port": 1}}, indent=2), word)
    yield case("logged json", "2026-03-11 10:00:00 " + json.dumps(json.dumps({"apiKey": key})) + "\n", key)
    yield case("python tuple", f"DB = ('db', 5432, 'me', password := '{word}')\n", word)
    yield case("toml inline", f'mlflow = {{ user = "me", password = "{word}" }}\n', word)
    yield case("yaml flow", f"db: {{user: me, password: {word.rstrip('!')}, port: 1}}\n", word.rstrip("!"))
    yield case("env with export", f"export  LAB_PASSWD={word}  # of the node\n", word)
    yield case("env quoted json", f"AWS_CREDS='{json.dumps({'SecretAccessKey': key})}'\n", key)
    yield case("csv", f"host,user,password\nbox,me,{word}\n", word)
    yield case("tfstate", json.dumps({"attributes": {"master_password": word, "id": "x"}}), word)
    yield case("tensorflow flags", f"I0311 flags: --api_token={key} --lr=0.1\n", key)
    yield case("absl", f"flags.DEFINE_string('wandb_api_key', '{key}', 'key of the tracker')\n", key)
    yield case("typer", f"api_key: str = typer.Option('{key}', help='of the tracker')\n", key)
    yield case("pydantic settings", f"    api_key: SecretStr = SecretStr('{key}')\n", key)
    yield case("dataclass field", f"    password: str = field(default='{word}')\n", word)
    yield case("hocon", f'api.credentials.secret_key: "{key}"\n', key)
    yield case("ini colon", f"[db]\nuser: me\npassword : {word}\n", word)
    yield case("lua", f'local password = "{word}"\n', word)
    yield case("java", f'private static final String API_KEY = "{key}";\n', key)
    yield case("go", f'password := "{word}"\n', word)
    yield case("c", f'#define WIFI_PASSWORD "{word}"\n', word)
    yield case("c char", f'const char *api_key = "{key}";\n', key)
    yield case("rust const", f'const TOKEN: &str = "{key}";\n', key)
    yield case("powershell", f"$password = ConvertTo-SecureString '{word}' -AsPlainText -Force\n", word)
    yield case("batch", f"net use \\\\nas\\data {word} /user:me\n", word)
    yield case("R", f'Sys.setenv(WANDB_API_KEY = "{key}")\n', key)
    yield case("julia", f'ENV["HF_TOKEN"] = "{key}"\n', key)
    yield case("make", f"WANDB_API_KEY ?= {key}\n", key)
    yield case("make colon", f"WANDB_API_KEY := {key}\n", key)
    yield case("repr in bytes", f"b'password={quote(word)}&user=me'\n", quote(word))
    yield case("html entity", f"&quot;api_key&quot;: &quot;{key}&quot;\n", key)
    yield case("hexdump text", f"token {hexed[:16]} {hexed[16:]}\n", hexed[:16], hexed[16:])


def _words(r: random.Random) -> Iterator[Case]:
    def case(form: str, text: str, *secrets: str) -> Case:
        return Case("words", form, text, list(secrets))

    word, key, hexed = _chosen(r), some(r, WORD, 36), some(r, HEX, 40)
    web = jwt(r)
    yield case("use", f"Use {key} as the API key for the tracker.\n", key)
    yield case("my key", f"my wandb key is {hexed} if you need it\n", hexed)
    yield case("login with", f"ssh root@10.0.0.4, password {word}\n", word)
    yield case("user slash", f"node 3: root/{word}\n", word)
    yield case("dash", f"Password - {word}\n", word)
    yield case("new is", f"the new password for me@lab.org is now {word}\n", word)
    yield case("changed", f"changed the db password from {word} to something safe\n", word)
    yield case("quoted name", f"'password' is \"{word}\"\n", word)
    pin, licence, raw = some(r, DIGITS, 8), _uuid(r), encoded(r, 32)
    yield case("pin", f"one-time code / PIN: {pin}\n", pin)
    yield case("invalid", f"AuthenticationError: invalid token '{key}'\n", key)
    yield case("could not", f"Error: could not authenticate with key={key}: 401\n", key)
    yield case("rejected", f"InvalidApiKey: {key} is not valid for this endpoint\n", key)
    yield case("expired", f"token expired: {web}\n", web.split(".")[2])
    yield case("sent", f"DEBUG sending login packet user=me pass={word}\n", word)
    yield case("bullet", f"* user: me\n* password: {word}\n", word)
    yield case("colour", f"\x1b[1mPassword:\x1b[0m {word}\n", word)
    yield case("heading", f"### Password\n\n{word}\n", word)
    yield case("todo", f"# TODO remove before push: {'gh' + 'p_'}{key}\n", key)
    yield case("issue", f"key `{hexed}` was leaked, rotate it\n", hexed)
    yield case("license", f"export GUROBI_LICENSE_KEY={licence}\n", licence)
    yield case("seed phrase", f"encryption key (base64): {raw}\n", raw)
