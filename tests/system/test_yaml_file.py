"""What is read from YAML, and what is refused. tests/faults has the files that are made to grow."""

import pytest

from system.errors import ConfigError
from system.yaml_file import MAX_BYTES, MAX_DEPTH, MAX_VALUES, YamlError, parse_yaml, read_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[yes, On, TRUE, no, off, False]", [True] * 3 + [False] * 3),
        ("[~, null, Null]", [None] * 3),
        ("{a: , 1: b}", {"a": None, 1: "b"}),
        ("[0, -7, +7, 0x1F]", [0, -7, 7, 31]),
        ("[1e-3, 5E2, .5, 1., -2.5e+1]", [0.001, 500.0, 0.5, 1.0, -25.0]),
        ("[.inf, -.INF]", [float("inf"), -float("inf")]),
        # Numbers and dates of YAML 1.1, which are text in YAML 1.2.
        ("[017, 0o17, 1_000, 1:20, 2020-01-01, 1e, 0b1]", ["017", "0o17", "1_000", "1:20", "2020-01-01", "1e", "0b1"]),
        ("<<: {a: 1}", {"<<": {"a": 1}}),
        ('"\\u00e9\\n"', "é\n"),
        ("", None),
    ],
)
def test_the_values_of_yaml_1_2(text, value):
    found = parse_yaml(text, "here")
    assert found == value
    assert repr(found) == repr(value)  # True is equal to 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", "here, line 3: the key 'a' is given twice"),
        ("1: a\n0x1: b\n", "here, line 2: the key '0x1' is given twice"),
        ("~: a\nnull: b\n", "here, line 2: the key 'null' is given twice"),
        ("? [a]\n: 1\n", "here, line 1: a key must be text or a number"),
        ("a: &x 1\nb: *x\n", "here, line 2: aliases are not allowed"),
        ("a:\n  !!set {x}\n", "here, line 2: the tag 'tag:yaml.org,2002:set' is not allowed"),
        ('a: "\\ud800"\n', "here, line 1: half a character"),
        ('a: "\\U00110000"\n', "here: chr() arg not in range"),
        ("a: \x00", "here: unacceptable character"),
        ("a: [1", "here, line 1: expected ',' or ']'"),
        ("a: 1\n--- \nb: 2\n", "here, line 2: but found another document"),
        ("[" * (MAX_DEPTH + 1), f"here, line 1: there are more than {MAX_DEPTH} lists"),
        ("[" + "1," * MAX_VALUES + "]", f"here, line 1: there are more than {MAX_VALUES} values"),
        ("#" * (MAX_BYTES + 1), f"here: more than {MAX_BYTES} bytes"),
    ],
)
def test_everything_else_is_refused_with_its_line(text, problem):
    with pytest.raises(ConfigError) as refused:
        parse_yaml(text, "here")
    assert str(refused.value).startswith(problem)


def test_the_limits_themselves_are_allowed():
    assert parse_yaml("[" * MAX_DEPTH + "]" * MAX_DEPTH, "here")
    assert len(parse_yaml("[" + "1," * (MAX_VALUES - 1) + "]", "here")) == MAX_VALUES - 1
    assert parse_yaml("#" * MAX_BYTES, "here") is None


def test_a_file_is_read_as_utf_8_with_or_without_its_mark(tmp_path):
    path = tmp_path / "x.yaml"
    for encoding in ("utf-8", "utf-8-sig"):
        path.write_text("a: é\n", encoding=encoding)
        assert read_yaml(path) == {"a": "é"}
    path.write_text("a: é\n", encoding="latin-1")
    with pytest.raises(YamlError, match=r"x\.yaml: not a UTF-8 text file"):
        read_yaml(path)
    path.write_bytes("é".encode() * MAX_BYTES)  # cut in the middle of a character, which is not what is told
    with pytest.raises(YamlError, match=f"more than {MAX_BYTES} bytes"):
        read_yaml(path)
