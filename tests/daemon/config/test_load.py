"""From files to a Config, or to every mistake at once."""

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.config.load import chosen_files, example_file, load
from daemon.config.mistakes import ConfigError
from daemon.config.model import Config
from rules.alerts import Severity
from rules.kinds import KINDS

RULE = "{{id: {}, type: liquidation, at_least: $1m}}"


def write(tmp_path: Path, **files: str) -> list[Path]:
    paths = []
    for name, text in files.items():
        path = tmp_path / f"{name}.yaml"
        path.write_text(text)
        paths.append(path)
    return paths


def config_of(tmp_path: Path, **files: str) -> Config:
    return load(write(tmp_path, **files), environ={})


def mistakes_of(tmp_path: Path, **files: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config_of(tmp_path, **files)
    return str(caught.value).replace(f"{tmp_path}/", "").splitlines()


def test_an_empty_file_is_the_defaults(tmp_path: Path) -> None:
    config = config_of(tmp_path, a="")

    assert ({"console"}, (), None, "127.0.0.1", 8000) == (
        set(config.sinks),
        config.rules,
        config.sources,
        config.server.host,
        config.server.port,
    )
    assert (6 * 3_600_000, 120_000, True, Severity.INFO) == (
        config.sinks["console"].expire_ms,
        config.sinks["console"].late_after_ms,
        config.sinks["console"].edit,
        config.sinks["console"].min_severity,
    )
    assert (30 * 86_400_000, 60_000) == (config.storage.keep_ms, config.storage.sample_every_ms)
    assert config.storage.address.startswith("sqlite:///")


def test_sections_without_anything_in_them_are_no_sections(tmp_path: Path) -> None:
    """Somebody who comments out every rule leaves `rules:` behind."""
    config = config_of(tmp_path, a="rules:\nsinks:\nsources:\nstorage:\nserver:\nlabel:\n")

    assert ((), {"console"}, None) == (config.rules, set(config.sinks), config.sources)


def test_uncertain_messages_are_repeated_only_when_critical_unless_told(tmp_path: Path) -> None:
    config = config_of(tmp_path, a="sinks: {a: {url: 'json://x'}, b: {url: 'json://x', uncertain: {warning: repeat}}}")

    assert [False, False, True] == [config.sinks["a"].uncertain.repeats(severity) for severity in Severity]
    assert [False, True, True] == [config.sinks["b"].uncertain.repeats(severity) for severity in Severity]


def test_the_shipped_example_is_right() -> None:
    config = load([example_file()], environ={})

    public = {name for name, kind in KINDS.items() if kind.SPEC.ON is None or not kind.SPEC.ON.IS_PRIVATE}
    assert public == {rule.type for rule in config.rules}
    assert "# yaml-language-server: $schema=./rules.schema.json" == example_file().read_text().splitlines()[0]


def test_several_files_are_one_configuration(tmp_path: Path) -> None:
    config = config_of(
        tmp_path,
        operator="sinks:\n  desk: {url: 'json://a'}\nserver: {port: 0}\n",
        trader=f"sinks:\n  phone: {{url: 'json://b'}}\nrules:\n - {RULE.format('one')}\n",
        other=f"rules:\n - {RULE.format('two')}\nserver: {{host: localhost}}\n",
    )

    assert ["one", "two"] == [rule.id for rule in config.rules]
    assert ["desk", "phone"] == list(config.sinks)
    assert ("localhost", 0) == (config.server.host, config.server.port)


def test_what_is_said_twice_names_both_places(tmp_path: Path) -> None:
    expected = [
        "b.yaml:1:11: server.port: is already set in a.yaml:1:11; keep one of the two",
        "b.yaml:2:17: sinks.desk.url: is already set in a.yaml:2:17; keep one of the two",
        "b.yaml:3:1: label: is already set in a.yaml:3:1; keep one of the two",
    ]
    text = "server:  {port: 1}\nsinks: {desk:  {url: 'json://x'}}\nlabel: X\n"

    assert expected == mistakes_of(tmp_path, a=text, b=text)


def test_the_same_file_given_twice_is_read_once(tmp_path: Path) -> None:
    (path,) = write(tmp_path, a=f"rules:\n - {RULE.format('one')}\n")

    assert 1 == len(load([path, path], environ={}).rules)


def test_ids_are_unique_across_files(tmp_path: Path) -> None:
    expected = ["b.yaml:3:9: rules.1.id: the id 'one' is taken by a.yaml:2:10; give every rule an id of its own"]
    a = f"rules:\n  - {RULE.format('one')}\n"
    b = "rules:\n\n  - id: one\n    type: liquidation\n    at_least: $1m\n"

    assert expected == mistakes_of(tmp_path, a=a, b=b)


def test_anchors_may_be_kept_at_the_top_of_each_file(tmp_path: Path) -> None:
    """Keys that begin with x- mean nothing, and do not collide."""
    text = "x-majors: &majors [BTC, ETH]\nrules:\n - {{id: {}, type: liquidation, at_least: $1m, symbols: *majors}}\n"
    config = config_of(tmp_path, a=text.format("a"), b=text.format("b"))

    assert [("BTC", "ETH")] * 2 == [rule.symbols for rule in config.rules]  # type: ignore[attr-defined] # this kind has them


EVERYTHING_WRONG = """\
sinks:
  desk: {url: 5, min_sevrity: warning, expire: 5, uncertain: {critical: maybe}, edit: yes}
  phone: slack://A/B/C
  bad name: {url: json://x}
  none: {}
  far: {url: "json://x", api_url: "http://y"}
server: {host: 0.0.0.0, port: true}
storage: {url: "mysql://h/x", keep: 30, kep: 1d}
rlues: []
label: 5
rules:
  - id: a
    typ: funding
    above: 5bp
  - id: a
    type: fundin
  - id: b
    type: funding
    symbol: BTC
    above: 0.05
    for: 5
    severity: loud
    notify: [dsk, phone]
    venues: []
  - id: c
    type: depeg
    coins: USDT
    levels: {warnin: 5, critical: 500}
  - id: d
    type: expression
    on: open_intrest
    when: change(oi_usd) <
  - 5
"""


def test_every_mistake_is_listed_at_once_with_its_place(tmp_path: Path) -> None:
    assert [
        "a.yaml:2:15: sinks.desk.url: a number cannot stand here; write text",
        "a.yaml:2:18: sinks.desk.min_sevrity: is not known here; did you mean min_severity?",
        "a.yaml:2:48: sinks.desk.expire: '5' is not a duration; write 30s, 5m, 1h30m or 2d",
        "a.yaml:2:73: sinks.desk.uncertain.critical: 'maybe' is not one we know; known: drop, repeat",
        "a.yaml:2:87: sinks.desk.edit: 'yes' cannot stand here; write true or false",
        "a.yaml:3:10: sinks.phone: text cannot stand here; write a block: {url: ...}",
        "a.yaml:4:3: sinks.bad name: is not a name for a sink; use up to 64 letters, digits, _ . and -",
        "a.yaml:5:9: sinks.none.url: is missing; add url: ...",
        "a.yaml:6:35: sinks.far.api_url: api_url is for tgram:// and slack:// only; write the host into the url itself",
        "a.yaml:7:31: server.port: true cannot stand here; write a whole number",
        "a.yaml:8:16: storage.url: not a database we can use; write a path, sqlite:///path or postgresql://user@host/name",
        "a.yaml:8:37: storage.keep: '30' is not a duration; write 30s, 5m, 1h30m or 2d",
        "a.yaml:8:41: storage.kep: is not known here; did you mean keep?",
        "a.yaml:9:1: rlues: is not a section; did you mean rules?",
        'a.yaml:10:8: label: 5 cannot stand here; put it in quotes: "5"',
        'a.yaml:12:5: rules.0.symbols: is missing; add symbols: [BTC, ETH], or "*" for all',
        "a.yaml:12:5: rules.0.type: is missing; write type: funding in place of `typ`",
        "a.yaml:15:5: rules.1: give either one limit or levels; above: 0.05%, or levels: {warning: ..., critical: ...}",
        'a.yaml:15:5: rules.1.symbols: is missing; add symbols: [BTC, ETH], or "*" for all',
        "a.yaml:15:9: rules.1.id: the id 'a' is taken by a.yaml:12:9; give every rule an id of its own",
        "a.yaml:16:11: rules.1.type: 'fundin' is not one we know; did you mean funding?",
        'a.yaml:17:5: rules.2.symbols: is missing; add symbols: [BTC, ETH], or "*" for all',
        "a.yaml:19:5: rules.2.symbol: is not known here; did you mean symbols?",
        "a.yaml:20:12: rules.2.above: 0.05 could mean 0.05% or 5%; write the sign: 0.05%",
        "a.yaml:21:10: rules.2.for: '5' is not a duration; write 30s, 5m, 1h30m or 2d",
        "a.yaml:22:15: rules.2.severity: 'loud' is not one we know; known: critical, info, warning",
        "a.yaml:23:14: rules.2.notify.0: there is no sink 'dsk'; did you mean desk?",
        "a.yaml:24:13: rules.2.venues: an empty list cannot stand here; name at least one",
        "a.yaml:28:14: rules.3.levels.warnin: 'warnin' is not one we know; did you mean warning?",
        "a.yaml:31:9: rules.4.on: 'open_intrest' is not one we know; did you mean open_interest?",
        "a.yaml:33:5: rules.5: 5 is not a rule; write `- id: name`, and below it `type:` and the rest",
    ] == mistakes_of(tmp_path, a=EVERYTHING_WRONG)


def test_a_file_that_is_not_there_is_a_mistake_like_any_other(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load([tmp_path / "none.yaml", tmp_path], environ={})

    assert [("none.yaml", "there is no such file"), (tmp_path.name, "this is a directory")] == sorted(
        (Path(mistake.file).name, mistake.what) for mistake in caught.value.mistakes
    )


@pytest.mark.parametrize("text", ["5", "- a", "hello"])
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, text: str) -> None:
    (found,) = mistakes_of(tmp_path, a=text)

    assert found.startswith("a.yaml:1:1: this is not a configuration; begin with a section")


@pytest.mark.parametrize("section", ["rules", "sinks", "sources", "storage", "server"])
@pytest.mark.parametrize("value", ["5", "hello", "true", ".nan"])
def test_a_section_of_the_wrong_shape_is_one_mistake(tmp_path: Path, section: str, value: str) -> None:
    (found,) = mistakes_of(tmp_path, a=f"{section}: {value}")

    assert found.startswith(f"a.yaml:1:{len(section) + 3}: {section}: ")


def test_a_missing_sinks_section_leaves_only_the_console_to_notify(tmp_path: Path) -> None:
    rule = "rules:\n - {id: a, type: liquidation, at_least: $1m, notify: [console, desk]}\n"
    expected = ["a.yaml:2:64: rules.0.notify.1: there is no sink 'desk'; add it under `sinks:`, or remove `notify`"]

    assert expected == mistakes_of(tmp_path, a=rule)


def test_listening_to_other_machines_is_guarded(tmp_path: Path) -> None:
    """On this machine nobody needs a key; from elsewhere everybody does."""
    for host, is_guarded in (
        ("::1", False),
        ("127.9.9.9", False),
        ("localhost", False),
        ("0.0.0.0", True),
        ("::", True),
    ):
        assert is_guarded is config_of(tmp_path, a=f"server: {{host: '{host}'}}").server.is_guarded


def test_ten_thousand_rules_load_in_a_few_seconds(tmp_path: Path) -> None:
    rules = "\n".join(
        f"  - id: r{n}\n    type: funding\n    symbols: [BTC, C{n}]\n    above: 0.05%\n    for: 5m\n    notify: [desk]"
        for n in range(10_000)
    )
    before = time.process_time()
    config = config_of(tmp_path, a=f"sinks: {{desk: {{url: 'json://x'}}}}\nrules:\n{rules}\n")

    assert 10_000 == len(config.rules)
    assert time.process_time() - before < 10


def test_ten_thousand_wrong_rules_are_all_listed(tmp_path: Path) -> None:
    rules = "\n".join(f"  - {{id: r{n}, type: funding, symbols: BTC, abvoe: 5bp, above: lots}}" for n in range(10_000))

    assert 20_000 == len(mistakes_of(tmp_path, a=f"rules:\n{rules}\n"))


def test_without_files_the_variable_names_them_and_without_it_the_example_is_read() -> None:
    assert [Path("a"), Path("b")] == chosen_files([], {"TOCSIN_CONFIG": "a:b"})
    assert [Path("c")] == chosen_files([Path("c")], {"TOCSIN_CONFIG": "a:b"})
    assert [example_file()] == chosen_files([], {})
    assert example_file().is_file()


words = st.sampled_from(
    [
        "rules",
        "sinks",
        "sources",
        "server",
        "storage",
        "label",
        "url",
        "id",
        "type",
        "funding",
        "expression",
        "on",
        "when",
    ]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | words
shapes = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words | st.text(max_size=4), inner, max_size=4)
)


@given(value=st.dictionaries(words, shapes, max_size=4))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_any_structure_is_a_config_or_a_config_error(tmp_path: Path, value: dict[str, object]) -> None:
    """JSON is YAML, so any JSON value is a file that somebody could write."""
    import json

    try:
        config_of(tmp_path, a=json.dumps(value))
    except ConfigError as exc:
        assert exc.mistakes


@given(text=st.text())
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_any_text_is_a_config_or_a_config_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load([path], environ={})
    except ConfigError as exc:
        assert exc.mistakes


def test_a_name_with_a_blank_is_told_what_a_name_is(tmp_path: Path) -> None:
    assert ["a.yaml:1:14: rules.0.id: 'hot one' is not a name; use up to 64 letters, digits, _ . and -, no blanks"] == (
        mistakes_of(tmp_path, a="rules: [{id: hot one, type: fear_greed, below: 20}]\n")
    )


def test_several_names_in_one_text_are_answered_with_a_list(tmp_path: Path) -> None:
    """Of sinks in a rule and in a route, and of severities; and a limit says of what it is."""
    text = """sinks: {desk: {url: "console://", silent: "info, warning"}, phone: {url: "console://"}}
routes: [{to: phone + desk}]
alive: {time: "09:00", sink: desk}
rules:
  - {id: a, type: depeg, coins: USDT, levels: {warning: 0.5%}, notify: desk; phone}
"""

    assert [
        "a.yaml:1:43: sinks.desk.silent: 'info, warning' is not one we know; write a list: [info, warning]",
        "a.yaml:2:15: routes.0.to: there is no sink 'phone + desk'; write a list: [phone, desk]",
        "a.yaml:3:9: alive.time: is not known here; did you mean at?",
        "a.yaml:3:24: alive.sink: is not known here; did you mean to?",
        "a.yaml:5:57: rules.0.levels.warning: '0.5%' cannot stand here; "
        "write a number: of the severity score, 0 to 100",
        "a.yaml:5:72: rules.0.notify: there is no sink 'desk; phone'; write a list: [desk, phone]",
    ] == mistakes_of(tmp_path, a=text)
