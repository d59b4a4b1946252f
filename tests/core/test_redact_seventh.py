"""What the seventh set of planted credentials and clean logs showed, each as a class of its own."""

import time

import pytest

from memorylab.core.masking.redact import redact

MIXED = "kXw7Rt2QmZ9pLc4VbN8sHd3F"
HEX = "5f0c3b9a7d12e84f6b90a1c2d3e4f5067189abcd"
PASSWORD = "Wint3r.Garten!77"
PHRASE = "island-quartz-timber-orbit-kettle"
SEED = "island quartz timber orbit kettle saddle meadow copper raven velvet walnut amber"

MASKED = [
    f"Cookie: _xsrf=2|ab; lang=en; sessionid={MIXED}; theme=dark",
    f"minio: no root password set, generated one: {MIXED}",
    f"No admin password was given, generated: {PASSWORD}",
    f"  dataset ............ c4\n  wandb_api_key ...... {HEX}\n  db_password ........ {PASSWORD}\n",
    f"SECRET_KEY=rt$ld)cl5w3({MIXED})x(%y&e5{HEX}",
    f'+DB_USER, DB_PASSWORD = "anna", "{PASSWORD}"',
    f"API_TOKEN, REGION = '{MIXED}', 'eu-west-1'",
    f'user, password := "anna", "{PASSWORD}"',
    f"# key for the shared account: {MIXED}",
    f"The token of our own server is {MIXED}.",
    f"key for the lab's account: {HEX}",
    f'var dbPassword string = "{PASSWORD}"',
    f'static const char db_password[] = "{PASSWORD}";',
    f"validation error for Settings\napi_token\n  Value error [type=value_error, input_value='{MIXED}', x=y]",
    f"smtp.password\n  Input should be shorter [type=too_long, input_value='{PASSWORD}', input_type=str]",
    f"Lab wifi passphrase: {PHRASE} (ask anna)",
    f"the passphrase is {PHRASE}, as always",
    f"The wallet's recovery phrase, in case I lose it: {SEED}",
    f'MNEMONIC="{SEED}"',
]


@pytest.mark.parametrize("text", MASKED)
def test_what_is_named_in_one_way_more_is_masked(text: str) -> None:
    done = redact(text).text
    left = [one for one in (MIXED, HEX, PASSWORD, PASSWORD[7:], PHRASE, "timber orbit") if one in done]
    assert not left and "[redacted: " in done, done
    assert done.count("\n") == text.count("\n")
    assert "anna" not in text or "anna" in done


LEFT = [
    "export HF_TOKEN=hf_" + "x" * 34 + " or api_key='sk-" + "x" * 24 + "' or AKIA" + "X" * 16,
    "usage: train.py [--token TOKEN] [--api-key API_KEY] [--db-password DB_PASS]\n  --password TEXT  of the account",
    "arn:aws:secretsmanager:eu-west-1:" + "2" * 12 + ":secret:prod/db-Plrjg7",
    "db_password: !vault |\n          $ANSIBLE_VAULT;1.1;AES256",
    "Checking credentials ... succeeded\nVerifying password.... finished",
    "  key_dim ........ 64\n  pad_token ...... <pad>",
    f"key for the cache of layer 3: {HEX}; key of shard: {HEX}; the token for step 7 is Hello2world",
    "key, value = 'layer_0_hidden2', 'layer_1_hidden2'\n    token, score = 'the', 'best-of-2024-run'",
    "netloc, user_pass = cls.get_netloc_and_auth(netloc, scheme2024x)",
    "    user, password=None, timeout=30, name='experiment-2024-b')",
    "max_steps\n  Input should be greater [type=greater_than, input_value='cosine-2024-b', input_type=str]",
    "Cookie: lang=en; theme=dark\nseed phrase: once upon a time there was a king of the hill and his cat",
    "The password is not-set-in-env, the passphrase is state-of-the-art, as a password is",
]


@pytest.mark.parametrize("text", LEFT)
def test_what_only_looks_like_it_is_left(text: str) -> None:
    assert redact(text)[:2] == (text, {})


UNITS = [
    "key, ",
    "Cookie: a=b; ",
    "a_key ......",
    "key for a a ",
    "password\n input_value='",
    "mnemonic: aaa aaa ",
    "token generated: a1",
    "key, a = b, ",
]


@pytest.mark.parametrize("unit", UNITS)
def test_what_is_said_ever_so_often_takes_no_longer_than_its_length(unit: str) -> None:
    def seconds(size: int) -> float:
        before = time.process_time()
        redact(unit * (size // len(unit)))
        return time.process_time() - before

    assert seconds(200_000) < 20 * max(seconds(20_000), 0.01)
