"""What training runs leave behind that holds no credential, in forms of its own: whatever is masked is a false alarm.

By somebody who had seen neither the detector nor the other sets of clean logs.
"""

import json
import random
from base64 import b64encode
from collections.abc import Callable

HEX = "0123456789abcdef"
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
WORDS = [
    "the",
    "of",
    "model",
    "token",
    "attention",
    "loss",
    "key",
    "value",
    "query",
    "cache",
    "secret",
    "gradient",
    "layer",
    "password",
    "batch",
    "reader",
    "of",
    "memory",
    "long",
    "short",
    "context",
    "learns",
    "to",
    "predict",
    "next",
    "word",
    "in",
    "sequence",
    "while",
    "keeping",
    "state",
    "small",
    "enough",
    "for",
    "one",
    "card",
    "and",
    "passes",
    "evaluation",
    "on",
    "held",
    "out",
    "text",
    "with",
    "fewer",
    "tokens",
    "than",
    "before",
    "because",
    "its",
    "keys",
    "are",
    "shared",
    "between",
    "heads",
    "of",
    "a",
    "group",
]
LAYERS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "key_proj", "token_embed"]
PACKAGES = ["torch", "tokenizers", "numpy", "triton", "secretstorage", "keyring", "cryptography", "passlib", "pyjwt"]
TASKS = ["hellaswag", "arc_easy", "piqa", "winogrande", "lambada_openai", "passkey_retrieval", "mmlu", "niah_single_1"]


def log(seed: int, size: int) -> str:
    """About so many characters of it."""
    r = random.Random(f"seventh clean {seed}")
    parts: list[str] = []
    length = 0
    while length < size:
        parts.append(r.choice(PARTS)(r))
        length += len(parts[-1])
    return "".join(parts)


def _hex(r: random.Random, length: int) -> str:
    return "".join(r.choice(HEX) for _ in range(length))


def _some(r: random.Random, length: int) -> str:
    return "".join(r.choice(LETTERS) for _ in range(length))


def _text(r: random.Random, number: int) -> str:
    return " ".join(r.choice(WORDS) for _ in range(number))


def _uuid(r: random.Random) -> str:
    return "-".join(_hex(r, n) for n in (8, 4, 4, 4, 12))


def _now(r: random.Random) -> str:
    return f"2026-{r.randint(1, 12):02}-{r.randint(1, 28):02}T{r.randint(0, 23):02}:{r.randint(0, 59):02}:{r.random():.3f}Z"


def _many(r: random.Random, low: int, high: int, line: Callable[[int], str]) -> str:
    return "".join(line(n) + "\n" for n in range(r.randint(low, high)))


def _nanochat(r: random.Random) -> str:
    return _many(
        r,
        20,
        60,
        lambda n: (
            f"step {n:05d}/{21400:05d} ({n / 214:.2f}%) | loss: {r.uniform(2, 9):.6f} | lrm: 1.00 | "
            f"dt: {r.uniform(90, 500):.2f}ms | tok/sec: {r.randint(10**5, 10**6):,} | bf16_mfu: {r.uniform(20, 55):.2f} | "
            f"tokens: {r.randint(10**6, 10**9)} | epoch: 1"
        ),
    )


def _json_metrics(r: random.Random) -> str:
    return _many(
        r,
        10,
        30,
        lambda n: json.dumps(
            {
                "ts": _now(r),
                "step": n,
                "train/loss": r.uniform(1, 9),
                "train/token_accuracy": r.random(),
                "perf/tokens_per_second": r.uniform(1e4, 1e6),
                "run_id": _some(r, 8).lower(),
                "grad_norm": r.expovariate(1),
            }
        ),
    )


def _key_value(r: random.Random) -> str:
    return _many(
        r,
        8,
        20,
        lambda n: (
            f'ts={_now(r)} level=info caller=trainer.go:{r.randint(9, 900)} msg="step done" step={n} '
            f"num_tokens={r.randint(10**5, 10**8)} cache_key=blk-{_hex(r, 16)} trace_id={_hex(r, 32)} span_id={_hex(r, 16)}"
        ),
    )


def _config(r: random.Random) -> str:
    return (
        "model:\n"
        f"  num_key_value_heads: {r.choice([2, 4, 8])}\n  head_dim: 128\n  use_key_norm: true\n  key_dim: 512\n"
        f"  tokenizer: meta-llama/Llama-3.{r.randint(0, 3)}-8B\n  pad_token: <|endoftext|>\n  bos_token: '<s>'\n"
        f'  mask_token: "[MASK]"\n  eos_token_id: {r.randint(0, 128255)}\n  token_dropout: 0.{r.randint(0, 9)}\n'
        "data:\n"
        f"  path: /data/fineweb/sample-{r.randint(1, 99)}BT/train_{_hex(r, 8)}.parquet\n  text_key: text\n"
        f"  sort_key: length\n  max_tokens: {r.randint(10**6, 10**10)}\n  tokens_per_batch: 524288\n"
        "auth:\n  token: null\n  password: ''\n  api_key: ${oc.env:WANDB_API_KEY}\n  secret: !ENV ${APP_SECRET}\n"
        "  token_file: /run/secrets/hub-token\n  use_auth_token: false\n"
        f"commit: {_hex(r, 40)}\nconfig_hash: {_hex(r, 64)}\nrun: {_uuid(r)}\n"
    )


def _arguments(r: random.Random) -> str:
    return (
        f"Namespace(data='/data/c4', hf_token=None, wandb_key='', lr={r.uniform(0, 1):.5f}, tokenizer='gpt2', "
        f"num_tokens={r.randint(10**6, 10**10)}, key_size=64, pass_through=True, auth='none', seed={r.randint(0, 9999)}, "
        f"sep_token='<|sep|>', checkpoint='ckpt_{_hex(r, 12)}.pt', password=None)\n"
        "usage: train.py [-h] [--token TOKEN] [--password PASSWORD] [--api-key API_KEY] [--secret-name NAME]\n"
        "  --token TOKEN         access token for the hub (default: $HF_TOKEN)\n"
        "  --password PASSWORD   read from the keyring if it is not given\n"
    )


def _pip(r: random.Random) -> str:
    def line(n: int) -> str:
        name, version = r.choice(PACKAGES), f"{r.randint(0, 9)}.{r.randint(0, 30)}.{r.randint(0, 9)}"
        return r.choice(
            [
                f"Collecting {name}=={version}",
                f"  Downloading {name}-{version}-cp312-cp312-manylinux_2_28_x86_64.whl.metadata ({r.randint(1, 90)} kB)",
                f"{name}=={version} --hash=sha256:{_hex(r, 64)}",
                f"  Created wheel for {name}: filename={name}-{version}-py3-none-any.whl size={r.randint(999, 99999)} "
                f"sha256={_hex(r, 64)}",
                f"  Stored in directory: /root/.cache/pip/wheels/{_hex(r, 2)}/{_hex(r, 2)}/{_hex(r, 2)}/{_hex(r, 56)}",
                f'{{ url = "https://files.pythonhosted.org/packages/{_hex(r, 2)}/{_hex(r, 2)}/{_hex(r, 60)}/{name}-{version}'
                f'.tar.gz", hash = "sha256:{_hex(r, 64)}", size = {r.randint(999, 10**7)} }},',
                f" + {name}-{version}-py312h{_hex(r, 7)}_{r.randint(0, 9)}    conda-forge",
            ]
        )

    return _many(r, 10, 30, line)


def _npm(r: random.Random) -> str:
    return _many(
        r,
        4,
        10,
        lambda n: (
            f'      "resolved": "https://registry.npmjs.org/js-tokens/-/js-tokens-{n}.0.0.tgz",\n'
            f'      "integrity": "sha512-{b64encode(r.randbytes(64)).decode()}",'
        ),
    )


def _git(r: random.Random) -> str:
    def line(n: int) -> str:
        return r.choice(
            [
                f"commit {_hex(r, 40)}\nAuthor: A. Author <author@acme.org>\n\n    {_text(r, 9)}\n",
                f"index {_hex(r, 10)}..{_hex(r, 10)} 100644",
                f"   {_hex(r, 7)}..{_hex(r, 7)}  main -> main",
                f"{_hex(r, 40)}\trefs/heads/token-mixing-{n}",
                f"100644 blob {_hex(r, 40)}\t{r.randint(9, 99999):7}\tsrc/auth/password_reset.py",
                f" {_hex(r, 40)} third_party/cutlass (v3.{n}-g{_hex(r, 7)})",
                f"{_hex(r, 8)} (author 2026-11-01 {n:3}) key = self.key_proj(x)",
                f"oid sha256:{_hex(r, 64)}\nsize {r.randint(999, 10**9)}",
            ]
        )

    return _many(r, 8, 20, line)


def _diff(r: random.Random) -> str:
    lines = [
        f"-    key = self.key_proj(hidden_states).view({r.randint(1, 9)}, -1, self.num_key_value_heads, self.head_dim)",
        "+    key, value = past_key_value.update(key, value, self.layer_idx, cache_kwargs)",
        '+    token = os.environ.get("HF_TOKEN")',
        '+    api_key = os.getenv("OPENAI_API_KEY", "")',
        '+    parser.add_argument("--password", type=str, default=None, help="password of the account")',
        "+    password = getpass.getpass('Password: ')",
        '     tokenizer.pad_token = tokenizer.eos_token or "<pad>"',
        '-    assert tokenizer.decode(ids) == "secret number 4 8 15 16 23 42"',
        f"+    monkeypatch.setattr(hub, 'REVISION', '{_hex(r, 40)}')",
        "+    secret_key = config['secret_key']",
        "+    headers = {'Authorization': f'Bearer {token}'}",
        '+    url = f"postgresql://{user}:{password}@{host}/{name}"',
        "+      HF_TOKEN: ${{ secrets.HF_TOKEN }}",
        "+    password: ${DB_PASSWORD:?missing}",
        "+export WANDB_API_KEY=$(cat ~/.config/wandb/key)",
        "+export API_KEY=<your-api-key>",
        '+api_key = "YOUR_API_KEY"',
        "+    self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)",
        "+    for token, score in sorted(scores.items(), key=lambda pair: pair[1], reverse=True):",
        f"+    rng_key = jax.random.PRNGKey({r.randint(0, 99999)})",
        "+    secret = secrets.token_hex(32)",
        "+    def _authenticate(self, token: str, password: str | None = None) -> Session:",
        "+    if not hmac.compare_digest(signature, expected_signature):",
        '+    sort_key: "created_at"',
        f'+    "image": "ghcr.io/acme/train@sha256:{_hex(r, 64)}",',
    ]
    return (
        f"diff --git a/src/model.py b/src/model.py\nindex {_hex(r, 7)}..{_hex(r, 7)} 100644\n--- a/src/model.py\n"
        f"+++ b/src/model.py\n@@ -{r.randint(1, 900)},7 +{r.randint(1, 900)},9 @@ class Attention(nn.Module):\n"
        + "".join(line + "\n" for line in r.sample(lines, 12))
    )


def _evaluation(r: random.Random) -> str:
    return "|    Tasks     |Version|Filter|n-shot| Metric |   |Value |   |Stderr|\n" + _many(
        r,
        4,
        9,
        lambda n: (
            f"|{r.choice(TASKS):18}|      1|none  |     0|acc_norm|↑  |{r.random():.4f}|±  |{r.random() / 50:.4f}|"
        ),
    )


def _passkey(r: random.Random) -> str:
    """A task in which what has to be found is called a pass key: a number of five digits."""
    return _many(
        r,
        3,
        9,
        lambda n: (
            f"[passkey] depth={r.random():.2f} len={2 ** r.randint(10, 17)} expected={r.randint(10000, 99999)} "
            f"got={r.randint(10000, 99999)} ok={r.choice([True, False])}\n"
            f"Prompt tail: What is the pass key? The pass key is {r.randint(10000, 99999)}."
        ),
    )


def _tokenizer(r: random.Random) -> str:
    return _many(
        r,
        10,
        40,
        lambda n: r.choice(
            [
                f"merge {n}/32000: ({r.randint(0, 9999)}, {r.randint(0, 9999)}) -> {n + 256} "
                f"(b'{_some(r, r.randint(2, 9))}') had {r.randint(9, 99999)} occurrences",
                f"token {n:6d}  '{r.choice(['Ġ', '▁', ''])}{r.choice(WORDS)}'  count {r.randint(1, 10**6)}",
                f'    "Ġ{_some(r, r.randint(3, 14))}": {r.randint(256, 99999)},',
                f"{b64encode(_some(r, r.randint(2, 12)).encode()).decode()} {r.randint(0, 99999)}",
                f"<|reserved_special_token_{n}|> -> {128000 + n}",
                f"ids: {[r.randint(0, 50256) for _ in range(12)]}",
            ]
        ),
    )


def _samples(r: random.Random) -> str:
    return _many(
        r,
        3,
        8,
        lambda n: (
            f"--- sample {n} (temperature {r.random():.1f}) ---\n<|bos|>{_text(r, r.randint(20, 90))}.\n"
            + r.choice(
                [
                    "The password is usually forgotten within a week, and the secret: nobody ever wrote it down.\n",
                    "Q: What is the capital of France? A: Paris. The key to remember is that tokens are cheap.\n",
                    "user: I forgot my password, can you reset it? assistant: Please open the settings page first.\n",
                    "Romeo. O, speak again, bright angel! The secret of my heart is key to all my thoughts.\n",
                ]
            )
        ),
    )


def _compiler(r: random.Random) -> str:
    return _many(
        r,
        5,
        15,
        lambda n: r.choice(
            [
                f"[{n}/188] nvcc -DTORCH_EXTENSION_NAME=fused_{_hex(r, 8)} -gencode=arch=compute_90a,code=sm_90a "
                f"-c attn_{n}.cu -o build/attn_{n}.o --threads 4",
                f"ptxas info    : Compiling entry function '_ZN5flash23flash_fwd_kernelI{_some(r, 24)}EEvT_' for 'sm_90a'",
                f"/tmp/torchinductor_root/{_some(r, 2).lower()}/c{_some(r, 50).lower()}.py:{n}: UserWarning: fallback",
                f"triton_poi_fused__to_copy_add_mul_{n} = async_compile.triton('triton_{n}', '''",
                f"# kernel path: /root/.triton/cache/{_some(r, 52).upper()}/matmul_kernel.cubin",
                f"ccache: cache key {_hex(r, 40)} -> {r.choice(['hit', 'miss'])}",
                f"attention.cpp:{n}:17: warning: unused parameter 'key_padding_mask' [-Wunused-parameter]",
            ]
        ),
    )


def _slurm(r: random.Random) -> str:
    job = r.randint(10**6, 10**7)
    return (
        f"Submitted batch job {job}\nsrun: job {job} queued and waiting for resources\n"
        f"JobId={job} JobName=lm_{_hex(r, 6)} UserId=train(1001) GroupId=train(1001) MCS_label=N/A Priority="
        f"{r.randint(1, 10**6)} QOS=normal TresPerNode=gres/gpu:h100:8 Comment=(null) AuthInfo=auth/munge\n"
        f"   StdOut=/scratch/logs/{job}.out NtasksPerN:B:S:C=8:0:*:* CoreSpec=*\n"
        f"MASTER_ADDR=node{r.randint(1, 99)} MASTER_PORT={r.randint(20000, 30000)} TORCH_NCCL_ASYNC_ERROR_HANDLING=1\n"
    )


def _http(r: random.Random) -> str:
    return _many(
        r,
        5,
        15,
        lambda n: r.choice(
            [
                f'INFO:     10.0.{n}.7:{r.randint(30000, 60000)} - "POST /v1/chat/completions HTTP/1.1" 200 OK',
                f'HTTP Request: GET https://huggingface.co/gpt2/resolve/{_hex(r, 40)}/tokenizer.json "HTTP/1.1 307"',
                f'etag: "{_hex(r, 32)}"  x-request-id: {_uuid(r)}  x-amz-cf-id: {_some(r, 54)}==',
                f'DEBUG:urllib3.connectionpool:https://cdn-lfs.hf.co:443 "HEAD /repos/{_hex(r, 2)}/{_hex(r, 64)} HTTP/1.1" 200',
                f"< content-md5: {b64encode(r.randbytes(16)).decode()}\n< x-ratelimit-remaining-tokens: {r.randint(1, 10**6)}",
                f"usage: prompt_tokens={r.randint(1, 9999)} completion_tokens={r.randint(1, 999)} cached_tokens={n}",
                f"chatcmpl-{_some(r, 29)} finished in {r.random():.2f}s, system_fingerprint fp_{_hex(r, 10)}",
                "401 Client Error: Unauthorized for url: https://huggingface.co/api/whoami-v2 (Invalid user token.)",
                'WARNING: password authentication failed for user "train"; retrying without password',
            ]
        ),
    )


def _profiler(r: random.Random) -> str:
    return (
        "-" * 60
        + "  ------------  ------------  ------------\n"
        + _many(
            r,
            8,
            20,
            lambda n: (
                f"{r.choice(['aten::_scaled_dot_product_flash_attention', 'void at::native::vectorized_elementwise_kernel<4'])}"
                f"{_some(r, 3)}  {r.uniform(0, 99):6.2f}%  {r.uniform(0, 999):9.3f}ms  {r.randint(1, 99999):8}"
            ),
        )
    )


def _weights(r: random.Random) -> str:
    return _many(
        r,
        10,
        30,
        lambda n: (
            f"model.layers.{n}.self_attn.{r.choice(LAYERS)}.weight  torch.Size([{r.choice([512, 1024, 4096])}, 4096])  "
            f"bfloat16  norm={r.uniform(1, 99):.4f}  sha256={_hex(r, 16)}"
        ),
    )


def _checksums(r: random.Random) -> str:
    return _many(
        r,
        5,
        15,
        lambda n: r.choice(
            [
                f"{_hex(r, 64)}  shard_{n:05}.bin",
                f"{_hex(r, 32)} *data/part-{n}.jsonl.zst",
                f"SHA512 (ckpt_{n}.pt) = {_hex(r, 128)}",
                f"shard {n}: crc32={_hex(r, 8)} xxh3={_hex(r, 16)} blake3={_hex(r, 64)} bytes={r.randint(10**6, 10**9)}",
                f"Digest: sha256:{_hex(r, 64)}\nStatus: Downloaded newer image for nvcr.io/nvidia/pytorch:26.{n:02}-py3",
            ]
        ),
    )


def _trackers(r: random.Random) -> str:
    run = _some(r, 8).lower()
    return (
        f"wandb: Tracking run with wandb version 0.2{r.randint(0, 9)}.1\nwandb: Currently logged in as: lab (lab-team) to "
        f"https://api.wandb.ai. Use `wandb login --relogin` to force relogin\n"
        f"wandb: Run data is saved locally in /srv/wandb/run-20261101_000000-{run}\n"
        f"wandb: 🚀 View run at https://wandb.ai/lab/lm/runs/{run}\n"
        f"wandb: You can find your API key in your browser here: https://wandb.ai/authorize?ref=models\n"
        f"COMET INFO: Experiment is live on comet.com https://www.comet.com/lab/lm/{_hex(r, 32)}\n"
        f"INFO mlflow.tracking: run_id={_hex(r, 32)} experiment_id={r.randint(10**17, 10**18)}\n"
        f"ClearML Task: created new task id={_hex(r, 32)}\n"
        f"Token has not been saved to git credential helper.\nYour token has been saved to /root/.cache/huggingface/token\n"
    )


def _cluster(r: random.Random) -> str:
    return _many(
        r,
        5,
        12,
        lambda n: r.choice(
            [
                f"pod/train-{_hex(r, 9)}-{_some(r, 5).lower()}   1/1   Running   {n}   {r.randint(1, 99)}h",
                f'Normal  Pulled  kubelet  Successfully pulled image "acme/train:{_hex(r, 12)}" in {r.random():.1f}s',
                f"secret/hub-token created\nconfigmap/train-config-{_some(r, 10).lower()} configured",
                f"serviceaccount/trainer   secrets: 1   age: {n}d",
                f"  Mounts: /var/run/secrets/kubernetes.io/serviceaccount from kube-api-access-{_some(r, 5).lower()} (ro)",
                f"instance i-{_hex(r, 17)} in subnet-{_hex(r, 17)} key_name=train-key-{n} state=running",
                f"arn:aws:secretsmanager:eu-west-1:{r.randint(10**11, 10**12)}:secret:prod/db-{_some(r, 6)}",
                f"GPU {n}: NVIDIA H100 80GB HBM3 (UUID: GPU-{_uuid(r)})",
                f"SHA256:{_some(r, 43)} train@node{n} (ED25519)",
                f"container {_hex(r, 64)} exited with 0",
            ]
        ),
    )


def _nccl(r: random.Random) -> str:
    return _many(
        r,
        5,
        15,
        lambda n: (
            f"node{r.randint(1, 64)}:{r.randint(100, 99999)}:{r.randint(100, 99999)} [{n % 8}] NCCL INFO comm 0x"
            f"{_hex(r, 12)} rank {n} nranks 64 cudaDev {n % 8} busId {_hex(r, 6)} commId 0x{_hex(r, 16)} - Init COMPLETE"
        ),
    )


def _pytest(r: random.Random) -> str:
    return _many(
        r,
        6,
        15,
        lambda n: (
            f"tests/test_auth.py::test_{r.choice(['password', 'token', 'api_key', 'secret'])}_is_{r.choice(WORDS)}"
            f"[{_some(r, 4)}-{r.randint(1, 99)}] {r.choice(['PASSED', 'FAILED', 'SKIPPED'])} [{n:3}%]"
        ),
    )


def _readme(r: random.Random) -> str:
    return (
        f"## Credentials\n\nSet `WANDB_API_KEY` before you start; the token is read from the environment and never "
        f"written down.\n\n- Password: ask {r.choice(['Anna', 'the admins', 'in the channel'])}\n- Token: see the wiki\n"
        f"- API key: none is needed for the public set\n\n    export HF_TOKEN=hf_xxxxxxxxxxxxxxxxxxxxxxxx\n"
        f'    curl -H "Authorization: Bearer $TOKEN" https://api.acme.org/v1/models\n    mysql -u root -p\n\n'
        f"{_text(r, 40)}.\n\nThe secret of the speed-up was a cache keyed by (layer, head).\n"
    )


def _traceback(r: random.Random) -> str:
    return (
        f'Traceback (most recent call last):\n  File "/srv/train.py", line {r.randint(1, 900)}, in <module>\n'
        f'    tokenizer = AutoTokenizer.from_pretrained(name, token=token, revision="{_hex(r, 40)}")\n'
        f'  File "/usr/lib/python3.12/site-packages/hub/auth.py", line {r.randint(1, 900)}, in get_token\n'
        f"    return _get_token_from_environment() or _get_token_from_file(path=constants.HF_TOKEN_PATH)\n"
        f"KeyError: 'model.layers.{r.randint(0, 80)}.self_attn.key_proj.weight'\n"
        f"RuntimeError: CUDA error at 0x{_hex(r, 12)}: key.stride(-1) must be {r.randint(1, 9)}, password-less\n"
    )


PARTS = [
    _nanochat, _json_metrics, _key_value, _config, _arguments, _pip, _npm, _git, _diff, _evaluation, _passkey,
    _tokenizer, _samples, _compiler, _slurm, _http, _profiler, _weights, _checksums, _trackers, _cluster, _nccl,
    _pytest, _readme, _traceback,
]  # fmt: skip
