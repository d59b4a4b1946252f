"""Made-up logs without credentials, in the forms of the tools that train: what is masked in them is a false alarm.

Written without a look at the detector and at clean.py; the traps are names with `key`, `token`, `auth`, `secret` or
`pass` in them, and values at random that give nothing away: hashes, ids of runs, addresses, versions, paths of caches.
"""

import base64
import json
import random

from benchmarks.secrets.planted import DIGITS, HEX, LOWER, URLSAFE, WORD, some

TEXT = (
    "the of a token key secret password pass author authority to and in that was it loss model learned little girl"
    " once upon time cat dog tree happy found said basic bearer session access private signature credential login"
)
WORDS = TEXT.split()


def log(seed: int, size: int) -> str:
    """Blocks of many tools until it is so large."""
    r, parts, length = random.Random(seed), [], 0
    while length < size:
        made = r.choice(BLOCKS)(r)
        parts.append(made)
        length += len(made)
    return "".join(parts)


def _uuid(r: random.Random) -> str:
    return "-".join(some(r, HEX, n) for n in (8, 4, 4, 4, 12))


def _clock(r: random.Random) -> str:
    return f"{r.randrange(24):02}:{r.randrange(60):02}:{r.randrange(60):02}"


def _trainer(r: random.Random) -> str:
    rows = []
    for step in range(r.randint(5, 30)):
        row = {"loss": r.random(), "grad_norm": r.random(), "learning_rate": r.random() * 1e-4, "epoch": step / 10}
        row["num_input_tokens_seen"] = step * 524288
        rows.append(f"{row}\n")
    rows.append(
        f"{ {'train_runtime': r.random() * 1e4, 'train_tokens_per_second': r.random() * 1e5, 'token_accuracy': 0.5} }\n"
    )
    return "".join(rows)


def _lightning(r: random.Random) -> str:
    rows = ["  | Name            | Type             | Params | Mode\n", "-" * 60 + "\n"]
    names = ["token_embedding", "key_proj", "query_key_value", "pass_through", "auth_head", "secret_layer", "lm_head"]
    for at, name in enumerate(names):
        rows.append(
            f"{at} | {name:15} | {r.choice(['Embedding', 'Linear', 'Token']):16} | {r.random() * 9:.1f} M | train\n"
        )
    rows.append(
        f"{r.random() * 100:.1f} M    Trainable params\n`Trainer.fit` stopped: `max_steps={r.randrange(9999)}` reached.\n"
    )
    return "".join(rows)


def _tqdm(r: random.Random) -> str:
    rows = []
    for at in range(0, 100, r.randint(3, 9)):
        rate = f"{r.random() * 9:.2f}it/s"
        rows.append(
            f"\rTokenizing (key=text): {at}%|{'█' * (at // 10):10}| {at}/100 [00:0{at % 10}<00:01, {rate}, tokens={r.randrange(10**7)}]"
        )
    rows.append(
        f"\rmodel-0000{r.randrange(9)}-of-00009.safetensors: 100%|██████████| 4.9G/4.9G [01:10<00:00, 70MB/s]\n"
    )
    return "".join(rows)


def _nanogpt(r: random.Random) -> str:
    rows = [f"tokens per iteration will be: {r.randrange(10**6):,}\n", "Overriding: max_tokens = 1000000\n"]
    for step in range(r.randint(5, 40)):
        took, loss = r.random() * 900, r.random() * 9
        rows.append(
            f"step:{step}/1750 train_loss:{loss:.4f} train_time:{took:.0f}ms step_avg:{took:.2f}ms tok/s:{took * 99:.0f}\n"
        )
        rows.append(f"iter {step}: loss {loss:.4f}, time {took:.2f}ms, mfu {took / 20:.2f}%\n")
    return "".join(rows)


def _megatron(r: random.Random) -> str:
    names = (
        "tokenizer_type vocab_extra_ids kv_channels num_query_groups log_num_zeros_in_grad merge_file token_dispatcher"
    )
    names += (
        " moe_token_dropping moe_pad_expert_input_to_capacity use_tokenizer_model_from_checkpoint_args key_value_dim"
    )
    rows = ["------------------------ arguments ------------------------\n"]
    for name in names.split():
        value = r.choice(["None", "True", "False", "1024", "GPT2BPETokenizer", "alltoall", "/data/vocab.json", "1e-05"])
        rows.append(f"  {name} {'.' * (45 - len(name))} {value}\n")
    for step in range(r.randint(2, 9)):
        rows.append(
            f" [2026-03-11 {_clock(r)}] iteration {step:8}/  500000 | consumed samples: {step * 512:12} | elapsed time per "
            f"iteration (ms): {r.random() * 9999:.1f} | lm loss: {r.random():.6E} | grad norm: {r.random():.3f} |\n"
        )
    return "".join(rows)


def _deepspeed(r: random.Random) -> str:
    rows = []
    settings = {
        "activation_checkpointing_config": "{",
        "aio_config": "{'block_size': 1048576, 'queue_depth': 8, 'use_gds': False}",
        "comms_config": f"<deepspeed.comm.config.DeepSpeedCommsConfig object at 0x{some(r, HEX, 12)}>",
        "elasticity_enabled": "False",
        "sparse_attention": "None",
        "token_dropping": "None",
        "data_efficiency_config": "{'enabled': False, 'seed': 1234, 'data_routing': {'random_ltd': {'token_lr': False}}}",
        "zero_allow_untested_optimizer": "True",
        "monitor_config": "tensorboard=TensorBoardConfig(enabled=False, job_name='DeepSpeedJobName') wandb=WandbConfig("
        "enabled=False, group=None, team=None, project='deepspeed') comet=CometConfig(enabled=False, api_key=None, workspace=None)",
        "prescale_gradients": "False",
    }
    for name, value in settings.items():
        rows.append(
            f"[2026-03-11 {_clock(r)},{r.randrange(999):03}] [INFO] [config.py:1003:print]   {name} {'.' * 20} {value}\n"
        )
    return "".join(rows)


def _inductor(r: random.Random) -> str:
    name = some(r, LOWER + "234567", 51)
    digest = some(r, HEX, 64)
    return (
        f"V0311 {_clock(r)}.123000 {r.randrange(10**6)} torch/_inductor/codecache.py:1208] [0/0] [__output_code] Output code "
        f"written to: /tmp/torchinductor_root/{name[1:3]}/c{name}.py\n"
        f"fx graph cache key f{name} hit\nfx graph cache miss for key f{name}\nAOTAutograd cache key: a{name}\n"
        f"I0311 {_clock(r)} torch/_inductor/remote_cache.py:417] cache key: {digest} cache_key=c{name}\n"
        f"TRITON_CACHE_DIR=/root/.triton/cache/{some(r, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 52)}/triton_.cubin\n"
        f"async_compile.triton('triton_poi_fused_{r.randrange(99)}', kernel_hash='{digest}')\n"
        f"[kernel] backend_hash='{digest.upper()}', 'assert_indirect_indexing': True, 'autotune_local_cache': True\n"
        f"guard: G['token_ids'].key == {r.randrange(10**9)}  # ___check_type_id(L['key_cache'], {r.randrange(10**15)})\n"
    )


def _nccl(r: random.Random) -> str:
    rows = []
    for rank in range(8):
        bus = some(r, HEX, 5)
        rows.append(
            f"node{r.randrange(99)}:{r.randrange(10**5)}:{r.randrange(10**5)} [{rank}] NCCL INFO ncclCommInitRank comm 0x{some(r, HEX, 12)} "
            f"rank {rank} nranks 8 cudaDev {rank} nvmlDev {rank} busId {bus} commId 0x{some(r, HEX, 16)} - Init START\n"
            f"node1:{r.randrange(10**5)}:{r.randrange(10**5)} [{rank}] NCCL INFO Bootstrap : Using eth0:10.0.{rank}.4<0>\n"
            f"node1:{r.randrange(10**5)}:{r.randrange(10**5)} [{rank}] NCCL INFO NET/IB : No device found. key 0x{some(r, HEX, 16)}\n"
        )
    return "".join(rows)


def _memory(r: random.Random) -> str:
    rows = ["|===========================================================================|\n"]
    rows.append("|                  PyTorch CUDA memory summary, device ID 0                 |\n")
    for name in ("Allocated memory", "Active memory", "GPU reserved memory", "Non-releasable memory"):
        rows.append(
            f"| {name:21} | {r.randrange(9**7):7} KiB | {r.randrange(9**7):7} KiB | {r.randrange(9**7):7} GiB |\n"
        )
    rows.append("+-----------------------------------------------------------------------------------------+\n")
    rows.append(f"| NVIDIA-SMI 560.35.03   Driver Version: 560.35.03  CUDA Version: 12.6 | {r.randrange(99)}%  P0 |\n")
    rows.append(f"GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-{_uuid(r)})\n")
    return "".join(rows)


def _pip(r: random.Random) -> str:
    rows = []
    for name in (
        "tiktoken",
        "tokenizers",
        "keyring",
        "python-keycloak",
        "passlib",
        "PyJWT",
        "google-auth",
        "secretstorage",
    ):
        version = f"{r.randrange(9)}.{r.randrange(20)}.{r.randrange(9)}"
        digest, short = some(r, HEX, 64), some(r, HEX, 60)
        rows.append(
            f"Collecting {name}=={version}\n  Downloading {name}-{version}-py3-none-any.whl.metadata (1.2 kB)\n"
        )
        rows.append(f"{name}=={version} \\\n    --hash=sha256:{digest} \\\n    --hash=sha256:{digest[::-1]}\n")
        rows.append(
            f"https://files.pythonhosted.org/packages/{digest[:2]}/{digest[2:4]}/{short}/{name}-{version}.tar.gz#sha256={digest}\n"
        )
        rows.append(
            f'{{ name = "{name}", url = "https://x.org/{name}.whl", hash = "sha256:{digest}", size = {r.randrange(10**6)} }},\n'
        )
        rows.append(f"{name:24} {version:12} py31h{some(r, HEX, 7)}_0    conda-forge\n")
    return "".join(rows)


def _git(r: random.Random) -> str:
    code = r.choice(
        [
            "def forward(self, key, value, token_mask=None):",
            "        self.key = nn.Linear(dim, num_key_value_heads * head_dim, bias=False)",
            "    key = jax.random.PRNGKey(seed)",
            "    secret_sauce: float = 0.1",
            "    token = tokenizer.decode(token_id)",
            "    password = getpass.getpass('Password: ')",
            "    api_key = os.environ['WANDB_API_KEY']",
            "    assert key.shape == (batch, num_heads, length, dim), key.shape",
            "    if args.hub_token is not None: login(token=args.hub_token)",
            "    auth = HTTPBasicAuth(user, password)",
            "    pass_rate = passed / total  # passes of 10",
            "    for key, value in sorted(state_dict.items()):",
            "    token: Token = Token(type=TokenType.IDENTIFIER, value=word)",
            "    parser.add_argument('--use_auth_token', action='store_true', help='Use the token from `hf auth login`.')",
            "    WANDB_API_KEY: ${{ secrets.WANDB_API_KEY }}",
            "    export HF_TOKEN=$(cat ~/.cache/huggingface/token)",
            "    headers = {'Authorization': f'Bearer {token}'}",
            "    storage = f'postgresql://{user}:{password}@{host}/{name}'",
            "    wandb.login(key=os.getenv('WANDB_API_KEY'))",
            "    key_padding_mask=None, need_weights=True, attn_mask=None,",
            "    session = requests.Session(); session.headers.update(auth_headers)",
            "    --mount=type=secret,id=hf_token pip install -r requirements.txt",
        ]
    )
    return (
        f"commit {some(r, HEX, 40)}\nAuthor: Kim <kim@lab.org>\nDate:   Wed Mar 11 {_clock(r)} 2026 +0100\n\n    Secret sauce: token dropout\n\n"
        f"diff --git a/train.py b/train.py\nindex {some(r, HEX, 11)}..{some(r, HEX, 11)} 100644\n--- a/train.py\n+++ b/train.py\n"
        f"@@ -{r.randrange(999)},7 +{r.randrange(999)},7 @@ class KeyValueCache(nn.Module):\n-{code}\n+{code}  # changed\n"
        f" {some(r, HEX, 40)} blob {r.randrange(9999)}\toid sha256:{some(r, HEX, 64)}\n"
    )


def _wandb(r: random.Random) -> str:
    run = some(r, LOWER + DIGITS, 8)
    return (
        f"wandb: Currently logged in as: kim (lab) to https://api.wandb.ai. Use `wandb login --relogin` to force relogin\n"
        f"wandb: Syncing run dulcet-sea-{r.randrange(999)}\nwandb: 🚀 View run at https://wandb.ai/lab/speedrun/runs/{run}\n"
        f"wandb: Run data is saved locally in /root/wandb/run-20260311_{r.randrange(10**6):06}-{run}\n"
        f"wandb: Appending key for api.wandb.ai to your netrc file: /root/.netrc\n"
        f"wandb: WARNING If you're specifying your api key in code, ensure this code is not shared publicly.\n"
        f"COMET INFO: Experiment is live on comet.com https://www.comet.com/lab/speedrun/{some(r, HEX, 32)}\n"
        f"Token is valid (permission: write). The token `speedrun` has been saved to /root/.cache/huggingface/stored_tokens\n"
        f"Your token has been saved to /root/.cache/huggingface/token\nLogin successful\n"
        f"https://huggingface.co/lab/gpt/resolve/{some(r, HEX, 40)}/model.safetensors?download=true\n"
        f"[neptune] [info   ] Neptune initialized. Open in the app: https://app.neptune.ai/lab/speedrun/e/SPEED-{r.randrange(999)}\n"
    )


def _tokenizer(r: random.Random) -> str:
    config = {
        "bos_token": "<|endoftext|>",
        "eos_token": "<|im_end|>",
        "pad_token": "[PAD]",
        "mask_token": {"content": "<mask>", "lstrip": True, "special": True},
        "unk_token": "<unk>",
        "additional_special_tokens": ["<|tool_call|>", "<|fim_prefix|>", "<|reserved_special_token_0|>"],
        "eos_token_id": r.randrange(10**5),
        "image_token_index": r.randrange(10**5),
        "tokenizer_class": "PreTrainedTokenizerFast",
        "chat_template": "{% for message in messages %}{{ bos_token + message['content'] + eos_token }}{% endfor %}",
        "use_auth_token": None,
        "auto_map": {"AutoTokenizer": ["lab/gpt--tokenization.SecretTokenizer", None]},
        "token": None,
    }
    text = json.dumps(config, indent=2, ensure_ascii=r.random() < 0.5)
    vocabulary = ", ".join(f'"Ġ{some(r, LOWER, r.randint(2, 9))}": {r.randrange(50257)}' for _ in range(30))
    return f'Model config GPTConfig {text}\n{{{vocabulary}}}\nAddedToken("<|endoftext|>", rstrip=False, lstrip=False, single_word=False)\n'


def _samples(r: random.Random) -> str:
    rows = []
    for _ in range(r.randint(3, 10)):
        words = " ".join(r.choice(WORDS) for _ in range(r.randint(20, 80)))
        rows.append(f"{words[0].upper()}{words[1:]}.\n---------------\n")
    rows.append(
        f"ROMEO:\nThe password is but a word; my key, thy secret heart.\n\nsample tokens: {[r.randrange(50257) for _ in range(30)]}\n"
    )
    rows.append(f"prompt: 'The secret key to' -> completion: ' happiness is {r.choice(WORDS)} {r.choice(WORDS)}'\n")
    return "".join(rows)


def _slurm(r: random.Random) -> str:
    job = r.randrange(10**7)
    return (
        f"#SBATCH --job-name=secret-sauce\n#SBATCH --gres=gpu:h100:8\nSLURM_JOB_ID={job}\nSLURM_JOB_NODELIST=node[01-04]\n"
        f"JobId={job} JobName=train UserId=kim(1000) GroupId=lab(1000) MCS_label=N/A Priority=4294901{r.randrange(999)} Account=lab QOS=normal\n"
        f"slurmstepd: error: *** STEP {job}.0 ON node01 CANCELLED AT 2026-03-11T{_clock(r)} DUE TO TIME LIMIT ***\n"
        f"srun: job {job} queued and waiting for resources\nMASTER_ADDR=node01 MASTER_PORT=29500 WORLD_SIZE=32 TOKENIZERS_PARALLELISM=false\n"
        f"SSH_AUTH_SOCK=/tmp/ssh-{some(r, WORD, 10)}/agent.{r.randrange(10**6)}\nXAUTHORITY=/home/kim/.Xauthority\nKRB5CCNAME=FILE:/tmp/krb5cc_1000\n"
        f"GPG_KEY=A035C8C19219BA821ECEA86B64E628F8D684696D\nPYTHON_SHA256={some(r, HEX, 64)}\nNVIDIA_REQUIRE_CUDA=cuda>=12.6 brand=tesla\n"
        f"DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus\nXDG_SESSION_ID={r.randrange(999)}\nHF_TOKEN_PATH=/root/.cache/huggingface/token\n"
        f"CUDA_PASS_THROUGH=1\nWANDB_API_KEY_FILE=/run/secrets/wandb\nPWD=/home/kim/speedrun\nOLDPWD=/home/kim\n"
    )


def _sums(r: random.Random) -> str:
    rows = [f"{some(r, HEX, 64)}  checkpoints/step_{r.randrange(10**5)}/model-0000{n}.safetensors\n" for n in range(9)]
    rows += [f"{some(r, HEX, 32)} *shard_{n:05}.bin\n" for n in range(9)]
    rows.append(
        f'Saved checkpoint, sha256={some(r, HEX, 64)} md5: {base64.b64encode(r.randbytes(16)).decode()} etag: "{some(r, HEX, 32)}-12"\n'
    )
    rows.append(f"docker image lab/train@sha256:{some(r, HEX, 64)} digest=sha256:{some(r, HEX, 64)}\n")
    rows.append(f"uploading part 3 UploadId={some(r, WORD, 60)} key=ckpt/step_{r.randrange(999)}.pt bucket=lab\n")
    rows.append(f"s3://lab/ckpt/{_uuid(r)}/optimizer.pt VersionId {some(r, URLSAFE, 32)}\n")
    return "".join(rows)


def _hydra(r: random.Random) -> str:
    values = [
        "key_dim: 64",
        "num_key_value_heads: 8",
        "token_embedding: tied",
        "max_tokens: 1000000",
        "auth: false",
        "use_auth_token: True",
        "secret_sauce: 0.1",
        "token: ${oc.env:HF_TOKEN}",
        "api_key: ${oc.env:WANDB_API_KEY,null}",
        "api_key: null",
        "password: ???",
        "hub_token: null",
        "push_to_hub_token: <PUSH_TO_HUB_TOKEN>",
        "hub_token: <HUB_TOKEN>",
        "sort_key: length",
        "group_key: ['lr', 'seed']",
        "monitor_key: val/loss",
        "image_key: jpg",
        "caption_key: txt",
        "primary_key: run_id",
        "key: val_loss",
        "keyfile: /etc/ssl/private/lab.key",
        "tokens_per_batch: 524288",
        "token_dropout: 0.1",
        "token_type: bpe",
        "pass_at_k: [1, 10]",
        "passes: 3",
        "author: Kim Lab-Group2",
        "authentication: none",
        "session_timeout: 3600s",
        "cookie_policy: none",
        "secret_name: wandb-credentials",
        "secretKeyRef: {name: wandb, key: api-key}",
        "credentials: ~/.aws/credentials",
        "credential_helper: store",
        "stop_token: '</s>'",
        "start_token_id: 50256",
        "tokenizer: meta-llama/Llama-3.2-1B",
        "tokenizer_path: /data/tok/bpe_32k_v2.model",
        "private: true",
        "access: read-only",
        "signature: train_step(params, batch, rng)",
        "lora_target: [key_proj, value_proj]",
        "cache_key: fineweb10B_gpt2_v3",
        "keyword: speedrun2",
        "partition_key: shard_00012_of_00128",
        "dataset_key: lab/fineweb-edu-10BT",
        "public_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + some(r, WORD, 43),
    ]
    r.shuffle(values)
    flat = ", ".join(f"{value}" for value in values[:10])
    kept = "\n".join(f"  {value}" for value in values[10:35])
    call = ", ".join(value.replace(": ", "=", 1) for value in values[35:])
    return f"[2026-03-11 {_clock(r)},001][HYDRA] {{{flat}}}\nmodel:\n{kept}\nNamespace({call})\n"


def _traceback(r: random.Random) -> str:
    return r.choice(
        [
            '  File "/x/lexer.py", line 93, in next_token\n    raise TokenError(f"unexpected {token.kind}")\n'
            "TokenError: Token(kind='IDENT', value='password', line=3) is unexpected\n",
            '  File "/x/model.py", line 12, in forward\n    key = self.key_proj(hidden_states)\n'
            f"torch.OutOfMemoryError: CUDA out of memory. Tried to allocate {r.random() * 99:.2f} GiB. GPU 0 has a total capacity of 79.1 GiB\n",
            f"KeyError: 'model.layers.{r.randrange(99)}.self_attn.k_proj.weight'\n",
            'RuntimeError: Error(s) in loading state_dict for GPT:\n\tMissing key(s) in state_dict: "token_embedding.weight", "key.bias".\n',
            "huggingface_hub.errors.GatedRepoError: 401 Client Error. (Request ID: Root=1-"
            f"{some(r, HEX, 8)}-{some(r, HEX, 24)};{_uuid(r)})\nAccess to model lab/gpt is restricted. Please log in.\n",
            "OSError: lab/x is not a valid model identifier. If this is a private repository, make sure to pass a token having permission "
            "to this repo either by logging in with `hf auth login` or by passing `token=<your_token>`\n",
            "wandb.errors.UsageError: api_key not configured (no-tty). call wandb.login(key=[your_api_key])\n",
            f"openai.AuthenticationError: Error code: 401 - Incorrect API key provided: {'s' + 'k-'}****abcd. request id: req_{some(r, HEX, 32)}\n",
            "UserWarning: The secret `HF_TOKEN` does not exist in your Colab secrets.\nTo authenticate with the Hugging Face Hub, create a token in "
            "your settings tab (https://huggingface.co/settings/tokens), set it as secret\n",
            "Token indices sequence length is longer than the specified maximum sequence length for this model (1205 > 1024)\n",
            "Setting `pad_token_id` to `eos_token_id`:50256 for open-end generation.\n",
            f"botocore.exceptions.NoCredentialsError: Unable to locate credentials\nx-amz-request-id: {some(r, 'ABCDEFGHJKLMNPQRSTVWXYZ0123456789', 16)}\n",
            'psycopg2.OperationalError: FATAL:  password authentication failed for user "trainer"\n',
            "Permission denied (publickey,password). Host key verification failed.\n"
            f"ED25519 key fingerprint is SHA256:{some(r, WORD, 43)}.\n",
        ]
    )


def _locals(r: random.Random) -> str:
    return (
        f"│   key = tensor([[{r.random():.4f}, {r.random():.4f}]], device='cuda:0')   │\n│   token = {r.randrange(50257)}   │\n"
        f"│   token_ids = [{r.randrange(50257)}, {r.randrange(50257)}]   │\n│   password = None   │\n│   secret = <Secret object at 0x{some(r, HEX, 12)}> │\n"
        f"token      = Token(id={r.randrange(999)}, value=Ġthe, offsets=(0, 4))\nkey        = 'transformer.h.{r.randrange(12)}.attn.c_attn.weight'\n"
        f"rng_key    = Array([{r.randrange(2**32)}, {r.randrange(2**32)}], dtype=uint32)\nauth       = <requests.auth.HTTPBasicAuth object at 0x{some(r, HEX, 12)}>\n"
    )


def _metrics(r: random.Random) -> str:
    rows = []
    for step in range(r.randint(3, 20)):
        row = {
            "_step": step,
            "tokens": step * 524288,
            "key_norm": r.random(),
            "token_loss": r.random(),
            "pass@1": r.random(),
            "secret_metric": r.random(),
            "run_id": some(r, HEX, 32),
            "parent": _uuid(r),
            "commit": some(r, HEX, 40),
            "config_hash": some(r, HEX, 16),
            "idempotency_key": f"step-{step}",
        }
        rows.append(json.dumps(row) + "\n")
    image = base64.b64encode(r.randbytes(300)).decode()
    rows.append(json.dumps({"output_type": "display_data", "data": {"image/png": image + "\n"}}) + "\n")
    return "".join(rows)


def _vllm(r: random.Random) -> str:
    return (
        f"INFO 03-11 {_clock(r)} [core.py:58] Initializing a V1 LLM engine with config: model='lab/gpt', tokenizer='lab/gpt', tokenizer_mode=auto, "
        f"trust_remote_code=False, dtype=torch.bfloat16, max_seq_len=4096, kv_cache_dtype=auto, use_cached_outputs=True, api_key=None\n"
        f'INFO:     10.0.0.4:{r.randrange(65535)} - "POST /v1/chat/completions HTTP/1.1" 200 OK id=chatcmpl-{some(r, HEX, 32)}\n'
        f"INFO 03-11 {_clock(r)} [loggers.py:116] Avg prompt throughput: {r.random() * 999:.1f} tokens/s, GPU KV cache usage: 1.2%, Prefix cache hit rate: 0.0%\n"
        f"(RayWorker pid={r.randrange(10**5)}) actor_id={some(r, HEX, 56)} job_id=01000000 node_id={some(r, HEX, 56)}\n"
        f"ray.init: Started a local Ray instance. View the dashboard at http://127.0.0.1:8265 session_2026-03-11_{r.randrange(10**6)}\n"
        f"usage: prompt_tokens={r.randrange(999)} completion_tokens={r.randrange(999)} cached_tokens=0 stop_token=None finish=stop\n"
    )


BLOCKS = [
    _trainer, _lightning, _tqdm, _nanogpt, _megatron, _deepspeed, _inductor, _nccl, _memory, _pip, _git, _git, _git, _wandb,
    _tokenizer, _samples, _slurm, _sums, _hydra, _hydra, _traceback, _traceback, _traceback, _locals, _metrics, _vllm,
]  # fmt: skip
