"""The forms of the sixth set that are files, patches of files and connection strings; sixth.py fills them."""

DIFF = "--- a/{0}\n+++ b/{0}\n@@ -10,3 +10,4 @@\n"


def _diff(path: str, *lines: str) -> str:
    return DIFF.replace("{0}", path) + "\n".join(lines) + "\n"


ALL: dict[str, dict[str, str]] = {
    "patches": {
        "train.py login": _diff(
            "train.py", " import wandb", "+wandb.login(key='@{hex:40}')", " wandb.init(project='x')"
        ),
        "train.py positional": _diff("train.py", '+login("@{hf}")', " model = build()"),
        "train.py environ": _diff("train.py", '+os.environ["WANDB_API_KEY"] = "@{hex:40}"', " main()"),
        "train.py setdefault": _diff("train.py", "+os.environ.setdefault('COMET_API_KEY', '@{alnum:25}')", " main()"),
        "train.py getenv": _diff(
            "train.py", '-KEY = os.getenv("API_KEY", "@{alnum:36}")', '+KEY = os.getenv("API_KEY")'
        ),
        "train.py constant": _diff("train.py", '+SLACK_TOKEN = "@{slack_bot}"', ' CHANNEL = "#runs"'),
        "train.py headers": _diff("train.py", '+HEADERS = {"Authorization": f"Bearer @{alnum:40}"}', " post(HEADERS)"),
        "train.py annotated": _diff(
            "train.py", " class Config:", '+    db_password: str = "@{pw}"', "     lr: float = 1e-3"
        ),
        "train.py openai": _diff(
            "judge.py", '+client = OpenAI(api_key="@{deepseek}", base_url="https://api.deepseek.com")'
        ),
        "train.py boto": _diff(
            "io.py",
            "+s3 = boto3.client('s3', aws_access_key_id='@{aws_id}',",
            "+    aws_secret_access_key='@{aws_secret}')",
        ),
        "train.py multi-line": _diff(
            "io.py", "+run = neptune.init_run(", '+    project="lab/x",', '+    api_token="@{neptune}",', "+)"
        ),
        "train.py basic auth": _diff("io.py", "+r = requests.get(URL, auth=('%{user}', '@{strong:14}'))"),
        "train.py argparse": _diff("train.py", "+parser.add_argument('--api-key', default='@{hex:32}')"),
        "train.py concatenated": _diff("train.py", '+TOKEN = "@{alnum:20}" \\', '+        "@{alnum:20}"'),
        "train.py clearml": _diff(
            "train.py",
            "+Task.set_credentials(api_host='https://api.clear.ml',",
            "+    key='%{upper:30}', secret='@{alnum:50}')",
        ),
        "train.py click": _diff("cli.py", '+@click.option("--password", default="@{pw}", show_default=False)'),
        "train.py smtp": _diff("notify.py", '+server.login("%{user}@lab.example", "@{strong:16}")'),
        "train.py signing": _diff(
            "serve.py", "+app.secret_key = b'@{url:24}'", "+app.config['SECRET_KEY'] = '@{hex:48}'"
        ),
        "train.py fernet": _diff("data.py", '+cipher = Fernet(b"@{b64url:33}")'),
        "train.py pushover": _diff("notify.py", '+push(user_key="@{lower:30}", app_token="@{lower:30}")'),
        "config.yaml": _diff(
            "config.yaml", " wandb:", "-  api_key: null", "+  api_key: @{hex:40}", "   project: speedrun"
        ),
        "config.yaml quoted": _diff(
            "config.yaml", " storage:", '+  access_key: "%{upper:20}"', '+  secret_key: "@{b64:30}"'
        ),
        "config.yaml password": _diff("conf/db.yaml", " user: %{user}", "+password: @{pw}", " port: 5432"),
        "config.toml": _diff("config.toml", " [auth]", '+token = "@{lower:40}"', '+client_secret = "@{gcp_client}"'),
        "config.ini": _diff("setup.ini", " [database]", "+passwd = @{strong:14}", " host = %{host}"),
        "config.json": _diff("config.json", '   "lr": 0.001,', '+  "apiKey": "@{alnum:32}",', '   "steps": 1000'),
        "omegaconf": _diff("conf.yaml", "+hf_token: ${oc.env:HF_TOKEN,@{hf}}"),
        "dotenv": _diff(
            ".env", " DEBUG=1", "+ANTHROPIC_API_KEY=@{anthropic}", "+DB_PASS='@{strong:16}'", "+JWT_SECRET=@{hex:64}"
        ),
        "dotenv export": _diff(".env", "-export NEPTUNE_API_TOKEN=@{neptune}", "+export NEPTUNE_API_TOKEN="),
        "dotenv odd names": _diff(
            ".env", "+WANDB_KEY=@{hex:40}", "+VOYAGE_KEY=pa-@{url:43}", "+LAMBDA_APIKEY=@{hex:40}"
        ),
        "dotenv django": _diff(".env", "+SECRET_KEY=django-insecure-@{lower:50}"),
        "dotenv salt": _diff(".env", "+HASH_SALT=@{alnum:24}", "+ENCRYPTION_KEY=@{b64:32}"),
        "Dockerfile env": _diff("Dockerfile", " FROM python:3.11", "+ENV HF_TOKEN=@{hf}", " RUN pip install torch"),
        "Dockerfile env space": _diff("Dockerfile", "+ENV WANDB_API_KEY @{hex:40}", " WORKDIR /app"),
        "Dockerfile arg": _diff("Dockerfile", "+ARG GITHUB_TOKEN=@{github_fine}", " RUN make"),
        "Dockerfile pip": _diff("Dockerfile", "+RUN pip install git+https://@{github}@github.com/lab/kernels.git"),
        "Dockerfile passwd": _diff("Dockerfile", "+RUN echo 'root:@{pw}' | chpasswd"),
        "compose": _diff(
            "docker-compose.yml",
            "     environment:",
            "+      - POSTGRES_PASSWORD=@{pw}",
            "+      MINIO_ROOT_PASSWORD: @{strong:16}",
        ),
        "shell script": _diff(
            "run.sh", " #!/bin/bash", "+export WANDB_API_KEY=@{hex:40}", "+TOKEN='@{alnum:40}'", " python train.py"
        ),
        "slurm": _diff(
            "job.sbatch",
            " #SBATCH --gres=gpu:8",
            "+#SBATCH --export=ALL,WANDB_API_KEY=@{hex:40}",
            " srun python train.py",
        ),
        "notebook source": _diff(
            "a.ipynb",
            '    "source": [',
            '+    "os.environ[\\"OPENAI_API_KEY\\"] = \\"@{openai}\\"\\n",',
            '     "x = 1"',
        ),
        "notebook magic": _diff(
            "a.ipynb", '+    "%env WANDB_API_KEY=@{hex:40}\\n",', '+    "!wandb login @{hex:40}\\n"'
        ),
        "notebook output": _diff(
            "a.ipynb", '      "text": [', "+      \"{'token': '@{alnum:40}', 'user': 'mira'}\\n\""
        ),
        "notebook getpass": _diff("a.ipynb", "+    \"api_key = '@{lower:32}'  # don't share\\n\","),
        "terraform": _diff(
            "main.tf",
            ' resource "aws_db_instance" "runs" {',
            '+  username = "admin"',
            '+  password = "@{strong:16}"',
            " }",
        ),
        "terraform variable": _diff("vars.tf", '+variable "api_token" {', '+  default = "@{alnum:40}"', "+}"),
        "tfvars": _diff("prod.tfvars", '+do_token = "@{digitalocean}"', '+db_pass  = "@{pw}"'),
        "terraform state": _diff(
            "terraform.tfstate",
            '+            "secret": "@{b64:30}",',
            '+            "ses_smtp_password_v4": "@{b64:33}",',
        ),
        "k8s secret": _diff(
            "secret.yaml", " kind: Secret", " data:", "+  wandb-api-key: @{b64:40}", "+  password: @{b64:16}"
        ),
        "k8s env": _diff("job.yaml", "         env:", "+        - name: WANDB_API_KEY", "+          value: @{hex:40}"),
        "k8s env quoted": _diff("job.yaml", '+        - {name: DB_PASSWORD, value: "@{strong:14}"}'),
        "k8s stringData": _diff("secret.yaml", " stringData:", "+  token: @{alnum:32}", " type: Opaque"),
        "kubeconfig": _diff(
            "kubeconfig", " - name: admin", "   user:", "+    client-key-data: @{b64:400}", "+    token: @{jwt}"
        ),
        "helm values": _diff("values.yaml", " auth:", "+  rootPassword: @{pw}", "+  existingSecret: ''"),
        "workflow": _diff(
            ".github/workflows/ci.yml", "       env:", "+        PYPI_TOKEN: @{pypi}", "       run: make"
        ),
        "workflow run": _diff(".github/workflows/ci.yml", "+      - run: twine upload -u __token__ -p @{pypi} dist/*"),
        "gitlab ci": _diff(
            ".gitlab-ci.yml", " variables:", "+  DEPLOY_TOKEN: '@{gitlab}'", "+  CODECOV_TOKEN: @{uuid}"
        ),
        "ansible": _diff(
            "hosts.ini", "+gpu04 ansible_user=%{user} ansible_password=@{strong:12} ansible_become_pass=@{pw}"
        ),
        "sql": _diff(
            "init.sql", "+CREATE USER trainer WITH PASSWORD '@{strong:14}';", "+GRANT ALL ON runs TO trainer;"
        ),
        "nginx": _diff("nginx.conf", '+    proxy_set_header Authorization "Bearer @{url:40}";'),
        "javascript": _diff(
            "viewer.js", "+const apiKey = '@{gcp_api}';", "+firebase.init({ apiKey, secret: '@{alnum:32}' });"
        ),
        "go": _diff("push.go", '+\ttoken := "@{hex:40}"', '+\treq.Header.Set("X-Api-Key", "@{alnum:32}")'),
        "rust": _diff("push.rs", '+const API_KEY: &str = "@{alnum:32}";', '+    .bearer_auth("@{url:40}")'),
        "java properties": _diff("app.properties", "+spring.datasource.password=@{strong:14}", "+jwt.secret=@{b64:32}"),
        "xml settings": _diff(
            "settings.xml", "+      <username>ci</username>", "+      <password>@{strong:16}</password>"
        ),
        "xml attribute": _diff("conf.xml", '+  <add key="ApiKey" value="@{alnum:32}" />'),
        "cpp": _diff("bench.cpp", '+static const char* kApiToken = "@{alnum:40}";'),
        "makefile": _diff("Makefile", "+API_TOKEN ?= @{hex:40}", "+PASSWORD := @{pw}", " train:"),
        "lua": _diff("x.lua", '+local secret_token = "@{alnum:32}"'),
        "comment": _diff("train.py", "+# wandb key @{hex:40}", " import torch"),
        "ssh config": _diff("deploy.exp", '+send "@{pw}\\r"', '+expect "password:"'),
    },
    "connection strings": {
        "postgres": "DATABASE_URL=postgres://%{user}:@{urlpw:16}@%{host}:5432/runs?sslmode=require\n",
        "percent": "engine = create_engine('postgresql://%{user}:@{pct:12}@%{host}/runs')\n",
        "mysql": "db: mysql+pymysql://%{user}:@{urlpw:10}@%{host}:3306/runs\n",
        "mongodb": "MONGO_URI: mongodb://%{user}:@{urlpw:14}@m1.lab.example,m2.lab.example/?replicaSet=rs0\n",
        "amqp": "broker_url = 'amqp://%{user}:@{urlpw:12}@%{host}:5672//'\n",
        "redis": "REDIS_URL=rediss://default:@{urlpw:32}@%{host}:6380\n",
        "odbc": "Driver={ODBC Driver 18};Server=tcp:lab.database.windows.net;Uid=%{user};Pwd=@{strong:16};Encrypt=yes;\n",
        "ado": "Server=%{host};Database=runs;User Id=%{user};Password=@{strong:14};\n",
        "jdbc": "jdbc:postgresql://%{host}:5432/runs?user=%{user}&password=@{urlpw:14}\n",
        "jdbc oracle": "jdbc:oracle:thin:%{user}/@{urlpw:12}@%{host}:1521/ORCL\n",
        "libpq": 'psycopg2.connect("host=%{host} dbname=runs user=%{user} password=@{urlpw:14}")\n',
        "service bus": "Endpoint=sb://lab.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=@{b64:32}\n",
        "iot": "HostName=lab.azure-devices.net;DeviceId=gpu04;SharedAccessKey=@{b64:32}\n",
        "snowflake": "snowflake://%{user}:@{urlpw:16}@ab12345.eu-west-1/RUNS?warehouse=W\n",
        "clickhouse": "clickhouse://default:@{urlpw:14}@%{host}:9440/default?secure=True\n",
        "ftp": "open ftp://%{user}:@{urlpw:10}@%{host}/data/\n",
        "smtp": "mailer: smtps://%{user}%40lab.example:@{urlpw:16}@smtp.lab.example:465\n",
        "s3 url": "fs = s3://@{aws_id}:@{urlpw:40}@bucket/prefix\n",
        "neo4j": "GraphDatabase.driver('bolt://%{host}:7687', auth=('neo4j', '@{urlpw:14}'))\n",
        "elastic": "Elasticsearch('https://%{host}:9200', basic_auth=('elastic', '@{alnum:24}'))\n",
        "qdrant": "QdrantClient(url='https://x.cloud.qdrant.io', api_key='@{url:54}')\n",
        "tns": "sqlplus %{user}/@{urlpw:12}@RUNS\n",
        "influx": "influx config create -n lab -u http://%{host}:8086 -o lab -t @{b64:64}\n",
    },
    "files": {
        "netrc": "machine api.wandb.ai\n  login user\n  password @{hex:40}\n",
        "netrc one line": "machine github.com login %{user} password @{github}\n",
        "pgpass": "%{host}:5432:runs:%{user}:@{urlpw:14}\n",
        "pip.conf": "[global]\nindex-url = https://%{user}:@{urlpw:20}@pkgs.lab.example/simple\n",
        "pypirc": "[pypi]\nusername = __token__\npassword = @{pypi}\n",
        "npmrc": "//registry.npmjs.org/:_authToken=@{npm}\n",
        "npmrc auth": "//npm.lab.example/:_auth=@{basic}\nalways-auth=true\n",
        "git-credentials": "https://%{user}:@{github}@github.com\n",
        "kaggle.json": '{"username":"%{user}","key":"@{hex:32}"}\n',
        "docker config": '{\n\t"auths": {\n\t\t"ghcr.io": {\n\t\t\t"auth": "@{basic}"\n\t\t}\n\t}\n}\n',
        "aws credentials": "[default]\naws_access_key_id = @{aws_id}\naws_secret_access_key = @{aws_secret}\n",
        "aws sts": '{\n    "Credentials": {\n        "AccessKeyId": "@{aws_temporary}",\n'
        '        "SecretAccessKey": "@{aws_secret}",\n        "SessionToken": "@{aws_session}"\n    }\n}\n',
        "aws create key": "ACCESSKEY\t@{aws_id}\t2025-06-11T10:10:10+00:00\t@{aws_secret}\tActive\t%{user}\n",
        "aws ecr": "$ aws ecr get-login-password --region eu-west-1\neyJwYXls@{b64:300}\n",
        "az sp": '{\n  "appId": "%{uuid}",\n  "displayName": "train",\n  "password": "@{azure_client}",\n  "tenant": "%{uuid}"\n}\n',
        "az keys": '[\n  {\n    "keyName": "key1",\n    "permissions": "FULL",\n    "value": "@{azure_storage}"\n  }\n]\n',
        "gcloud adc": '{\n  "client_id": "%{digits:12}-%{lower:32}.apps.googleusercontent.com",\n'
        '  "client_secret": "@{gcp_client}",\n  "refresh_token": "@{gcp_refresh}",\n  "type": "authorized_user"\n}\n',
        "hf token file": "$ cat ~/.cache/huggingface/token\n@{hf}\n",
        "clearml.conf": 'api {\n  web_server: https://app.clear.ml\n  credentials {"access_key": "%{upper:30}", "secret_key": "@{alnum:50}"}\n}\n',
        "comet.config": "[comet]\napi_key=@{alnum:25}\nworkspace=lab\n",
        "databrickscfg": "[DEFAULT]\nhost = https://adb-1.azuredatabricks.net\ntoken = @{databricks}\n",
        "rclone.conf": "[lab]\ntype = s3\naccess_key_id = %{upper:20}\nsecret_access_key = @{b64:30}\n",
        "s3cfg": "access_key = %{upper:20}\nsecret_key = @{b64:30}\ngpg_passphrase = @{pw}\n",
        "boto gs": "[Credentials]\ngs_access_key_id = GOOG1E%{upper:55}\ngs_secret_access_key = @{b64:30}\n",
        "my.cnf": '[client]\nuser=%{user}\npassword="@{strong:14}"\nhost=%{host}\n',
        "condarc": "channels:\n  - https://conda.anaconda.org/t/@{alnum:36}/lab\n  - conda-forge\n",
        "gh hosts": "github.com:\n    user: %{user}\n    oauth_token: @{github}\n    git_protocol: https\n",
        "modal.toml": '[default]\ntoken_id = "@{modal_id}"\ntoken_secret = "@{modal_secret}"\n',
        "streamlit secrets": '[connections.runs]\nusername = "%{user}"\npassword = "@{strong:16}"\n',
        "composer auth": '{"http-basic": {"repo.lab.example": {"username": "ci", "password": "@{urlpw:20}"}}}\n',
        "fstab": "//%{host}/data /mnt/data cifs username=%{user},password=@{urlpw:12},uid=1000 0 0\n",
        "smbcredentials": "username=%{user}\npassword=@{pw}\ndomain=LAB\n",
        "htpasswd": "%{user}:$apr1$%{alnum:8}$@{alnum:22}\n",
        "shadow": "%{user}:$6$%{alnum:16}$@{alnum:86}:19800:0:99999:7:::\n",
        "vault login": "Key                  Value\n---                  -----\ntoken                @{vault}\n"
        "token_accessor       %{alnum:24}\n",
        "op item": "Fields:\n  username:    %{user}\n  password:    @{strong:20}\n",
        "labelstudio": "label-studio user --username %{user}\n=> User data:\n{'id': 1, 'token': '@{hex:40}'}\n",
        "wpa": 'network={\n  ssid="lab"\n  psk="@{strong:14}"\n}\n',
    },
}
