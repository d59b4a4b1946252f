"""What the sixth set of planted credentials and clean logs showed, each as a class of its own."""

import time

import pytest

from memorylab.core.masking.redact import redact

HEX = "5f0c3b9a7d12e84f6b90a1c2d3e4f5067189abcd"
MIXED = "kXw7Rt2QmZ9pLc4VbN8sHd3F"
PASSWORD = "Wint3r.Garten!77"

MASKED = [
    f"tool: using key {HEX}",
    f"Use key {MIXED} for the endpoint.",
    f"the other lab (key {MIXED}) pays",
    f"- wandb key: `{HEX}`",
    f"# comet key {MIXED}",
    f"W&B key: {HEX}",
    f"I rotated the key, the new one is {HEX}. Next",
    f"args(api_key=['{MIXED}'], model='m')",
    f"API key must be 40 characters long, yours was 39: {HEX[:39]}",
    f"Command '['docker', 'login', '-u', 'bob', '-p', '{PASSWORD}', 'x.org']' failed",
    f"run(['curl', '-u', 'bob:{PASSWORD}', URL])",
    f"$ printenv KAGGLE_KEY\n{HEX[:32]}\n$ ls",
    f"$ echo $MAIL_TOKEN\n{MIXED}",
    f"$ aws ecr get-login-password --region x\n{MIXED * 3}",
    f"creds for the label server: bob / {PASSWORD}",
    f"Das Passwort f\u00fcr den Rechner lautet {PASSWORD}, ja",
    f"mot de passe : {PASSWORD}",
    f"Passphrase of the backup: {PASSWORD}",
    f"| service | key |\n|---|---|\n| Comet | `{MIXED}` |\n",
    f'+TOKEN = "{MIXED[:12]}" \\\n+    "{MIXED[12:]}"\n',
    f'cipher = Fernet(b"{MIXED}{MIXED}=")',
    f"HASH_SALT={MIXED}",
    f"+        - name: WANDB_API_KEY\n+          value: {HEX}\n",
    f"influx config create -o lab -t {MIXED}{MIXED}/{MIXED}==",
    f"ACCESSKEY\tAKIA{'Q2' * 8}\t2025-06-11T10:10:10+00:00\t{MIXED}/{MIXED[:15]}\tActive",
    f'"keyName": "key1",\n "permissions": "FULL",\n "value": "{MIXED * 3}=="',
    f"https://conda.anaconda.org/t/{MIXED}/lab",
    f"x wandb_v1_{MIXED}-{MIXED}_{MIXED} y",
    f"client.run MTk4{MIXED[:22]}.GrY5Hd.{MIXED}_{MIXED[:13]}",
    f"host=x password=o.{MIXED[:12]} user=y",
    f"password=arm2024_{MIXED[:12]}",
    f"config s3 secret_access_key /{MIXED}{MIXED[:15]}",
]


@pytest.mark.parametrize("text", MASKED)
def test_what_a_log_names_in_its_own_way_is_masked(text: str) -> None:
    done = redact(text).text
    left = [part for part in (HEX[:32], HEX[8:32], MIXED[:12], MIXED[12:], PASSWORD, PASSWORD[:9]) if part in done]
    assert not left and "[redacted: " in done, done
    assert done.count("\n") == text.count("\n")


LEFT = [
    "+ password          = (sensitive value)\n+ token = (known after apply)",
    "Setting up libsecret-1-0:amd64 (0.20.5-2) ...\nUnpacking passwd:arm64 (1:4.8) over libpasswd:i386",
    "adamw password bfloat16 worker; token float8_e4m3fn; secret: int64",
    "DB_PASSWORD=changeme",
    f"gpg: using RSA key {HEX.upper()}; cache restored with key linux-pip-{HEX}; using key {HEX}{HEX[:24]}",
    f"| run | key |\n|---|---|\n| a | lr_warmup_2000 |\n| b | {HEX[:7]} |\n| token | count |\n|--|--|\n| 17 | 3 |",
    "the new one is 0123456 and the old one: better",
    "$ printenv SORT_ORDER\nascending-by-length-2024\n$ echo $TOKEN_COUNT\n12345678",
    f"dataset key: {HEX}\ncompilation cache key {HEX}",
    "password=settings.DB2.PASSWORD, api_key=['missing', 'expected']",
    "Missing key(s): 'encoder.0.password', 'encoder.0.bfloat16.query', 'h.key', 'h.layers.0.weight'",
    f'"image/png": "iVBORw0KGgo/cio{MIXED * 3}+oy2{MIXED.lower() * 3}"',
    "csrc/secret.cu:424:0: warning; src/password.py:1424: note",
    "docker run -t registry.lab/train:2024 -p 8080:80; tar -t x; ['git', 'push', '-p', 'origin2']",
]


@pytest.mark.parametrize("text", LEFT)
def test_what_only_looks_like_it_is_left(text: str) -> None:
    assert redact(text)[:2] == (text, {})


@pytest.mark.parametrize("unit", ["| key |\n|-|\n", "|-|\n", "influx -t x", "key ('' with key ''", "printenv a_key\n"])
def test_what_is_said_ever_so_often_takes_no_longer_than_its_length(unit: str) -> None:
    def seconds(size: int) -> float:
        before = time.process_time()
        redact(unit * (size // len(unit)))
        return time.process_time() - before

    assert seconds(200_000) < 20 * max(seconds(20_000), 0.01)
