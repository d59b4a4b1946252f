"""Credentials do not enter git: what is stored is masked, the original stays here, and what looks alike is left."""

import json
import os
import random
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.secrets import clean, fourth_clean, measure, planted, seventh_clean, sixth_clean
from benchmarks.secrets.fourth import fourth
from benchmarks.secrets.fresh import fresh
from benchmarks.secrets.held import held
from benchmarks.secrets.seventh import seventh
from benchmarks.secrets.sixth import sixth
from memorylab.commands import imports
from memorylab.commands.session import Session
from memorylab.core.masking.redact import redact, redact_bytes
from memorylab.core.record import Run, decode, encode
from memorylab.store import transport
from memorylab.store.urls import without_passwords as urls
from tests.conftest import LOG, Hub, Lab, Templates

R = random.Random(7)
TOKEN = planted.ISSUED["github"](R)
OTHER = planted.ISSUED["gitlab"](R)
WORD = "Tr0ub4dor-3791"


@pytest.mark.parametrize(
    "cases",
    [planted.tuned, held, fresh, fourth, sixth, seventh],
    ids=["tuned", "held", "fresh", "fourth", "sixth", "seventh"],
)
def test_nearly_all_that_is_planted_is_masked(cases: object) -> None:
    found = list(cases(11, 1))  # type: ignore[operator]
    left = [case for case in found if measure.leaks(case, redact(case.text).text)]
    assert len(found) > 50 and len(left) <= 0.02 * len(found), left[:5]


def test_what_training_prints_is_left_alone() -> None:
    for made, seed in ((clean, 3), (clean, 4), (fourth_clean, 5), (sixth_clean, 6), (seventh_clean, 7)):
        text = made.log(seed, 300_000)
        assert redact(text).counts == {}
        assert redact(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        "pad_token: <pad> eos_token='</s>' tokens: 1234 token_id=50256 max_new_tokens=4096",
        "HEAD is now at 1f6e2c9 raise lr; tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904",
        "api_key=None, password=${PASSWORD}, token=os.environ['HF_TOKEN'], secret=<your secret>",
        "origin https://github.com/team/lab.git, tcp://127.0.0.1:29500, git@github.com:a/b.git",
        "MATRIX_LR = 0.04; KEY_DIM = 64; SECRET_KEEP = 0.5 # passes: 3",
        "key=model.layers.0.self_attn.k_proj.weight missing_keys=['lm_head.weight']",
        "secret_metric: 0.45591771896977173, 'password_score': 1.25e-05, dataset_key: lab/fineweb-edu-10BT",
        "headers = {'Authorization': f'Bearer {token}'} or 'Bearer ${TOKEN}' or \"Bearer %s\"",
        "GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D",
        "echo done2024 | tee out; docker login --password-stdin ghcr.io; zip -r run12345.zip out",
        "secret wandb-creds-2 created; token gpt2-medium-355M is long; the key to step12 is patience",
        "if token == 'token_42': api.get_secret('wandb-key-2'); token = os.getenv('A_TOKEN') or 'none'",
        "api_key:\n  required: true\npassword:\n  min_length: 8\ntoken: |\n  {{ bos_token }}",
        "password authentication failed for user trainer1, set the password policy to level3",
        "parser.add_argument('--pad-token', default='<pad>'); add_argument('--sort-key', default='length1234')",
        "session.login('train', 'eval2'); auth=('me', token); log.set_token_count(123456789012)",
        "docker login -u me -p $TOKEN lab; mysql -p${PASSWORD} x; redis://:{password}@cache; ftp://me:***@box",
        '{"password": 28712, "Ġpassword": 9206, "pwd": 16993, "Ġsecret": 3200, "Password": 35215}',
        "assertion_pass = saved_hooks; ph, pw = paddings; useful to pass to nn.MaxUnpool1d later, the key is to Mul0",
        "META_KEY = 'io.modelcontextprotocol/serverInfo'; count_key = (\n    'qconv2d_binary_matcher_count'\n)",
        "the hash key is 8f14e45fceea167a5a36dedd4bea2543; cache key is fxyz2345abcdefgh67; use x12 as the key",
        "send 'ls -la run12345'; the password changed from weak to strong; echo run12345 | tool secretary list",
        "https://discuss.example.org/t/let-generator-close-return-stopiteration-value/24786/26, identified by 'name'",
        "mkdir -p run_12345; python -m pip install -U lab; ssh-keygen -t ed25519 -f id_12345678",
    ],
)  # fmt: skip
def test_what_looks_alike_is_left(text: str) -> None:
    assert redact(text)[:2] == (text, {})


SECRETS = [
    "ENV DB_PASSWORD {}", "set the API_SECRET to {} there", "the passphrase of our old vault was '{}'.",
    "log in (user bob, password {})", "mail.login('bob', '{}')", 'auth=("bob", "{}")',
    "jdbc:oracle:thin:bob/{}@db:1521", "https://{0}{0}:x-oauth-basic@git.example.com/x.git",
    "q=1%26password%3D{}%26n=1", "if password == '{}':", "client.set_password('{}')", 'password: Some("{}")',
    "API_KEY: Final = '{}'", "key = getenv('MY_SECRET') or '{}'", "password = (\n    '{}'\n)",
    "password: |\n  {}\nuser: bob", "password: >-\n    {}\nuser: bob", "**Password:** {}",
    "add_argument('--password', type=str, default='{}')", 'variable "db_password" {{\n  default = "{}"\n}}', "pw: {}",
    "user: bob, pass: {}", "[-password: {}-]{{+password: none+}}", "sshpass -p '{}' ssh box", "unzip -P {} x.zip",
    "7z a -p{} x.7z out", "twine upload -u bob -p {} dist/*", "echo '{}' | sudo -S true",
    "echo {} | docker login --password-stdin", "echo bob:{} | sudo chpasswd", "poetry config http-basic.lab bob {}",
    "tool config set password {}", "tool set api-key {0}{0}", "mc alias set lab https://s3.example.com bob {}",
    "keytool -storepass {} -list", "ssh-keygen -N '{}' -f id", "lftp -u bob,{} sftp://box",
    "openssl enc -d -k {} -in x", "Credentials: bob / {}", "docker login --password-stdin <<< {}",
    "sftp = bob:x\nuser = bob\npass = {0}{0}", "session_token: {0}{0}", "admin_token={0}{0}",
    "docker login -u me -p {} lab", "x.com\tTRUE\t/\tTRUE\t1799999999\tsid\t{0}",
    "Failed with the token kXw{1}, next one", "API key:\nkXw{1}\n\nmore", "Invalid API key provided: kXw{1}. See",
    "Paste an API key and hit enter: kXw{1}", "vault secret set --name db-password --value {}",
    "tool secret set MAIL_TOKEN --body {1}", "echo -n '{}' | kinit bob@X.ORG",
    "echo '{}' | tool secrets create db --data-file=-", "wifi connect lab password '{}'",
    "ALTER ROLE bob PASSWORD '{}'", "CREATE USER bob IDENTIFIED BY '{}'", '#define MAIL_PASSWORD "{}"',
    "invalid token '{1}'", 'set_header Authorization "Basic {1}"', "\x1b[1mPassword:\x1b[0m {}", "API_KEY ?= {1}",
    "<name>fs.secret.key</name><value>{1}</value>",
    '{{"key": "api_token", "type": "string", "value": "{1}"}}', "api_key: str = typer.Option('{1}', help='x')",
    "$password = ConvertTo-SecureString '{}' -Force", "the password of bob is now {}", "Password - {}",
    "changed the password from {} to another", "Use {1} as the API key here.", "my tracker key is {1} if needed",
    "curl -b 'sid={1}' https://x.org/", "skopeo copy --src-creds bob:{} a b",
    'expect x\nsend "{}\\r"', "encryption key (base64): {1}=",
]  # fmt: skip


@pytest.mark.parametrize("form", SECRETS)
@pytest.mark.parametrize("value", ["Wint3r-Garten77", "kX9vR2mQ7pLw"])
def test_the_forms_that_a_reviewer_plants_are_masked(form: str, value: str) -> None:
    done = redact(form.format(value, "R" + value.replace("-", "") * 2))
    assert value.replace("-", "") not in done.text.replace("-", "") and done.counts, done.text
    assert done.text.count("\n") == form.count("\n")


def test_masked_twice_is_masked_once() -> None:
    for case in held(5, 1):
        done = redact(case.text).text
        assert redact(done)[:2] == (done, {}), case


def test_what_was_named_once_is_masked_where_it_stands_alone() -> None:
    key = planted.some(R, planted.HEX, 40)
    assert redact(f"sha {key}").counts == {}
    assert redact(f"WANDB_API_KEY={key}\nlogged in as {key}\n").text.count("[redacted: key]") == 2


def test_a_key_in_a_diff_keeps_its_lines() -> None:
    rows = ["+" + row for row in planted.pem(R)]
    done = redact("\n".join(rows)).text.split("\n")
    assert len(done) == len(rows)
    assert done[0] == rows[0] and done[-1] == rows[-1]
    assert set(done[1:-1]) == {"+[redacted: private-key]"}
    assert redact("\n".join(rows)).counts == {"private-key": 1}


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_bytes_around_stay_as_they_are(before: bytes, after: bytes) -> None:
    data = before + b"\n" + TOKEN.encode() + b"\n" + after
    clean_, *_ = redact_bytes(data)
    assert TOKEN.encode() not in clean_
    if not redact_bytes(before)[1] and not redact_bytes(after)[1]:
        assert clean_ == before + b"\n[redacted: github-token]\n" + after


@settings(deadline=None, max_examples=60)
@given(st.text(alphabet="pasword=:'\"\\ \n\x1b[32m{}tokenkyé🚀-BEGIN|/@", max_size=300))
def test_any_text_can_be_masked(text: str) -> None:
    done = redact(text)
    assert done.text.count("\n") == text.count("\n")
    assert redact(done.text).text.count("\n") == text.count("\n")


PIECES = [
    "-----BEGIN RSA PRIV" + "ATE KEY-----", "-----END RSA PRIV" + "ATE KEY-----", "private key",
    "PuTTY-User-Key-File-2:", "Private-MAC: 0a",
    "\n", "\r\n", "\\n", " ", "+", "QUJDREVGR0hJSktM" * 4, "password", "api_key", "=", ": ", "'", '\\"',
    "://", "a:b@c", "sk-", "ghp_", "eyJ",
    "[redacted: key]", "\x1b[32m", "é", "🚀", "\udcff", "Tr0ub4dor-3791", ",", "|", "│", "<", ">",
    "Authorization: Bearer ", "value", "machine x login y",
]  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_any_order_of_what_is_looked_for_can_be_masked(pieces: list[str]) -> None:
    text = "".join(pieces)
    done = redact(text)
    assert done.text.count("\n") == text.count("\n")
    assert bool(done.counts) == (done.text != text)


def test_a_key_that_begins_beside_its_first_line_keeps_its_lines() -> None:
    begin, *rows, end = planted.pem(R, lines=4)
    text = "\n".join([f"{begin}{rows[0]}", *rows[1:], end])
    done = redact(text)
    assert done.text.count("\n") == text.count("\n") and done.counts == {"private-key": 1}
    assert not [row for row in rows if row in done.text]


def everything(lab: Lab) -> str:
    """All that is in git, and all views."""
    objects = lab.git("cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)").splitlines()
    found = [lab.git("cat-file", "-p", line.split()[0]) for line in objects if line.split()[1] != "tree"]
    found += [path.read_text(errors="replace") for path in (lab.path / "results").rglob("*") if path.is_file()]
    found += [path.read_text(errors="replace") for path in lab.path.glob("results*") if path.is_file()]
    return "\n".join(found)


def write_log(lab: Lab, *lines: str) -> None:
    (lab.path / "run.log").write_text("\n".join([*lines, LOG.format(value=1.1)]))


def test_nothing_of_a_run_is_in_git_or_in_a_view(lab: Lab) -> None:
    lab.edit("DEPTH", 9)
    lab.commit("deeper")
    write_log(lab, f"HF_TOKEN={TOKEN}", f"postgres://bob:{WORD}@db/runs")
    (lab.path / "summary.json").write_text(json.dumps({"val_bpb": 1.1, "api_key": WORD, "seed": 3}))
    said = lab.run(
        "log", "--log", "run.log", "--summary", "summary.json", "--description", f"deeper with {TOKEN}", "--report",
        "--hypothesis", f"password={WORD}", "--notes", f"line\nAuthorization: Bearer {OTHER}", "--json",
    )  # fmt: skip
    assert not [one for one in (TOKEN, WORD, OTHER) if one in everything(lab) or one in said.output]
    run = json.loads(said.stdout)
    assert run["description"] == "deeper with [redacted: github-token]"
    assert run["metrics"]["val_bpb"] == 1.1 and run["environment"]["seed"] == 3
    (note,) = [line for line in said.stderr.splitlines() if "masked" in line]
    assert json.loads(note)["note"].startswith("6 secrets (")
    counts = json.loads(lab.git("cat-file", "-p", run["artifacts"]["redacted.json"]["blob"]))
    assert counts == {"authorization": 1, "github-token": 2, "key": 1, "password": 1, "url-password": 1}
    # What was there is here, for this user alone.
    folder = lab.path / ".git" / "memorylab" / "originals" / run["run_id"]
    assert TOKEN in (folder / "run.log").read_text() and WORD in (folder / "summary.json").read_text()
    assert stat.S_IMODE((folder / "run.log").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert lab.run("verify").exit_code == 0


def test_what_has_none_has_no_original(lab: Lab) -> None:
    lab.experiment("deeper", 1.0, knob="DEPTH", to=9)
    assert not (lab.path / ".git" / "memorylab" / "originals").exists()
    (run,) = lab.memory.runs
    assert "redacted.json" not in run.artifacts


def test_a_knob_that_is_a_credential_is_masked_and_told_to_be_in_the_commit(lab: Lab) -> None:
    subject = lab.path / "train.py"
    subject.write_text(subject.read_text() + f'API_KEY = "{WORD}"\n')
    head = lab.commit("log to a service")
    lab.result(1.0)
    said = lab.run("log", "--log", "run.log")
    assert f"note: commit {head[:7]} itself has 1 secret (1 key)" in said.stderr
    (run,) = lab.memory.runs
    assert run.change is not None and run.change.knobs["API_KEY"].new == "'[redacted: key]'"
    patch = lab.git("cat-file", "-p", run.artifacts["train.patch"].blob)
    assert '+API_KEY = "[redacted: key]"' in patch
    # What tells one change from another is of the true code, and the commit is the user's own.
    assert WORD in lab.git("show", head)
    assert WORD not in "\n".join(lab.git("cat-file", "-p", one.blob) for one in run.artifacts.values())


@pytest.mark.long
def test_what_was_tried_of_a_knob_before_is_masked(lab: Lab) -> None:
    subject = lab.path / "train.py"
    subject.write_text(subject.read_text() + "API_KEY = None\n")
    lab.commit("a place for a key")
    words = [f"Tr0ub4dor-{n}{n}1" for n in (1, 2, 3)]
    for word in words:
        lab.experiment(f"key {word[:3]}", 1.0, knob="API_KEY", to=f"'{word}'")
    lab.edit("API_KEY", f"'{words[0]}'")
    lab.commit("again")
    (plan,) = [one for one in lab.memory.plans.values() if one.description == "again"]
    assert plan.novelty_guard.known
    notes = "".join(encode(record).decode() for record in [*lab.memory.runs, *lab.memory.plans.values()])
    assert not [word for word in words if word in notes]


def test_what_was_tried_while_nothing_was_masked_is_masked(lab: Lab) -> None:
    subject = lab.path / "train.py"
    subject.write_text(subject.read_text() + "API_KEY = None\n")
    lab.commit("a place for a key")
    words = ["Tr0ub4dor-111", "Tr0ub4dor-221"]
    lab.git("config", "memorylab.redact", "off")
    for word in words:
        lab.experiment(f"key {word[-3:]}", 1.0, knob="API_KEY", to=f"'{word}'")
    lab.git("config", "--unset", "memorylab.redact")
    lab.edit("API_KEY", f"'{WORD}'")
    head = lab.commit("another")
    plan = lab.memory.plans[head]
    assert [trial.value for knob in plan.novelty_guard.known for trial in knob.trials]
    assert not [word for word in (*words, WORD) if word in encode(plan).decode()]


@pytest.mark.long
def test_identity_is_of_the_true_code(make_lab: object) -> None:
    prints = []
    for name, word in (("one", WORD), ("two", "An0ther-word-8")):
        lab = make_lab(name)  # type: ignore[operator]
        subject = lab.path / "train.py"
        subject.write_text(subject.read_text() + f'PASSWORD = "{word}"\n')
        lab.commit("log to a service")
        lab.result(1.0)
        lab.run("log", "--log", "run.log")
        (run,) = lab.memory.runs
        prints.append(run.change.fingerprint)
        assert word not in encode(run).decode()
    assert prints[0] != prints[1]


@pytest.mark.long
def test_a_crash_whose_tail_is_the_midst_of_a_key_shows_none_of_it(lab: Lab) -> None:
    lab.edit("DEPTH", 9)
    lab.commit("deeper")
    rows = planted.pem(R, lines=40)
    (lab.path / "run.log").write_text("\n".join(rows[:30]) + "\n")
    lab.run("log", "--log", "run.log", "--status", "crash")
    (run,) = lab.memory.runs
    assert run.error is not None and len(run.error.tail) == 20
    assert not [row for row in rows[1:] if row in everything(lab)]


@pytest.mark.long
def test_plan_claim_amend_and_import_are_masked(lab: Lab, tmp_path: Path) -> None:
    lab.edit("DEPTH", 9)
    lab.commit("deeper")
    lab.result(1.0)
    lab.run("log", "--log", "run.log")
    (run,) = lab.memory.runs
    said = lab.run("amend", run.run_id, "--notes", f"token: {TOKEN}")
    assert "note: 1 secret (1 github-token) masked" in said.stderr
    lab.run("claim", f"use {TOKEN}")
    table = tmp_path / "results.tsv"
    table.write_text(f"commit\tval_bpb\tmemory_gb\tstatus\tdescription\nabcdef1\t1.2\t4.0\tkeep\tuse {OTHER}\n")
    assert "1 run imported" in lab.run("import", str(table)).output
    assert "0 runs imported, 1 already known" in lab.run("import", str(table)).output
    assert TOKEN not in everything(lab) and OTHER not in everything(lab)


def test_a_plan_of_a_hook_is_masked(lab: Lab) -> None:
    lab.edit("DEPTH", 9)
    head = lab.commit(f"deeper, password={WORD}")
    assert lab.memory.plans[head].description == "deeper, password=[redacted: password]"
    journal = lab.git("log", "--format=%s%n%b", f"refs/memorylab/journal/{lab.store.writer()}")
    plans = [line for line in journal.splitlines() if line.startswith("plan:")]
    assert plans and WORD not in "".join(plans)


def test_a_claim_is_masked_on_the_board_too(tmp_path: Path, templates: Templates) -> None:
    hub = Hub(templates, tmp_path / "hub")
    hub.join("a").run("claim", f"use {TOKEN}")
    assert TOKEN not in everything(hub)


def test_the_same_log_is_not_taken_for_another_run(lab: Lab) -> None:
    lab.edit("DEPTH", 9)
    lab.commit("deeper")
    write_log(lab, f"HF_TOKEN={TOKEN}")
    lab.run("log")
    (run,) = lab.memory.runs
    then = {"GIT_COMMITTER_DATE": "2001-01-01T00:00:00Z"}
    lab.git("-c", f"core.hooksPath={os.devnull}", "commit", "-q", "--allow-empty", "-m", "nothing", env=then)
    said = lab.run("log", rc=3)
    assert f"run.log is that of {run.run_id}" in said.output


def test_no_variable_of_the_environment_is_stored(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is recorded of the environment is a list of names: seed, device, threads, versions, budget, evaluator."""
    planted_ = {f"PLANTED_{n}": f"zq{n}xv{R.randrange(10**9)}" for n in range(20)}
    planted_ |= {
        name: f"zz{R.randrange(10**9)}" for name in ("WANDB_API_KEY", "HF_TOKEN", "USER", "HOSTNAME", "LOGNAME")
    }
    for name, value in planted_.items():
        monkeypatch.setenv(name, value)
    lab.edit("DEPTH", 9)
    lab.commit("deeper")
    code = "import os; print('---'); print('val_bpb: 1.0'); print('depth: 8')"
    lab.run("run", "--report", "--", "python", "-c", code)
    found = everything(lab) + "".join(
        path.read_text(errors="replace") for path in (lab.path / ".git" / "memorylab").rglob("*") if path.is_file()
    )
    assert not [name for name, value in planted_.items() if value in found]


def test_off_is_this_clones_own_choice(lab: Lab) -> None:
    (lab.path / "pyproject.toml").write_text("[tool.memorylab]\nredact = false\n")
    assert "redact in pyproject.toml is for one clone" in lab.run("status", rc=3).output
    (lab.path / "pyproject.toml").unlink()
    lab.git("config", "memorylab.redact", "off")
    lab.edit("DEPTH", 9)
    lab.commit("deeper")
    write_log(lab, f"HF_TOKEN={TOKEN}")
    lab.run("log", "--log", "run.log")
    assert TOKEN in everything(lab)
    assert "memorylab.redact is off" in lab.run("status").output
    lab.git("config", "memorylab.redact", "on")
    assert "memorylab.redact" not in lab.run("status").output


@pytest.mark.long
def test_a_url_has_no_password_in_what_is_said(lab: Lab) -> None:
    lab.git("remote", "add", "origin", f"http://bob:{WORD}@127.0.0.1:9/lab.git")
    for arguments in (["sync"], ["sync", "--json"], ["status"], ["doctor"]):
        assert WORD not in lab.run(*arguments, rc=None).output
    said = lab.run("sync", f"https://bob:{WORD}@example.com/x.git", rc=3).output
    assert WORD not in said and "https://***@example.com/x.git" in said


def test_what_git_says_of_a_url_is_masked() -> None:
    failed = transport._failure(f"fatal: unable to access 'https://bob:{WORD}@git.example.com/x.git/': 403")
    assert WORD not in failed.message and "***@git.example.com" in failed.message
    assert urls(f"https://{TOKEN}@github.com/a ssh://git@host/x") == "https://***@github.com/a ssh://git@host/x"


def test_a_record_keeps_what_is_no_text(lab: Lab) -> None:
    lab.edit("DEPTH", 9)
    lab.commit(f"deeper {TOKEN}")
    lab.result(1.0)
    lab.run("log", "--log", "run.log", "--json")
    (run,) = lab.memory.runs
    assert isinstance(decode(encode(run)), Run)
    assert run.commit == lab.git("rev-parse", "HEAD") and run.metrics["val_bpb"] == 1.0
    assert imports and Session(lab.path).recall.on_commit(run.commit)
