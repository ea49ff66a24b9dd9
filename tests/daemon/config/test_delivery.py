"""Who is told what and when, as it is written in files: what is read, and what is refused."""

from datetime import time
from pathlib import Path

import pytest

from daemon.config.delivery import cap_of
from daemon.config.difference import difference
from daemon.config.policy import policy_of
from rules.alerts import Severity
from rules.delivery import Cap, Grouping
from rules.delivery.hours import Quiet
from tests.daemon.config.test_load import config_of, mistakes_of

FILE = """
sinks:
  desk: {url: "console://"}
  phone:
    url: "json://x"
    quiet: {from: 23:00, to: "7:00", tz: Europe/Berlin, except: nothing, not_on: [Saturday, 2026-12-24]}
    cap: 20 per hour
    silent: []
    group: {wait: 1s, critical: 100ms, at_least: 3, by: [venue]}
routes: [{severity: critical, symbols: BTC, to: [desk, phone]}, {to: desk}]
inhibit: [{when: cascade, mutes: {kind: liquidation, labels: {team: a}}, same: symbol}]
alive: {at: "09:00"}
rules: [{id: cascade, type: liquidation, window: 1m, total: $25m, by: symbol, repeat: off, labels: {team: b}}]
"""


def test_all_of_it_becomes_one_policy(tmp_path: Path) -> None:
    config = config_of(tmp_path, a=FILE)
    policy = policy_of(config, {rule.id: rule.compile() for rule in config.rules}, {"desk": True, "phone": True})
    phone = policy.sinks["phone"]
    night = Quiet(
        starts=time(23), ends=time(7), zone="Europe/Berlin", loudest=None, not_on=frozenset({"sat", "2026-12-24"})
    )

    assert (night, Cap(20, 3_600_000), frozenset(), True) == (phone.quiet, phone.cap, phone.silent, phone.can_edit)
    assert Grouping(wait_ms=1_000, critical_ms=100, at_least=3, by=("venue",)) == phone.group
    assert [("desk", "phone"), ("desk",)] == [route.to for route in policy.routes]
    assert ((Severity.CRITICAL,), ("BTC",)) == (policy.routes[0].when.severities, policy.routes[0].when.symbols)
    assert (("cascade",), ("liquidation",), ("symbol",)) == (
        policy.inhibitions[0].when.rules,
        policy.inhibitions[0].mutes.kinds,
        policy.inhibitions[0].same,
    )
    assert ({"team": "b"}, 0) == (policy.labels("cascade"), policy.rules["cascade"].repeat_ms)


def test_without_a_word_messages_are_grouped_and_nothing_else(tmp_path: Path) -> None:
    policy = policy_of(config_of(tmp_path, a=""), {}, {})
    console = policy.sinks["console"]

    assert (None, None, Grouping(), frozenset({Severity.INFO})) == (
        console.quiet,
        console.cap,
        console.group,
        console.silent,
    )


@pytest.mark.parametrize(
    ("text", "cap"),
    [("20 per hour", Cap(20, 3_600_000)), ("5 per 10m", Cap(5, 600_000)), ("1 per minutes", Cap(1, 60_000))],
)
def test_a_cap_is_written_as_one_says_it(text: str, cap: Cap) -> None:
    assert cap == cap_of(text)


def test_every_mistake_has_its_place(tmp_path: Path) -> None:
    """And says what would be right."""
    text = """sinks:
  desk: {url: "console://", quiet: {from: 25:00, to: "07:00", tz: Europe/Berln, except: loud, not_on: [sut]}, cap: "20"}
  same: {url: "console://", quiet: {from: "07:00", to: "07:00", tz: UTC}, group: {at_least: 1}}
routes: [{severity: critical, to: dsk}, {kind: liqidation, symbol: BTC, to: desk}]
inhibit: [{when: casade, mutes: {rule: gone}, same: symbl}, {when: {}}]
alive: {tz: UTC, to: nobody}
rules: [{id: cascade, type: liquidation, window: 1m, total: $25m, labels: [desk], repeat: never}]
"""

    assert [
        "a.yaml:2:43: sinks.desk.quiet.from: '25:00' is not a time of day; write 23:00",
        "a.yaml:2:67: sinks.desk.quiet.tz: there is no time zone 'Europe/Berln'; did you mean Europe/Berlin?",
        "a.yaml:2:89: sinks.desk.quiet.except: 'loud' is not one we know; known: critical, info, warning, nothing",
        "a.yaml:2:104: sinks.desk.quiet.not_on.0: 'sut' is not a day; write sat, 2026-12-24, or several: [sat, sun]",
        "a.yaml:2:116: sinks.desk.cap: '20' is not a cap; write 20 per hour, or 5 per 10m",
        "a.yaml:3:56: sinks.same.quiet.to: quiet hours end when they begin; write another time, or min_severity for all day",
        "a.yaml:3:93: sinks.same.group.at_least: 1 is out of range; write at least 2",
        "a.yaml:4:35: routes.0.to: there is no sink 'dsk'; did you mean desk?",
        "a.yaml:4:48: routes.1.kind: there is no kind of rule 'liqidation'; did you mean liquidation?",
        "a.yaml:4:60: routes.1.symbol: is not known here; did you mean symbols?",
        "a.yaml:5:18: inhibit.0.when: there is no rule 'casade'; did you mean cascade?",
        "a.yaml:5:40: inhibit.0.mutes.rule: there is no rule 'gone'; known: cascade",
        "a.yaml:5:53: inhibit.0.same: 'symbl' is not one we know; did you mean symbol?",
        "a.yaml:5:61: inhibit.1.mutes: is missing; add mutes: ...",
        'a.yaml:6:8: alive: nobody would hear of it; write at: "09:00" for a line a day, or ping: https://...',
        "a.yaml:6:22: alive.to: there is no sink 'nobody'; known: desk, same",
        "a.yaml:7:75: rules.0.labels: a list cannot stand here; write {team: desk}",
        "a.yaml:7:91: rules.0.repeat: never is not how often; write off, or 1h",
    ] == mistakes_of(tmp_path, a=text)[:18]


def test_an_inhibition_by_what_is_never_firing_is_refused(tmp_path: Path) -> None:
    """Each way to mean such rules; one that lasts among them, or one that the file does not have, is enough."""
    text = """inhibit:
  - {when: whale, mutes: sum}
  - {when: {rule: [whale, fill]}, mutes: sum}
  - {when: {kind: liquidation, labels: {size: big}}, mutes: sum}
  - {when: {labels: {size: big}, severity: critical}, mutes: sum}
  - {when: {kind: liquidation}, mutes: {kind: funding}}
  - {when: {rule: [whale, sum]}, mutes: whale}
  - {when: {kind: depeg}, mutes: whale}
rules:
  - {id: whale, type: liquidation, at_least: $1m, labels: {size: big}}
  - {id: fill, type: order, notify: []}
  - {id: sum, type: liquidation, window: 1m, total: $25m}
"""
    right = "; name a rule that goes on firing, such as a sum over a window (window: 1m, total: $25m)"
    whale = "mutes nothing, because 'whale' is said once and never firing"

    assert [
        f"a.yaml:2:12: inhibit.0.when: {whale}{right}",
        f"a.yaml:3:19: inhibit.1.when.rule: mutes nothing, because 'whale', 'fill' are said once and never firing{right}",
        f"a.yaml:4:19: inhibit.2.when.kind: {whale}{right}",
        f"a.yaml:5:12: inhibit.3.when: {whale}{right}",
    ] == mistakes_of(tmp_path, a=text)


def test_the_watchers_address_is_a_secret(tmp_path: Path) -> None:
    """Also where it is wrong."""
    (wrong,) = mistakes_of(tmp_path, a="alive: {ping: 'ftp://s3cret.example'}")[:1]

    assert "a.yaml:1:15: alive.ping: not an address that can be asked; write https://watcher.example/ping/..." == wrong
    assert "s3cret" not in repr(config_of(tmp_path, a="alive: {ping: 'https://s3cret.example'}").alive)


def test_a_reload_says_that_routes_have_changed(tmp_path: Path) -> None:
    """They are used at once."""
    old, new = config_of(tmp_path, a=FILE), config_of(tmp_path, b=FILE.replace("{to: desk}", "{to: phone}"))

    assert "~ routes changed" == str(difference(old, new))
