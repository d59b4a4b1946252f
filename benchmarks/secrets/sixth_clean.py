"""What training machines print and archives hold that is no credential, by whoever wrote the sixth set of planted ones.

Written before the detector was run on it, and by somebody who had not seen the other generators. Whatever is masked in
it is a false alarm.
"""

import base64
import random
import uuid
from collections.abc import Callable

from benchmarks.secrets.planted import DIGITS, HEX, LOWER, UPPER, WORD, some

WORDS = [
    "attention",
    "rotary",
    "muon",
    "adamw",
    "residual",
    "embed",
    "logits",
    "loss",
    "gradient",
    "schedule",
    "warmup",
    "cosine",
    "decay",
    "batch",
    "shard",
    "token",
    "tokenizer",
    "secret",
    "password",
    "key",
    "cache",
    "epoch",
    "sweep",
    "lattice",
    "tensor",
    "kernel",
    "fused",
    "bias",
    "norm",
    "layer",
    "head",
    "value",
    "query",
    "scale",
    "mask",
    "dropout",
    "stream",
    "prefetch",
    "worker",
    "rank",
    "node",
    "device",
    "host",
    "memory",
    "dtype",
    "bfloat16",
    "checkpoint",
    "resume",
    "eval",
    "perplexity",
]


def log(seed: int, size: int) -> str:
    """A log without a single credential, of about so many characters."""
    r = random.Random(f"sixth clean {seed}")
    parts, length = [], 0
    while length < size:
        part = r.choice(SECTIONS)(r)
        parts.append(part)
        length += len(part)
    return "".join(parts)


def _lines(r: random.Random, low: int, high: int, line: Callable[[int], str]) -> str:
    return "".join(line(n) + "\n" for n in range(r.randint(low, high)))


def _words(r: random.Random, number: int, joined: str = " ") -> str:
    return joined.join(r.choice(WORDS) for _ in range(number))


def _time(r: random.Random) -> str:
    return f"{r.randint(0, 23):02}:{r.randint(0, 59):02}:{r.randint(0, 59):02}"


def _id(r: random.Random) -> str:
    return str(uuid.UUID(int=r.getrandbits(128), version=4))


def _jax(r: random.Random) -> str:
    said = f"I0611 {_time(r)}.{some(r, DIGITS, 6)} {some(r, DIGITS, 6)} xla_bridge.py:884] Unable to initialize backend 'tpu'\n"
    said += f"rng key: Array([{r.randrange(2**32)}, {r.randrange(2**32)}], dtype=uint32)\n"
    said += f"PRNGKey({r.randrange(9999)}) split into dropout_key=[{r.randrange(2**32)} {r.randrange(2**32)}]\n"
    keys = ["params", "opt_state", "step", "dropout_rng", "batch_stats"]
    said += f"TrainState keys: {keys!r}\n"
    said += _lines(
        r,
        5,
        30,
        lambda n: f"params/TransformerBlock_{n}/SelfAttention_0/key/kernel: ({r.choice([512, 768])}, 12, 64) float32",
    )
    said += f"HloModule jit_train_step, entry_computation_layout={{(f32[{r.randint(1, 512)},768]{{1,0}})->f32[]}}\n"
    return said + f"Compilation cache key: jit_train_step-{some(r, HEX, 64)}\n"


def _keras(r: random.Random) -> str:
    said = 'Model: "functional_1"\n' + "_" * 65 + "\nLayer (type)                 Output Shape              Param #\n"
    said += _lines(
        r, 4, 20, lambda n: f"conv2d_{n} (Conv2D)            (None, {32 * n}, 32, 64)       {r.randint(100, 10**6)}"
    )
    total = r.randint(20, 900)
    return said + _lines(
        r,
        5,
        25,
        lambda n: (
            f"{n}/{total} [{'=' * (n % 30)}>{'.' * (29 - n % 30)}] - ETA: {n}s - loss: {r.random():.4f} - val_auc: {r.random():.4f}"
        ),
    )


def _boosting(r: random.Random) -> str:
    said = f"[LightGBM] [Info] Total Bins {r.randint(1000, 9999)}\n[LightGBM] [Info] Start training from score {r.random():.6f}\n"
    said += _lines(r, 5, 30, lambda n: f"[{n * 10}]\ttrain-logloss:{r.random():.5f}\tvalid-logloss:{r.random():.5f}")
    return (
        said
        + f"Best params: {{'learning_rate': {r.random()!r}, 'num_leaves': {r.randint(8, 255)}, 'seed': {r.randrange(2**31)}}}\n"
    )


def _sklearn(r: random.Random) -> str:
    said = "              precision    recall  f1-score   support\n"
    said += _lines(
        r,
        3,
        12,
        lambda n: (
            f"    class_{n}      {r.random():.2f}      {r.random():.2f}      {r.random():.2f}  {r.randint(1, 900)}"
        ),
    )
    said += f"Pipeline(steps=[('tfidf', TfidfVectorizer(token_pattern='(?u)\\\\b\\\\w\\\\w+\\\\b', max_features={r.randint(100, 9999)})),\n"
    return said + "                ('clf', LogisticRegression(C=0.1, random_state=42))])\n"


def _rl(r: random.Random) -> str:
    return _lines(
        r,
        2,
        6,
        lambda n: (
            "-" * 42 + f"\n| rollout/           |             |\n|    ep_rew_mean     | {r.uniform(-99, 99):<11.3g} |\n"
            f"| time/              |             |\n|    fps             | {r.randint(100, 9999):<11} |\n"
            f"|    total_timesteps | {n * 2048:<11} |\n| train/             |             |\n|    approx_kl       | {r.random():<11.7f} |"
        ),
    )


def _vllm(r: random.Random) -> str:
    said = (
        f"INFO 06-11 {_time(r)} llm_engine.py:237] Initializing an LLM engine (v0.6.3) with config: model='lab/m-7b', "
    )
    said += "speculative_config=None, tokenizer='lab/m-7b', skip_tokenizer_init=False, tokenizer_mode=auto, revision="
    said += f"'{some(r, HEX, 40)}', tokenizer_revision=None, trust_remote_code=False, seed={r.randint(0, 99)}, api_key=None, "
    said += "use_cached_outputs=False)\n"
    said += _lines(
        r,
        3,
        15,
        lambda n: (
            f"INFO 06-11 {_time(r)} metrics.py:349] Avg prompt throughput: {r.uniform(1, 9999):.1f} tokens/s, Avg generation "
            f"throughput: {r.uniform(1, 999):.1f} tokens/s, GPU KV cache usage: {r.uniform(0, 99):.1f}%."
        ),
    )
    ids = [r.randrange(150000) for _ in range(r.randint(20, 80))]
    return (
        said
        + f"INFO logger.py:37] Received request cmpl-{some(r, HEX, 32)}-0: prompt_token_ids: {ids}, lora_request: None.\n"
    )


def _ray(r: random.Random) -> str:
    said = (
        f"2025-06-11 {_time(r)},512\tINFO worker.py:1777 -- Started a local Ray instance. Dashboard at 127.0.0.1:8265\n"
    )
    return said + _lines(
        r,
        3,
        15,
        lambda n: (
            f"(train_fn pid={r.randint(1000, 99999)}, ip=10.0.{n}.7) [actor_id={some(r, HEX, 32)}] "
            f"object_ref=ObjectRef({some(r, HEX, 56)}) trial {some(r, HEX, 5)}_{n:05} loss={r.random():.4f}"
        ),
    )


def _optuna(r: random.Random) -> str:
    return _lines(
        r,
        3,
        20,
        lambda n: (
            f"[I 2025-06-11 {_time(r)},101] Trial {n} finished with value: {r.random()!r} and parameters: "
            f"{{'lr': {r.random() * 1e-3!r}, 'token_dropout': {r.random()!r}, 'key_dim': {r.choice([32, 64])}, 'opt': 'adamw'}}. "
            f"Best is trial {n // 2}."
        ),
    )


def _hydra(r: random.Random) -> str:
    return f"""[2025-06-11 {_time(r)}][__main__][INFO] - seed: {r.randint(0, 999)}
tokenizer:
  _target_: lab.tok.BPE
  pad_token: '<|endoftext|>'
  eos_token_id: {r.randint(0, 150000)}
  unk_token: [UNK]
  special_tokens: ${{tokenizer.specials}}
data:
  key: text
  access: public
  cache_key: {some(r, HEX, 16)}
  sort_key: length
  partition_key: day={r.randint(1, 28)}
  password_file: null
  auth: ${{oc.env:HF_TOKEN}}
wandb:
  api_key: ${{oc.env:WANDB_API_KEY,null}}
  id: {some(r, LOWER + DIGITS, 8)}
"""


def _packages(r: random.Random) -> str:
    said = _lines(
        r,
        2,
        8,
        lambda n: (
            f"Collecting {r.choice(WORDS)}=={n}.{r.randint(0, 9)}\n  Downloading https://files.pythonhosted.org/packages/"
            f"{some(r, HEX, 2)}/{some(r, HEX, 2)}/{some(r, HEX, 60)}/{r.choice(WORDS)}-{n}.0-cp311-cp311-manylinux_2_17_x86_64.whl "
            f"({r.uniform(1, 99):.1f} MB)\n     ━━━━━━━━━━━━━━━━━━━━ {r.uniform(1, 99):.1f}/99.0 MB {r.uniform(1, 99):.1f} MB/s eta 0:00:00"
        ),
    )
    said += _lines(
        r,
        2,
        8,
        lambda n: f"    --hash=sha256:{some(r, HEX, 64)} \\",
    )
    said += _lines(
        r,
        2,
        8,
        lambda n: (
            f"{r.choice(WORDS)}            {n}.{r.randint(0, 9)}.{r.randint(0, 9)}      py311h{some(r, HEX, 7)}_{n}    conda-forge"
        ),
    )
    said += _lines(
        r,
        2,
        6,
        lambda n: (
            f"Get:{n} http://archive.ubuntu.com/ubuntu jammy/main amd64 lib{r.choice(WORDS)}-dev amd64 1.{n}-0ubuntu1 [{n}2 kB]"
        ),
    )
    said += "Setting up passwd (1:4.8.1-2ubuntu2.2) ...\nSetting up libsecret-1-0:amd64 (0.20.5-2) ...\n"
    return said + f'gpg: key {some(r, HEX, 16).upper()}: public key "Ubuntu Archive" imported\n'


def _docker(r: random.Random) -> str:
    return _lines(
        r,
        3,
        12,
        lambda n: (
            f"#{n} [{n}/9] RUN pip install -r requirements.txt\n#{n} sha256:{some(r, HEX, 64)} {n}.1MB / 9.9MB {r.random():.1f}s\n"
            f" ---> Running in {some(r, HEX, 12)}\n ---> {some(r, HEX, 12)}\n{some(r, HEX, 12)}: Pull complete\n"
            f"Digest: sha256:{some(r, HEX, 64)}"
        ),
    )


def _git(r: random.Random) -> str:
    return _lines(
        r,
        2,
        10,
        lambda n: (
            f"commit {some(r, HEX, 40)}\nAuthor: Mira <mira@lab.example>\nDate:   Wed Jun 11 {_time(r)} 2025 +0200\n\n"
            f"    {_words(r, 6)}\n\n    Change-Id: I{some(r, HEX, 40)}\n    Signed-off-by: Mira <mira@lab.example>\n"
        ),
    ) + _lines(
        r, 2, 8, lambda n: f"index {some(r, HEX, 7)}..{some(r, HEX, 7)} 100644\n{some(r, HEX, 9)} {_words(r, 5)}"
    )


def _gpu(r: random.Random) -> str:
    said = _lines(
        r,
        1,
        8,
        lambda n: (
            f"|   {n}  NVIDIA H100 80GB HBM3   On  | 00000000:{some(r, HEX, 2).upper()}:00.0 Off |   0 |\n"
            f"| N/A   {r.randint(20, 90)}C    P0   {r.randint(60, 700)}W / 700W |  {r.randint(1, 80000)}MiB / 81559MiB |     {n}%  Default |"
        ),
    )
    said += _lines(r, 1, 8, lambda n: f"GPU {n}: NVIDIA H100 80GB HBM3 (UUID: GPU-{_id(r)})")
    said += _lines(
        r,
        2,
        9,
        lambda n: (
            f"    {r.random() * 50:5.1f}  {r.randint(10**6, 10**11):>14}  {n}  void at::native::vectorized_elementwise_kernel<(int)4>"
        ),
    )
    return said + _lines(
        r,
        2,
        9,
        lambda n: (
            f"gpu04:{r.randint(100, 9999)}:{r.randint(100, 9999)} [{n}] NCCL INFO comm 0x{some(r, HEX, 12)} rank {n} nranks 8 "
            f"commId 0x{some(r, HEX, 16)} - Init COMPLETE"
        ),
    )


def _kernel(r: random.Random) -> str:
    said = _lines(
        r,
        3,
        12,
        lambda n: (
            f"[{r.uniform(1, 99999):12.6f}] NVRM: Xid (PCI:0000:{some(r, HEX, 2)}:00): {r.randint(13, 99)}, pid={n}, name=python, Ch 0000000{n}"
        ),
    )
    said += f"[    0.000000] Command line: BOOT_IMAGE=/vmlinuz root=UUID={_id(r)} ro quiet\n"
    said += f"[    1.204413] Loaded X.509 cert 'Build time autogenerated kernel key: {some(r, HEX, 40)}'\n"
    said += f"[    1.3] Key type dns_resolver registered\nslurmstepd: error: *** JOB {r.randint(1, 10**7)} ON gpu04 CANCELLED DUE TO TIME LIMIT ***\n"
    return (
        said
        + f"JobId={r.randint(1, 10**7)} JobName=train UserId=mira(1001) Partition=gpu TRES=cpu=8,mem=64G,gres/gpu=1 MCS_label=N/A\n"
    )


def _compiler(r: random.Random) -> str:
    return _lines(
        r,
        2,
        8,
        lambda n: (
            f"csrc/{r.choice(WORDS)}.cu:{r.randint(1, 900)}:{n}: warning: unused variable '{_words(r, 2, '_')}' [-Wunused-variable]\n"
            f"  {n} |   const auto token = tokens[{n}];\n      |              ^~~~~\n"
            f"ptxas info    : Compiling entry function '_ZN2at6native{some(r, WORD, 30)}EvT_T0_' for 'sm_90'"
        ),
    )


def _pytest(r: random.Random) -> str:
    said = _lines(
        r,
        4,
        20,
        lambda n: (
            f"tests/test_{r.choice(WORDS)}.py::test_{_words(r, 4, '_')}[{_words(r, 2, '-')}-{n}] PASSED   [{n:3}%]"
        ),
    )
    said += "    def test_password_is_checked(client):\n        token = client.get_token()\n>       assert token.key == expected.key\n"
    return (
        said
        + f"E       AssertionError: assert 'tok-{_n(r)}' == 'tok-{_n(r)}'\n  {'-' * 10}\n1 failed in {r.random():.2f}s\n"
    )


def _n(r: random.Random) -> int:
    return r.randint(1, 99)


def _tokenizer(r: random.Random) -> str:
    said = _lines(
        r,
        10,
        60,
        lambda n: (
            f"merge {n}/50000: ({r.randint(0, 999)}, {r.randint(0, 999)}) -> {n + 256} (b'{some(r, LOWER, r.randint(2, 9))}') had {n} occurrences"
        ),
    )
    said += _lines(r, 5, 40, lambda n: f'    "Ġ{some(r, LOWER, r.randint(3, 12))}": {n + 1000},')
    said += '  "added_tokens": [{"id": 0, "content": "<|endoftext|>", "special": true, "single_word": false}],\n'
    said += "tokens: ['" + "', '".join(some(r, LOWER, r.randint(2, 7)) for _ in range(20)) + "']\n"
    said += f"{base64.b64encode(r.randbytes(r.randint(2, 12))).decode()} {r.randint(1, 10**5)}\n"
    return (
        said
        + f"num_tokens: {r.randint(10**6, 10**10)} tokens_per_sec={r.randint(10**4, 10**6)} token_ids[:8]=[{_n(r)}, {_n(r)}]\n"
    )


def _notebook(r: random.Random) -> str:
    image = base64.b64encode(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + r.randbytes(r.randint(300, 4000))).decode()
    rows = "".join(f'        "{image[at : at + 76]}\\n",\n' for at in range(0, min(len(image), 800), 76))
    return f"""  {{
   "cell_type": "code",
   "execution_count": {_n(r)},
   "id": "{some(r, HEX, 8)}",
   "metadata": {{"colab": {{"base_uri": "https://localhost:8080/"}}, "outputId": "{_id(r)}"}},
   "outputs": [
    {{"data": {{"image/png": "{image}\\n"}}}},
    {{"data": {{"image/jpeg": [
{rows}    ]}}}}
   ],
   "source": ["key = jax.random.PRNGKey({_n(r)})\\n", "![x](data:image/gif;base64,{image[:400]})"]
  }},
"""


def _sums(r: random.Random) -> str:
    kinds = [("md5", 32), ("sha1", 40), ("sha256", 64), ("blake2b", 128), ("xxh64", 16)]
    kind, size = r.choice(kinds)
    said = _lines(r, 2, 12, lambda n: f"{some(r, HEX, size)}  data/shard_{n:05}.bin")
    said += f'{kind}: {some(r, HEX, size)}\nETag: "{some(r, HEX, 32)}-{_n(r)}"\n'
    said += f"outs:\n- md5: {some(r, HEX, 32)}.dir\n  size: {r.randint(1, 10**9)}\n  path: data\n"
    said += f"integrity sha512-{base64.b64encode(r.randbytes(64)).decode()}\n"
    return (
        said
        + f"x-amz-checksum-sha256: {base64.b64encode(r.randbytes(32)).decode()}\nContent-MD5: {base64.b64encode(r.randbytes(16)).decode()}\n"
    )


def _hub(r: random.Random) -> str:
    return (
        f"Fetching 8 files: 100%|██████████| 8/8 [00:0{r.randint(0, 9)}<00:00, {r.uniform(1, 9):.2f}it/s]\n"
        f"/root/.cache/huggingface/hub/models--lab--m/snapshots/{some(r, HEX, 40)}/tokenizer.json\n"
        f"loading weights from /root/.cache/huggingface/hub/models--lab--m/blobs/{some(r, HEX, 64)}\n"
        f'{{"_name_or_path": "lab/m", "_commit_hash": "{some(r, HEX, 40)}", "bos_token_id": 1, "torch_dtype": "bfloat16"}}\n'
        f"wandb: 🚀 View run {_words(r, 2, '-')}-{_n(r)} at: https://wandb.ai/lab/speedrun/runs/{some(r, LOWER + DIGITS, 8)}\n"
        f"wandb: Synced 5 W&B file(s), run id {some(r, LOWER + DIGITS, 8)}, artifact run-{some(r, LOWER + DIGITS, 8)}-history:v0\n"
        f"COMET INFO: https://www.comet.com/lab/x/{some(r, HEX, 32)}\nMLflow run_id={some(r, HEX, 32)} artifact_uri=s3://m/{_n(r)}/{some(r, HEX, 32)}\n"
        f"ClearML Task: created new task id={some(r, HEX, 32)}\nhttps://app.neptune.ai/lab/x/e/RUN-{_n(r)}\n"
        f"Token is valid (permission: read).\nYour token has been saved to /root/.cache/huggingface/token\n"
        f"Xet hash {some(r, HEX, 64)} oid sha256:{some(r, HEX, 64)} size {r.randint(1, 10**10)}\n"
    )


def _protobuf(r: random.Random) -> str:
    return _lines(
        r,
        1,
        6,
        lambda n: (
            f'node {{\n  name: "dense_{n}/kernel"\n  op: "VarHandleOp"\n  attr {{\n    key: "shared_name"\n    value {{\n'
            f'      s: "{_words(r, 2, "/")}"\n    }}\n  }}\n  attr {{ key: "T" value {{ type: DT_FLOAT }} }}\n'
            f'  experimental_debug_info: "\\\\n\\\\x0{n}{some(r, WORD, 12)}"\n}}'
        ),
    )


def _sql(r: random.Random) -> str:
    return _lines(
        r,
        2,
        10,
        lambda n: (
            f"2025-06-11 {_time(r)},332 INFO sqlalchemy.engine.Engine SELECT runs.id, runs.loss, users.password_hash FROM runs JOIN users "
            f"ON users.id = runs.user_id WHERE runs.id = ?\n2025-06-11 {_time(r)},333 INFO sqlalchemy.engine.Engine [generated in 0.0{_n(r)}s] "
            f"('{some(r, HEX, 32)}',)\nCREATE TABLE t{n} (id INTEGER PRIMARY KEY, token VARCHAR(64) NOT NULL, api_key TEXT DEFAULT NULL);"
        ),
    )


def _access(r: random.Random) -> str:
    return _lines(
        r,
        3,
        20,
        lambda n: (
            f'10.0.{n}.{r.randint(1, 254)} - - [11/Jun/2025:{_time(r)} +0000] "GET /api/v1/runs/{_id(r)}/metrics?key=loss&page_token='
            f'{n}&step={r.randint(1, 9999)} HTTP/1.1" 200 {r.randint(100, 99999)} "-" "python-requests/2.31" rid={some(r, HEX, 16)}'
        ),
    )


def _patch(r: random.Random) -> str:
    return f"""diff --git a/train.py b/train.py
index {some(r, HEX, 7)}..{some(r, HEX, 7)} 100644
--- a/train.py
+++ b/train.py
@@ -{_n(r)},7 +{_n(r)},9 @@ def attend(query, key, value, key_padding_mask=None):
-    api_key = os.environ["WANDB_API_KEY"]
+    api_key = args.api_key or os.environ.get("WANDB_API_KEY", "")
+    token = tokenizer.decode(ids[{_n(r)}:], skip_special_tokens=True)
+    wandb.login(key=api_key)
+    k = self.key_proj(x).view(B, T, self.n_head, C // self.n_head)
+    secret = getpass.getpass("password: ")
+    headers = {{"Authorization": f"Bearer {{token}}", "X-Run": run_id}}
+    hf_token: str | None = None
+    password=settings.DB_PASSWORD,
+    rng, key{_n(r)} = jax.random.split(rng)
+    state = torch.load("ckpt/{some(r, HEX, 12)}/model_{r.randint(1, 9999):06}.pt", weights_only=True)
+export HF_TOKEN=$(cat ~/.cache/huggingface/token)
+export WANDB_API_KEY=${{WANDB_API_KEY:?not set}}
+DB_PASSWORD=changeme
+        WANDB_API_KEY: ${{{{ secrets.WANDB_API_KEY }}}}
"""


def _trace(r: random.Random) -> str:
    said = "Traceback (most recent call last):\n"
    said += _lines(
        r,
        2,
        8,
        lambda n: (
            f'  File "/opt/conda/lib/python3.11/site-packages/torch/nn/modules/{r.choice(WORDS)}.py", line {_n(r)}, in forward\n'
            f"    return F.scaled_dot_product_attention({_words(r, 3, ', ')}, key=self.{r.choice(WORDS)})"
        ),
    )
    return said + r.choice(
        [
            f"KeyError: 'token_embedding.{_n(r)}.weight'\n",
            f'RuntimeError: Error(s) in loading state_dict: Missing key(s): "{_words(r, 3, ".")}", "{_words(r, 4, ".")}".\n',
            f"torch.OutOfMemoryError: CUDA out of memory. Tried to allocate {_n(r)}.00 GiB. GPU 0 has {_n(r)} MiB free\n",
            "wandb.errors.UsageError: api_key not configured (no-tty). call wandb.login(key=[your_api_key])\n",
            "huggingface_hub.errors.GatedRepoError: 401. Access to model lab/m is restricted. Invalid user token.\n",
            f"ValueError: password must have at least {_n(r)} characters\n",
            "botocore.exceptions.NoCredentialsError: Unable to locate credentials\n",
        ]
    )


def _metrics(r: random.Random) -> str:
    return _lines(
        r,
        5,
        40,
        lambda n: (
            f'{{"step": {n}, "loss": {r.random()!r}, "tokens": {n * 524288}, "grad_norm": {r.random():.17g}, '
            f'"run": "{some(r, LOWER + DIGITS, 8)}", "_runtime": {r.random() * 1e4!r}, "trace_id": "{some(r, HEX, 32)}"}}'
        ),
    )


def _notes(r: random.Random) -> str:
    return f"""## {_words(r, 4)}
The key is to warm up longer: token loss {r.random():.4f} against {r.random():.4f} (run {some(r, HEX, 8)}).
Secret sauce: {_words(r, 5)}; the password to success is {_words(r, 2)}.
Keys and queries share one projection, key dim {_n(r)}; pass: {_n(r)}, fail: {_n(r)}.
| commit | val_bpb | note |
|---|---|---|
| {some(r, HEX, 7)} | {r.random():.6f} | {_words(r, 3)} |
- token budget: {r.randint(1, 99)}M tokens; API key handling moved to env; see commit {some(r, HEX, 40)}.
- auth: none needed; login node gpu04; cookie cutter repo; passphrase prompt removed from {_words(r, 2, "_")}.py
"""


def _infra(r: random.Random) -> str:
    return f"""aws_instance.gpu: Creation complete after {_n(r)}s [id=i-0{some(r, HEX, 16)}]
  + arn               = "arn:aws:iam::{some(r, DIGITS, 12)}:role/trainer"
  + password          = (sensitive value)
  + secret_id         = "lab/wandb"
pod/train-{some(r, HEX, 10)}-{some(r, LOWER + DIGITS, 5)} created
secret/wandb-credentials configured
      secretKeyRef:
        name: wandb
        key: api-key
serviceAccountToken:
  path: token
resourceVersion: "{r.randint(1, 10**8)}"
uid: {_id(r)}
2025-06-11T{_time(r)}Z sshd[{_n(r)}]: Accepted publickey for mira from 10.0.0.{_n(r)} port {r.randint(1024, 65000)} ssh2: ED25519 \
SHA256:{some(r, WORD, 43)}
The key fingerprint is: SHA256:{some(r, WORD + "+/", 43)} mira@gpu04
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{some(r, WORD + "+/", 43)} mira@gpu04
request_id={some(r, UPPER + DIGITS, 16)} x-amz-id-2: {base64.b64encode(r.randbytes(57)).decode()}
"""


def _weights(r: random.Random) -> str:
    return (
        _lines(
            r,
            3,
            15,
            lambda n: (
                f"  blocks.{n}.attn.key.weight  [{r.choice([768, 1024])}, 768]  mean {r.gauss(0, 1e-3):+.3e} std {r.random():.6f} "
                f"sha {some(r, HEX, 10)}"
            ),
        )
        + f"tensor([[{', '.join(f'{r.gauss(0, 1): .4e}' for _ in range(8))}]], device='cuda:0', dtype=torch.bfloat16)\n"
    )


SECTIONS: list[Callable[[random.Random], str]] = [
    _jax,
    _keras,
    _boosting,
    _sklearn,
    _rl,
    _vllm,
    _ray,
    _optuna,
    _hydra,
    _packages,
    _docker,
    _git,
    _gpu,
    _kernel,
    _compiler,
    _pytest,
    _tokenizer,
    _notebook,
    _sums,
    _hub,
    _protobuf,
    _sql,
    _access,
    _patch,
    _trace,
    _metrics,
    _notes,
    _infra,
    _weights,
]
