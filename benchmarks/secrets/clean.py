"""What training prints that is no secret, by the megabyte, with all that looks like one: hashes, UUIDs, base64, names."""

import base64
import json
import random

from benchmarks.secrets.planted import B64, HEX, LOWER, UPPER, WORD, some


def log(seed: int, size: int) -> str:
    """A log without a single credential, of about so many characters."""
    r = random.Random(seed)
    parts, length = [], 0
    while length < size:
        part = r.choice(SECTIONS)(r)
        parts.append(part)
        length += len(part)
    return "".join(parts)


def _steps(r: random.Random) -> str:
    said = (
        f"step {n:05d} ({n / 10:.1f}%) | loss: {r.uniform(1, 9):.6f} | lrm: {r.random():.2f} | dt: {r.randrange(900)}ms | "
        f"tok/sec: {r.randrange(10**6):,} | mfu: {r.uniform(1, 60):.1f} | epoch: 1 | remaining: {r.randrange(300)}s"
        for n in range(r.randrange(20, 200))
    )
    return r.choice(["\r", "\n"]).join(said) + "\n"


def _block(r: random.Random) -> str:
    return (
        f"---\nval_bpb:          {r.uniform(0.9, 1.4):.6f}\ntraining_seconds: 300.1\ntotal_seconds:    325.9\npeak_vram_mb:     45060.2\n"
        f"mfu_percent:      39.80\ntotal_tokens_M:   499.6\nnum_steps:        953\nnum_params_M:     50.3\ndepth:            8\n"
    )


def _hashes(r: random.Random) -> str:
    commit, digest = some(r, HEX, 40), some(r, HEX, 64)
    uuid = "-".join(some(r, HEX, n) for n in (8, 4, 4, 4, 12))
    run = some(r, LOWER + "0123456789", 8)
    return (
        f"git commit: {commit}\nHEAD is now at {commit[:7]} raise matrix lr\nsha256: {digest}  model.safetensors\n"
        f'checkpoint saved to checkpoints/step_{r.randrange(9999)}-{commit[:12]}.pt (etag "{some(r, HEX, 32)}")\n'
        f"run id: 20261128T101500Z-{commit[:7]}-{some(r, HEX, 16)}\nwandb: Tracking run with wandb version 0.19.1\n"
        f"wandb: Syncing run fluent-sound-{r.randrange(999)}\nwandb: 🚀 View run at https://wandb.ai/team/lab/runs/{run}\n"
        f"Run data is saved locally in /root/wandb/run-20261128_101500-{run}\nrequest_id={uuid}\nGPU-{uuid}\n"
        f"fingerprint: {some(r, HEX, 64)}\ncache key: {digest}\ncache_key={some(r, HEX, 40)}\ntree {some(r, HEX, 40)}\nparent {commit}\n"
        f"Downloading model.safetensors from models/{some(r, HEX, 40)}/blobs/{digest}\n"
        f'SHA256:{some(r, B64, 43)} runner@host (ED25519)\nETag: W/"{some(r, HEX, 32)}"\nx-request-id: {uuid}\n'
        f"torch.compile cache: /tmp/torchinductor_root/{some(r, LOWER, 2)}/c{some(r, LOWER + '234567', 50)}.py\n"
        f"triton_kernel_{some(r, HEX, 64)}.cubin\ndocker image sha256:{digest}\nssh-rsa {some(r, B64, 372)} runner@host\n"
    )


def _tokenizer(r: random.Random) -> str:
    words = ["the", "key", "token", "secret", "pass", "word", "Ġpassword", "Ġapi", "▁auth", "##ing", "<|endoftext|>"]
    rows = [f"{base64.b64encode(r.choice(words).encode()).decode()} {n}\n" for n in range(30)]
    shown = [f"token {n}: {r.choice(words)!r} id={r.randrange(50257)}\n" for n in range(20)]
    return "".join(rows + shown) + (
        "pad_token: <pad>\neos_token='</s>', bos_token='<s>', unk_token=\"<unk>\", mask_token=[MASK], pad_token_id=50256\n"
        "tokenizer: GPT2TokenizerFast(name_or_path='gpt2', vocab_size=50257, special_tokens={'bos_token': '<|endoftext|>', "
        "'eos_token': '<|endoftext|>', 'unk_token': '<|endoftext|>'}, added_tokens_decoder={50256: AddedToken(\"<|endoftext|>\")})\n"
        "Setting `pad_token_id` to `eos_token_id`:50256 for open-end generation.\nimage_token: <image>\nmax_new_tokens=256\n"
        f"total_tokens: {r.randrange(10**9)}\ntokens per second: {r.randrange(10**6)}\nnum_tokens=499_600_000 tokens: 12.3B\n"
        "Token indices sequence length is longer than the specified maximum sequence length (1043 > 1024)\n"
        f"special_tokens_map.json: {json.dumps({'eos_token': '<|im_end|>', 'additional_special_tokens': ['<|im_start|>']})}\n"
    )


def _warnings(r: random.Random) -> str:
    return (
        "/usr/lib/python3.11/site-packages/torch/utils/checkpoint.py:31: UserWarning: None of the inputs have requires_grad=True.\n"
        "[W1128 10:15:00.123456789 ProcessGroupNCCL.cpp:1496] Warning: destroy_process_group() was not called\n"
        "NCCL INFO Bootstrap : Using eth0:10.0.0.12<0>\nMASTER_ADDR=10.0.0.1\nMASTER_PORT=29500\ninit_method=tcp://10.0.0.1:29500\n"
        "FutureWarning: `use_auth_token` is deprecated; use `token` instead.\ntoken=None api_key=None\n"
        "The token `train` has been saved to /root/.cache/huggingface/stored_tokens\nYour token has been saved to /root/.cache/huggingface/token\n"
        "Token is valid (permission: read).\nwandb: You can find your API key in your browser here: https://wandb.ai/authorize\n"
        "wandb: Paste an API key from your profile and hit enter, or press ctrl+c to quit: \nwandb: No netrc file found, creating one.\n"
        "wandb: Appending key for api.wandb.ai to your netrc file: /root/.netrc\nHF_TOKEN is not set; unauthenticated requests are slow\n"
        "WANDB_API_KEY: not set\npassword: None\nAuthentication: none\nauthor: Jane Doe <jane@example.org>\nsecret = getpass.getpass()\n"
        "api_key = os.environ['OPENAI_API_KEY']\ntoken=args.token\npassword=${DB_PASSWORD}\napi_key: <your key here>\nexport TOKEN=$TOKEN\n"
        "key=model.layers.0.self_attn.k_proj.weight shape=[768, 768]\nmissing_keys=['lm_head.weight'], unexpected_keys=[]\n"
        "KeyError: 'optimizer_state'\n<All keys matched successfully>\nstate_dict keys: ['wte.weight', 'h.0.attn.c_attn.weight']\n"
        "past_key_values=None, key_value_proj_dim=64, num_key_value_heads=8, key_padding_mask=None\nprng_key: [0 42]\n"
        "passed: 12, failed: 0\npass 1: loss 2.31\nforward pass: 12.5ms backward pass: 31.2ms\nfirst_pass=True\n"
        "git remote: git@github.com:team/lab.git\norigin https://github.com/team/lab.git (fetch)\nssh://git@example.com:2222/x.git\n"
        "http://localhost:6006/?darkMode=true#timeseries\nhttps://user@example.com/x\npip install torch@https://download.pytorch.org/whl/torch-2.13.0.whl\n"
    )


def _table(r: random.Random) -> str:
    return (
        "+-----------------------------------------------------------------------------------------+\n"
        "| NVIDIA-SMI 550.54.15              Driver Version: 550.54.15      CUDA Version: 12.4     |\n"
        "|=========================================+========================+======================|\n"
        f"|   0  NVIDIA H100 80GB HBM3          On  |   00000000:{some(r, HEX, 2).upper()}:00.0 Off |                    0 |\n"
        f"| N/A   {r.randrange(30, 80)}C    P0            {r.randrange(60, 700)}W /  700W |   {r.randrange(80000)}MiB /  81559MiB |     {r.randrange(100)}%      Default |\n"
        "| Name          | Type   | Params | Key dim | Tokens |\n| embed_tokens  | Embed  | 38.6 M | 64      | 32768  |\n"
        "│ token │ count │ prob │\n│ Ġthe  │ 12345 │ 0.12 │\n│ pass  │ 2     │ 0.01 │\n"
    )


def _traceback(r: random.Random) -> str:
    return (
        'Traceback (most recent call last):\n  File "/root/lab/train.py", line 312, in <module>\n    loss = model(x, y)\n'
        '  File "/usr/lib/python3.11/site-packages/torch/nn/modules/module.py", line 1739, in _wrapped_call_impl\n'
        "    return self._call_impl(*args, **kwargs)\n           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
        '  File "/root/lab/auth.py", line 7, in login\n    raise PermissionError(f"no token for {host}")\n'
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79.11 GiB\n"
        f"RuntimeError: Expected key {r.randrange(99)} in state_dict; tensor at 0x{some(r, HEX, 12)}\n"
        "huggingface_hub.errors.GatedRepoError: 401 Client Error. (Request ID: Root=1-"
        f"{some(r, HEX, 8)}-{some(r, HEX, 24)};{'-'.join(some(r, HEX, n) for n in (8, 4, 4, 4, 12))})\n"
        "Cannot access gated repo for url https://huggingface.co/meta-llama/Llama-3.1-8B/resolve/main/config.json.\n"
        "Access to model is restricted. You must have access to it and be authenticated to access it. Please log in.\n"
        "openai.AuthenticationError: Error code: 401 - {'error': {'message': 'Incorrect API key provided: sk-****. You can find "
        "your API key at https://platform.openai.com/account/api-keys.', 'type': 'invalid_request_error', 'code': 'invalid_api_key'}}\n"
        "fatal: Authentication failed for 'https://github.com/team/lab.git/'\nPassword for 'https://bob@github.com': \n"
    )


def _base64(r: random.Random) -> str:
    return (
        f"data:image/png;base64,{base64.b64encode(r.randbytes(600)).decode()}\n{base64.b64encode(r.randbytes(150)).decode()}\n"
        f"logits[:4] = tensor([{r.random():.4f}, {r.random():.4f}], device='cuda:0', grad_fn=<SliceBackward0>)\n"
        f"b'{base64.b64encode(r.randbytes(48)).decode()}'\nsample: {some(r, WORD, 64)}\nseed={r.randrange(2**31)} nonce={some(r, HEX, 16)}\n"
        f"-----BEGIN CERTIFICATE-----\n{base64.b64encode(r.randbytes(48)).decode()}\n-----END CERTIFICATE-----\n"
        f"{json.dumps({'run': some(r, LOWER, 8), 'git_sha': some(r, HEX, 40), 'config_hash': some(r, HEX, 32), 'host': 'gpu-' + some(r, UPPER, 4)})}\n"
    )


def _talk(r: random.Random) -> str:
    plays = [
        "First Citizen:\nBefore we proceed any further, hear me speak.\n",
        "His secret: none shall pass; the key is lost, the word is kept.\n",
        "KING RICHARD:\nWhat is thy token? Speak the password: be gone.\n",
        "O secret grace! The keys of all my heart are authorized.\n",
    ]
    return "".join(r.choice(plays) for _ in range(12))


def _patch(r: random.Random) -> str:
    return (
        f"diff --git a/train.py b/train.py\nindex {some(r, HEX, 7)}..{some(r, HEX, 7)} 100644\n--- a/train.py\n+++ b/train.py\n"
        "@@ -10,7 +10,7 @@ class Attention(nn.Module):\n-    k = self.key(x)\n+    k = self.key_norm(self.key(x))\n"
        "-TOKENS = 500_000_000\n+TOKENS = 400_000_000\n+token_budget = int(os.environ.get('AUTORESEARCH_TOKENS', '0'))\n"
        "+    key = torch.randn(8, 64)\n+    secret_keep = False\n+tokenizer = Tokenizer.from_pretrained('gpt2')\n"
        "+    parser.add_argument('--api-key', default=None, help='key of the service')\n+    parser.add_argument('--token', type=str, required=False)\n"
        "+    api_key = cfg.api_key or getenv('API_KEY')\n+    auth = (user, password)\n+    login(token=token, password=password)\n"
    )


SECTIONS = [_steps, _steps, _steps, _block, _hashes, _tokenizer, _warnings, _table, _traceback, _base64, _talk, _patch]
