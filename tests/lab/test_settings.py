from pathlib import Path

import pytest

from memorylab.lab import TIME_BUDGET, SettingError
from memorylab.lab.settings import read_settings


def test_defaults_and_empty_variables():
    for env in ({}, {"AUTORESEARCH_SEED": "", "AUTORESEARCH_TOKENS": "  "}):
        settings = read_settings(env)
        assert (settings.time_budget, settings.tokens, settings.seed) == (TIME_BUDGET, None, 42)
        assert (settings.threads, settings.corpus, settings.summary_path) == (None, None, None)


def test_every_variable_is_read():
    settings = read_settings(
        {
            "AUTORESEARCH_TIME_BUDGET": "1.5",
            "AUTORESEARCH_TOKENS": "1000",
            "AUTORESEARCH_SEED": "0",
            "AUTORESEARCH_THREADS": "2",
            "AUTORESEARCH_CORPUS": "text",
            "AUTORESEARCH_SUMMARY_PATH": "s.json",
        }
    )
    assert (settings.time_budget, settings.tokens, settings.seed, settings.threads) == (1.5, 1000, 0, 2)
    assert (settings.corpus, settings.summary_path) == (Path("text"), Path("s.json"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AUTORESEARCH_TIME_BUDGET", "abc"),
        ("AUTORESEARCH_TIME_BUDGET", "0"),
        ("AUTORESEARCH_TIME_BUDGET", "nan"),
        ("AUTORESEARCH_TIME_BUDGET", "inf"),
        ("AUTORESEARCH_TOKENS", "1e6"),
        ("AUTORESEARCH_TOKENS", "0"),
        ("AUTORESEARCH_SEED", "-1"),
        ("AUTORESEARCH_SEED", str(2**64)),
        ("AUTORESEARCH_THREADS", "0"),
    ],
)
def test_bad_value_is_named_with_what_to_do(name, value):
    with pytest.raises(SettingError) as caught:
        read_settings({name: value})
    assert caught.value.code == 2
    assert name in str(caught.value) and value in str(caught.value) and "unset it" in str(caught.value)
