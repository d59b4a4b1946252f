import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from memorylab.core.change import MAX_SOURCE, constants, describe, read_change
from memorylab.core.record import Knob

BASE = '''"""A subject."""
import math

DEPTH = 8
MATRIX_LR = 0.04  # Muon
BATCH = 2**15
WINDOW = "SSSL"


class Model:
    def forward(self, x):
        """Docstring."""
        for block in self.blocks:
            x = block(x)
        return x
'''


def change(old, new, subject="train.py"):
    return read_change(old, new, subject)


def fingerprint(old, new, subject="train.py"):
    return change(old, new, subject).fingerprint


def test_a_changed_constant_is_a_knob_with_both_values():
    found = change(BASE, BASE.replace("0.04", "0.06").replace("DEPTH = 8", "DEPTH = 9"))
    assert found.knobs == {"DEPTH": Knob(old="8", new="9"), "MATRIX_LR": Knob(old="0.04", new="0.06")}
    assert describe(found) == "DEPTH 8 → 9, MATRIX_LR 0.04 → 0.06"


def test_constants_that_come_and_go():
    found = change("A_X = 1\n", "B_X = 'two'\n")
    assert found.knobs == {"A_X": Knob(old="1", new=None), "B_X": Knob(old=None, new="'two'")}
    assert describe(found) == "A_X removed (was 1), B_X = 'two' (new)"


def test_annotated_chained_and_unpacked_constants():
    assert constants("A: int = 1\nB = C = 2\nD, E = 3, 4\nlower = 5\n", "train.py") == {
        "A": "1", "B": "2", "C": "2", "D": "3", "E": "4",
    }  # fmt: skip
    assert fingerprint("A = 1\n", "A: int = 1\n") is None


def test_one_value_has_one_notation():
    for a, b in [("2**15", "32768"), ("32768", "3.2768e4"), ("2 * 16384", "1 << 15"), (".30", "3e-1"), ("'x'", '"x"')]:
        assert fingerprint(f"X = {a}\n", f"X = {b}\n") is None, (a, b)
    assert constants("X = (0.80, 95e-2)\nY = -2**3\n", "train.py") == {"X": "(0.8, 0.95)", "Y": "-8"}


def test_arithmetic_is_not_followed_into_the_absurd():
    source = "X = 9**9**9\nY = 'a' * 10**9\nZ = 1 / 0\nV = 1 << 10**6\nW = (-8) ** 0.5\n"
    assert constants(source, "train.py")["X"] == "9 ** 387420489"


def test_comments_layout_and_docstrings_are_no_change():
    other = BASE.replace("  # Muon", "").replace('"""Docstring."""', '"""Other."""').replace("\n\n", "\n\n\n\n")
    found = change(BASE, other)
    assert found.fingerprint is None
    assert found.knobs == {}
    assert describe(found) == "no effective change"


def test_order_of_constants_is_no_change_but_order_of_statements_is():
    assert fingerprint("A = 1\nB = 2\n", "B = 2\nA = 1\n") is None
    assert fingerprint("f()\ng()\n", "g()\nf()\n") is not None


def test_fingerprint_does_not_depend_on_the_base():
    other = BASE.replace("DEPTH = 8", "DEPTH = 12").replace("return x", "return x + 1").replace("0.04", "0.05")
    first = fingerprint(BASE, BASE.replace("MATRIX_LR = 0.04", "MATRIX_LR = 0.06"))
    again = fingerprint(other, other.replace("MATRIX_LR = 0.05", "# again\nMATRIX_LR = 6e-2"))
    assert first == again is not None
    assert first != fingerprint(BASE, BASE.replace("MATRIX_LR = 0.04", "MATRIX_LR = 0.07"))


def test_the_same_statement_in_another_place_is_another_change():
    inside, outside = BASE.replace("x = block(x)", "x = block(x)\n            x = x * 2"), BASE + "x = x * 2\n"
    assert fingerprint(BASE, inside) != fingerprint(BASE, outside)


def test_a_new_condition_does_not_add_what_stands_under_it():
    old = "def f(x):\n    if x:\n        g()\n        h()\n"
    assert fingerprint(old, old.replace("if x", "if not x")) == fingerprint(
        old.replace("h()", "i()"), old.replace("if x", "if not x").replace("h()", "i()")
    )


def test_removal_is_told_from_addition():
    less = BASE.replace("DEPTH = 8\n", "")
    assert fingerprint(BASE, less) is not None
    assert fingerprint(BASE, less) != fingerprint(less, BASE)


def test_new_and_deleted_files():
    assert change(None, BASE).knobs == {}, "a new file sets no knobs: it is where they start"
    assert change(BASE, None).knobs["DEPTH"] == Knob(old="8", new=None)
    assert change(None, None).fingerprint is None


def test_what_is_not_python_is_compared_by_lines():
    assert fingerprint("lr: 1\n", "lr:   1\n\n", "config.yaml") is None
    assert fingerprint("lr: 1\n", "lr: 2\n", "config.yaml") is not None
    broken = "def f(:\n    X = 1\n"
    assert change(BASE, broken).knobs == {}
    assert fingerprint(BASE, broken) is not None


def test_f_strings_and_the_newest_syntax_are_read():
    source = "LR = 1\nname = f\"{a['b']}\\n{c!r:>{width}}\"\nmatch x:\n    case {'k': [1, *_]} if y:\n        pass\n"
    assert constants(source, "train.py") == {"LR": "1"}
    assert fingerprint(source, source.replace("width", "wide")) is not None


def test_describe_says_what_is_not_committed():
    found = read_change("x = f(1)\n", "x = f(2)\n", "train.py", blob="ab", dirty=True)
    assert (found.blob, describe(found)) == ("ab", "statements of train.py (uncommitted)")


def test_hostile_texts_neither_raise_nor_take_long():
    hostile = [
        "-" * 200_000 + "1", "(" * 100_000, "1+" * 50_000 + "1", "x = " + "9" * 10_000, "X = 0x" + "f" * 50_000,
        "a\0b", "\ud800 = 1", "if 1:\n  x\n" + "elif 1:\n  x\n" * 20_000, "A = 1\n" * (MAX_SOURCE // 5),
        "def " + "f" * 90_000 + "():\n" + " a\n" * 30_000, "X = '''" + "y" * 100_000 + "'''", "'\\d'",
    ]  # fmt: skip
    for text in hostile:
        found = change(BASE, text)
        assert found.fingerprint is not None or text == "'\\d'"
        assert all(len(knob.new or "") < 1_000 for knob in found.knobs.values())


@given(st.none() | st.text(), st.none() | st.text(), st.sampled_from(["train.py", "train", "a.txt", ""]))
def test_any_text_can_be_read(old, new, subject):
    found = read_change(old, new, subject)
    describe(found)
    if old == new:
        assert found.fingerprint is None


_STATEMENTS = st.lists(
    st.sampled_from(["A = 1", "A = 2", "B = 2**3", "f(x)", "y = A + 1", "import os", "if x:\n    g()", "D = 'x'"]),
    max_size=8,
)


@settings(deadline=None)
@given(_STATEMENTS, _STATEMENTS)
def test_no_fingerprint_means_the_same_statements(old, new):
    found = change("\n".join(old), "\n".join(new))
    assert (found.fingerprint is None) <= (sorted(old) == sorted(new))


UPSTREAM = """
@dataclass
class GPTConfig:
    n_layer: int = 12
    window_pattern: str = "SSSL"

def forward(x):
    softcap = 15
    total = 0.0
    for part in x:
        total += part
    return softcap * total
"""


def test_fields_and_locals_that_are_set_once_are_knobs_too():
    edited = UPSTREAM.replace("n_layer: int = 12", "n_layer: int = 10").replace("softcap = 15", "softcap = 2*10.0")
    change = read_change(UPSTREAM, edited, "train.py")
    assert change.knobs == {"n_layer": Knob(old="12", new="10"), "softcap": Knob(old="15", new="20")}
    assert change.statements == 0


def test_a_counter_and_a_name_that_is_set_twice_are_no_knobs():
    counted = read_change(UPSTREAM, UPSTREAM.replace("total = 0.0", "total = 1.0"), "train.py")
    assert not counted.knobs and counted.statements == 1
    twice = UPSTREAM + "\ndef other():\n    softcap = 30\n"
    assert not read_change(twice, twice.replace("softcap = 15", "softcap = 20"), "train.py").knobs


def test_a_setting_that_is_new_or_gone_is_a_statement_not_a_knob():
    added = read_change(UPSTREAM, UPSTREAM.replace("softcap = 15", "softcap = 15\n    scale = 2"), "train.py")
    assert not added.knobs and added.statements == 1


TOML = """# what to try
depth = 8
[optimizer]
lr = 0.10
betas = [0.8, 0.95]
name = "adam"
[[layers]]
width = 64
"""


def test_every_value_of_toml_is_a_constant():
    assert constants(TOML, "lab/params.toml") == {
        "depth": "8", "optimizer.lr": "0.1", "optimizer.betas": "(0.8, 0.95)", "optimizer.name": "'adam'",
        "layers.0.width": "64",
    }  # fmt: skip
    found = change(TOML, TOML.replace("0.10", "0.2").replace("# what", "# who"), "params.toml")
    assert found.knobs == {"optimizer.lr": Knob(old="0.1", new="0.2")}
    assert (found.statements, describe(found)) == (0, "optimizer.lr 0.1 → 0.2")


def test_layout_of_toml_is_no_change():
    other = "depth=8 # as it was\n" + TOML.partition("depth = 8\n")[2].replace("0.10", "1e-1")
    assert fingerprint(TOML, other, "params.toml") is None


def test_json_is_read_like_toml():
    assert constants('{"a": {"b": 1.0, "c": [1, 2]}, "d": [{"x": null}]}', "a.json") == {
        "a.b": "1", "a.c": "(1, 2)", "d.0.x": "None",
    }  # fmt: skip
    assert fingerprint('{"a": 1, "b": 2}', '{"b": 2,\n"a": 1}', "a.json") is None
    assert fingerprint('{"a.b": 1, "a": {"b": 2}}', '{"a.b": 3, "a": {"b": 2}}', "a.json") is not None


def test_a_name_in_json_that_is_no_text_can_be_recorded():
    """JSON may have half a surrogate pair: nothing could be encoded that named it."""
    found = change('{"\\ud800": 1, "a": "\\udfff"}', '{"\\ud800": 2, "a": "\\udffe"}', "train.json")
    assert found.knobs["?"] == Knob(old="1", new="2")
    assert msgspec.json.encode(found)


def test_what_is_no_toml_or_json_is_compared_by_its_lines():
    for old, new, subject in [("a = \n", "a = 1\n", "a.toml"), ("{", "{}", "a.json"), ("[1]", "[2]", "a.json")]:
        found = change(old, new, subject)
        assert found.fingerprint and not found.knobs and not constants(old, subject)


def test_another_language_has_a_fingerprint_and_no_constants():
    old = "#define N 8\nint main(void) { return N; }\n"
    found = change(old, old.replace("8", "9"), "solve.c")
    assert found.fingerprint == fingerprint(old + "int x;\n", old.replace("8", "9") + "int x;\n", "solve.c")
    assert (found.knobs, found.statements, constants(old, "solve.c")) == ({}, 1, {})
    assert fingerprint(old, old.replace("    ", " ").replace("{ ", "{   "), "solve.c") is None


@given(st.text())
@settings(max_examples=50)
def test_no_text_of_data_is_too_strange(text):
    for subject in ("a.toml", "a.json"):
        read_change(TOML, text, subject)
