from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwsim.device import yaml_reader
from hwsim.device.yaml_reader import MAX_DEPTH, MAX_NODES, read, scalar
from hwsim.errors import ProfileError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e9", 1e9),
        ("1E-3", 1e-3),
        (".5", 0.5),
        ("5.", 5.0),
        ("-12", -12),
        ("+7", 7),
        ("007", 7),
        ("0x1F", 31),
        ("0o17", 15),
        ("on", "on"),
        ("yes", "yes"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("2020-01-01", "2020-01-01"),
        ("1.2.3", "1.2.3"),
        ("0x", "0x"),
        ("e5", "e5"),
    ],
)
def test_scalars_follow_the_core_schema(text: str, value: object) -> None:
    result = scalar(text)
    assert result == value
    assert type(result) is type(value)


def test_nan_and_infinity_are_read_as_such() -> None:
    assert scalar(".inf") == math.inf
    assert scalar("-.inf") == -math.inf
    assert math.isnan(float(str(scalar(".nan"))))


def test_quoted_scalars_are_text() -> None:
    assert read("a: '1e9'\nb: \"true\"", "f").value == {"a": "1e9", "b": "true"}


def test_lines_are_those_of_the_keys() -> None:
    document = read("a: 1\nb:\n  - x: 2\n    y: 3\n", "f")
    assert document.lines == {("a",): 1, ("b",): 2, ("b", 0): 3, ("b", 0, "x"): 3, ("b", 0, "y"): 4}


def test_byte_order_mark_and_windows_line_ends() -> None:
    document = read("\ufeffa: 1\r\nb: x\r\n", "f")
    assert document.value == {"a": 1, "b": "x"}
    assert document.lines["b",] == 2


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("a: 1\na: 2\n", "f:2: a: given twice (first on line 1)"),
        ("a: &x 1\nb: *x\n", "f:2: b: alias *x is not supported (write the value out, or use extends)"),
        ("a: {<<: {b: 1}}\n", "f:1: a.<<: merge keys are not supported (use extends)"),
        (
            "a: !!python/object/apply:os.system [ls]\n",
            "f:1: a: tag tag:yaml.org,2002:python/object/apply:os.system is not supported",
        ),
        ("a: 1\n---\nb: 2\n", "f:2: a second document (one profile a file)"),
        ("[a, b]: 1\n", "f:1: a key must be a plain word"),
        ("", "f: empty file"),
        ("# nothing\n", "f: empty file"),
        ("a: " + "9" * 50, "f:1: a: a number of 50 characters (at most 40)"),
    ],
)
def test_what_is_refused(text: str, finding: str) -> None:
    with pytest.raises(ProfileError) as caught:
        read(text, "f")
    assert caught.value.findings == (finding,)


def test_all_repeated_keys_are_reported_at_once() -> None:
    with pytest.raises(ProfileError) as caught:
        read("a: 1\na: 2\nb: {c: 1, c: 2}\n", "f")
    assert [finding.split(":")[1] for finding in caught.value.findings] == ["2", "3"]


@pytest.mark.parametrize("text", ["a: [1, 2", "a: b: c", "\ta: 1", "a: 'x", "a: \x00b", "a: @x", "%YAML 9.9.9\n"])
def test_broken_yaml_names_file_and_problem(text: str) -> None:
    with pytest.raises(ProfileError, match=r"^f(:\d+)?: not valid YAML: ."):
        read(text, "f")


@pytest.mark.parametrize(
    ("text", "line"), [("a: 1\nb: [1, 2\n", 3), ("a: 1\n\nb: c: d", 3), ("a: 1\n\tb: 1", 2), ("a: @x", 1)]
)
def test_broken_yaml_names_its_line(text: str, line: int) -> None:
    with pytest.raises(ProfileError, match=rf"^f:{line}: not valid YAML: "):
        read(text, "f")


def test_deep_nesting_is_refused_while_reading() -> None:
    with pytest.raises(ProfileError, match=f"nested more than {MAX_DEPTH} deep"):
        read("[" * 900, "f")
    with pytest.raises(ProfileError):
        read("[" * 100_000, "f")


def test_many_values_are_refused_while_reading() -> None:
    with pytest.raises(ProfileError, match="more than 50,000 values"):
        read("[" + "1," * (MAX_NODES + 1) + "]", "f")


def test_a_bomb_of_aliases_does_not_grow() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    with pytest.raises(ProfileError) as caught:
        read("\n".join(lines), "f")
    assert len(caught.value.findings) == 9 * 11


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_one_way(text: str) -> None:
    try:
        read(text, "f")
    except ProfileError as error:
        assert all(finding.startswith("f:") for finding in error.findings)


def _plain(text: str) -> bool:
    """PyYAML writes what YAML 1.1 takes for text without quotes; in YAML 1.2 some of it is a number (``0E0``)."""
    return isinstance(scalar(text), str)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(10**30), 10**30)
        | st.text(st.characters(codec="ascii", exclude_categories=("C",)), max_size=9).filter(_plain),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.text("abcxyz_", min_size=1, max_size=6).filter(lambda k: k != "<<"), inner, max_size=4)
        ),
        max_leaves=20,
    )
)
def test_what_pyyaml_writes_is_read_back(value: object) -> None:
    assert read(yaml.safe_dump({"v": value}), "f").value == {"v": value}


def test_a_profile_has_a_mebibyte_at_most() -> None:
    for more, refused in ((0, False), (1, True), (1000, True)):
        text = "a: 1\n#".ljust((1 << 20) + more, "x")
        if refused:
            with pytest.raises(
                ProfileError, match=r"p\.yaml: 1,04\d,\d{3} characters \(a profile has at most 1,048,576\)"
            ):
                read(text, "p.yaml")
        else:
            assert read(text, "p.yaml").value == {"a": 1}


def test_every_word_of_the_core_schema() -> None:
    words = {
        None: ("", "~", "null", "Null", "NULL"), True: ("true", "True", "TRUE"), False: ("false", "False", "FALSE"),
        math.inf: (".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), -math.inf: ("-.inf", "-.Inf", "-.INF"),
    }  # fmt: skip
    for value, texts in words.items():
        assert [scalar(text) for text in texts] == [value] * len(texts)
    assert all(math.isnan(scalar(text)) for text in (".nan", ".NaN", ".NAN"))  # type: ignore[arg-type]
    assert scalar("9" * 40) == int("9" * 40) and scalar("x" * 41) == "x" * 41
    for text in ("9" * 41, "0." + "1" * 39, "0x" + "f" * 39):
        with pytest.raises(ValueError, match=r"^a number of 41 characters \(at most 40\)$"):
            scalar(text)
    assert (scalar("0x10"), scalar("0o10"), scalar("-0x10"), scalar("1e"), scalar("0b1")) == (
        16,
        8,
        "-0x10",
        "1e",
        "0b1",
    )


def test_limits_of_a_document(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (yaml_reader.MAX_BYTES, MAX_DEPTH, MAX_NODES, yaml_reader.MAX_DIGITS) == (2**20, 24, 50_000, 40)
    monkeypatch.setattr(yaml_reader, "MAX_BYTES", 4)
    assert read("a: 1", "f").value == {"a": 1}
    with pytest.raises(ProfileError, match=r"^f: 5 characters \(a profile has at most 4\)$"):
        read("a: 12", "f")
    monkeypatch.setattr(yaml_reader, "MAX_BYTES", 1000)
    monkeypatch.setattr(yaml_reader, "MAX_NODES", 3)
    assert read("[1, 2]", "f").value == [1, 2]
    with pytest.raises(ProfileError, match=r"^f:2: more than 3 values$"):
        read("[1, 2,\n 3]", "f")
    monkeypatch.setattr(yaml_reader, "MAX_NODES", 1000)
    monkeypatch.setattr(yaml_reader, "MAX_DEPTH", 2)
    assert read("a: {b: 1}", "f").value == {"a": {"b": 1}}
    with pytest.raises(ProfileError, match=r"^f:1: nested more than 2 deep$"):
        read("a: {b: [1]}", "f")


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("a: 1\nb: 2\na: 3\n", ["f:3: a: given twice (first on line 1)"]),
        ("c: {a: 1, a: 2}\n", ["f:1: c.a: given twice (first on line 1)"]),
        ("a: &x 1\nb: *x\n", ["f:2: b: alias *x is not supported (write the value out, or use extends)"]),
        ("<<: {a: 1}\n", ["f:1: <<: merge keys are not supported (use extends)"]),
        ("a: !!str 1\nb: !x [1]\n", ["f:1: a: tag tag:yaml.org,2002:str is not supported", "f:2: b: tag !x is not supported"]),
        ("!x {a: 1}\n", ["f:1: tag !x is not supported"]),
        ("a:\n  - 1\n  - " + "9" * 41, ["f:3: a.1: a number of 41 characters (at most 40)"]),
        ("a: 1\n---\nb: 2\n", ["f:2: a second document (one profile a file)"]),
        ("a: *x\n---\n", ["f:1: a: alias *x is not supported (write the value", "f:2: a second document (one profile a file)"]),
        ("? [a]\n: 1\n", ["f:1: a key must be a plain word"]),
        ("", ["f: empty file"]), ("# nothing\n", ["f: empty file"]),
        ("a: 1\nb: [", ["f:3: not valid YAML: did not find expected node content"]),
        ("a: \x00", ["f: not valid YAML: unacceptable character #x0000"]),
    ],
)  # fmt: skip
def test_mistakes_of_a_document(text: str, findings: list[str]) -> None:
    with pytest.raises(ProfileError) as caught:
        read(text, "f")
    found = list(caught.value.findings)
    assert len(found) == len(findings)
    for one, other in zip(found, findings, strict=True):
        assert one.startswith(other[:60]), found


def test_the_last_of_what_is_given_twice_is_not_believed_and_empty_lists_are() -> None:
    found = read("\ufeffa: []\nb: {}\nc:\n'd': ''\n", "f")
    assert found.value == {"a": [], "b": {}, "c": None, "d": ""}
    assert found.lines == {("a",): 1, ("b",): 2, ("c",): 3, ("d",): 4}
    assert read("! 'x'", "f").value == "x" and read("|\n  12\n", "f").value == "12\n" and read("12", "f").value == 12
