"""YAML 1.2, strictly, with a place for everything."""

from math import inf, isnan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.config.yaml import MAX_BYTES, read

FILE = "rules.yaml"


def value_of(text: str) -> object:
    value, _, mistakes = read(text.encode(), FILE)

    assert [] == mistakes
    return value


def mistakes_of(text: str | bytes) -> list[str]:
    return [str(mistake) for mistake in read(text.encode() if isinstance(text, str) else text, FILE)[2]]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("NO", "NO"),
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("y", "y"),
        ("22:30", "22:30"),
        ("1:02:03", "1:02:03"),
        ("2026-11-20", "2026-11-20"),
        ("1_000", "1_000"),
        ("5e-4", 5e-4),
        ("5.e3", 5000.0),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("0o17", 15),
        ("017", 17),
        ("0x1F", 31),
        ("-0x1F", "-0x1F"),
        ("0b11", "0b11"),
        ("+12", 12),
        ("-7", -7),
        ("0.05%", "0.05%"),
        ("$1.5m", "$1.5m"),
        ("5m", "5m"),
        ("true", True),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("~", None),
        ("null", None),
        ("", None),
        (".inf", inf),
        ("-.INF", -inf),
        ("'5'", "5"),
        ('"no"', "no"),
        ("'null'", "null"),
        ("=", "="),
        (".", "."),
        ("-", [None]),
        ("9223372036854775807", 2**63 - 1),
    ],
)
def test_a_plain_value_means_what_the_core_schema_says(written: str, meant: object) -> None:
    """YAML 1.1 reads NO as false, 22:30 as 1350 and 5e-4 as text; a rule would silently mean something else."""
    value = value_of(written)

    assert (meant, type(meant)) == (value, type(value))


def test_not_a_number_is_a_number() -> None:
    value = value_of(".nan")

    assert isinstance(value, float)
    assert isnan(value)


@pytest.mark.parametrize("key", ["on", "no", "null", "1", "5e-4", "22:30", "true", "=", "~"])
def test_a_key_is_its_text(key: str) -> None:
    """`on: liquidation` is the most natural key of all, and YAML 1.1 makes it True."""
    assert {key: "x"} == value_of(f"{key}: x")


def test_a_key_that_is_there_twice_is_refused_and_the_rest_still_read() -> None:
    value, _, mistakes = read(b"a: 1\nb: 2\n'a': 3\nc: 4\n", FILE)

    assert {"a": 1, "b": 2, "c": 4} == value
    assert ["rules.yaml:3:1: a: 'a' is here twice, first on line 1; keep one of them"] == [str(it) for it in mistakes]


def test_everything_knows_its_place() -> None:
    text = "rules:\n  - id: x\n    levels: {warning: 1,\n      critical: 2}\n"
    _, place, _ = read(text.encode(), FILE)
    where, trail = place.find(("rules", 0, "levels", "critical"))

    assert ("rules", 0, "levels", "critical") == trail
    assert (4, 17) == (where.line, where.column)
    assert (4, 7) == (where.key_line, where.key_column)


def test_columns_count_characters_not_bytes() -> None:
    _, place, _ = read("é: {ü: 1}".encode(), FILE)

    assert 8 == place.find(("é", "ü"))[0].column


def test_aliases_repeat_a_value_and_point_at_themselves() -> None:
    value, place, mistakes = read(b"x: &majors [BTC, ETH]\na: *majors\nb: *majors\n", FILE)

    assert ([], ["BTC", "ETH"], ["BTC", "ETH"]) == (mistakes, value["a"], value["b"])
    assert (2, 4) == (place.find(("a",))[0].line, place.find(("a",))[0].column)
    assert (1, 18) == (place.find(("a", 1))[0].line, place.find(("a", 1))[0].column)


def test_a_billion_laughs_are_refused_at_once() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    found = mistakes_of("\n".join(lines))

    assert 1 == len(found)
    assert "aliases repeat more than 1,000,000 values" in found[0]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("a: *b", "1:4: a: no &b comes before this alias; put &b in front of a value further up"),
        ("a: &b [*b]", "1:8: a.0: *b contains itself; put &b in front of a value further up"),
        ("*a : b", "1:1: the alias *a stands where a key should; write the key out"),
        ("a: !!str 5", "1:4: a: the tag tag:yaml.org,2002:str is not read here; remove it; quotes make a text of a number"),
        ("a: !python/x 5", "1:4: a: the tag !python/x is not read here; remove it; quotes make a text of a number"),
        ("<<: {a: 1}", "1:1: <<: merge keys (<<) are not read here; write the keys out; a whole value can be an alias"),
        ("[a]: b", "1:1: a list or block cannot be a key; a key is a name; put a text with braces in quotes"),
        ("a: 1\n---\nb: 2", "2:1: a second YAML document begins here; one document a file; give -c several times"),
        ("%YAML 1.1\n---\na: 1", "1:1: files are read as YAML 1.2; remove the %YAML line"),
        ("a: 9223372036854775808", "1:4: a: this number is longer than 64 bits; quote it if it is a name, else write 1.5e30"),
        ("a: b: c", "1:5: cannot be read as YAML (mapping values are not allowed in this context); "
                    "leave a space behind each colon, indent all keys of one block alike, and quote a text with ': ' in it"),
        ("- a: 1\n\tb: 2", "2:1: cannot be read as YAML (while scanning a plain scalar, found a tab character that "
                          "violates indentation); a tab stands here; indent with spaces"),
        ("a: *", "1:5: cannot be read as YAML (while scanning an alias, did not find expected alphabetic or numeric "
                 "character); put * in quotes"),
        ("a:\n\t- b", "2:1: cannot be read as YAML (while scanning for the next token, found character that cannot start "
                      "any token); a tab stands here; indent with spaces"),
        ("a: 'x", "1:4: cannot be read as YAML (while scanning a quoted scalar, found unexpected end of stream); "
                  "close the quotes"),
        ("a: \x07", "1:4: the character U+0007 cannot stand in YAML; remove it"),
        ("a: 1\nb: \x00", "2:4: the character U+0000 cannot stand in YAML; remove it"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_said_with_its_place(text: str, mistake: str) -> None:
    assert [f"rules.yaml:{mistake}"] == mistakes_of(text)


def test_bytes_that_are_not_utf8_are_said_with_their_place() -> None:
    assert ["rules.yaml:2:4: these bytes are not UTF-8; save the file as UTF-8"] == mistakes_of(b"a: 1\nb: \xff\xfe")


def test_a_byte_order_mark_is_no_key() -> None:
    assert {"a": 1} == value_of("\ufeffa: 1")


def test_a_file_over_16_mb_is_refused() -> None:
    expected = ["rules.yaml:1:1: the file is larger than 16 MB; split it, and give -c twice"]

    assert expected == mistakes_of(b"#" * (MAX_BYTES + 1))


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_a_file_of_brackets_is_refused_without_recursion(opening: str) -> None:
    found = mistakes_of(opening * 100_000)

    assert 1 == len(found)
    assert "nested deeper than 32 levels" in found[0]


def test_a_file_of_nothing_but_mistakes_ends() -> None:
    """A thousand are enough for anybody."""
    assert 1_000 == len(mistakes_of("\n".join("a: 1" for _ in range(5_000))))


@given(st.text())
@settings(deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    _, _, mistakes = read(text.encode("utf-8", "surrogatepass"), FILE)

    assert all(mistake.what and mistake.line >= 1 and mistake.column >= 1 for mistake in mistakes)


@given(st.binary())
@settings(deadline=None)
def test_any_bytes_are_read_or_refused(source: bytes) -> None:
    read(source, FILE)


@given(st.text(alphabet="ab:-[]{},*&!<>#'\"|%\n \t0.", max_size=60))
@settings(deadline=None, max_examples=200)
def test_text_that_looks_like_yaml_is_read_or_refused(text: str) -> None:
    read(text.encode(), FILE)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "{when: change(price, 15m) <= -5%, severity: info}",
            "rules.yaml:1:8: when: between { and } a comma ends the text, here behind 'change(price'; "
            'put it in quotes: "change(price, 15m) <= -5%"',
        ),
        (
            "{when: count(side == 'long', 1m) > 5 and sum(notional_usd, 1m) > 9}",
            "rules.yaml:1:8: when: between { and } a comma ends the text, here behind 'count(side == 'long''; "
            "put it in quotes: \"count(side == 'long', 1m) > 5 and sum(notional_usd, 1m) > 9\"",
        ),
        (
            "- {id: a, when: side in ['long', 'short'], severity: info}",
            "rules.yaml:1:17: cannot be read as YAML (while parsing a flow mapping, did not find expected ',' or '}'); "
            "put the text behind `when:` in quotes, or a comma in front of the next key",
        ),
        (
            "- {id: a, message: {symbol} fell: {change}}",
            "rules.yaml:1:20: cannot be read as YAML (while parsing a flow mapping, did not find expected ',' or '}'); "
            "put the text behind `message:` in quotes, or a comma in front of the next key",
        ),
    ],
)
def test_a_text_without_its_quotes_between_braces_is_one_mistake_where_it_stands(written: str, said: str) -> None:
    assert [said] == mistakes_of(written)


def test_what_a_comma_has_cut_is_read_as_it_was_meant() -> None:
    """So that nothing else is said about the two halves."""
    value, place, _ = read(b"{when: f(g(a, b), 5m) > 1, clear: 'avg(x', sum: a (b}", FILE)

    assert {"when": "f(g(a, b), 5m) > 1", "clear": "avg(x", "sum": "a (b"} == value
    assert ["when", "clear", "sum"] == list(place.children or {})
