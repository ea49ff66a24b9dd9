"""Files that are right and probably not meant: said beside the file, and never in its way."""

from pathlib import Path

import pytest

from tests.daemon.config.test_load import config_of, mistakes_of

RULES = """rules:
  - {id: hot, type: funding, symbols: [BTC], above: 0.05%, labels: {team: desk}}
  - {id: sum, type: liquidation, window: 1m, total: $5m, by: symbol}
  - {id: whale, type: liquidation, at_least: $5m, severity: info}
  - {id: feed, type: feed_health}
  - {id: off, type: depeg, coins: USDC, levels: {warning: 20, critical: 50}}
"""
TWO = "sinks: {desk: {url: 'console://'}, phone: {url: 'console://'}}\n"


def doubts_of(folder: Path, text: str) -> list[str]:
    """What is said of the lines before the rules, without the file's name."""
    config = config_of(folder, a=text + RULES)
    return [str(mistake).removeprefix(f"{folder / 'a.yaml'}:") for mistake in config.doubts]


def refused(folder: Path, text: str) -> list[str]:
    return [line.removeprefix("a.yaml:") for line in mistakes_of(folder, a=text + RULES)]


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            "{when: hot, mutes: sum, same: side}",
            "1:41: inhibit.0.same: mutes nothing, because alerts of 'hot' have no side; they can agree in symbol, venue",
        ),
        (
            "{when: off, mutes: hot, same: symbol}",
            "1:41: inhibit.0.same: mutes nothing, because alerts of 'off' and 'hot' are never about the same symbol; "
            "they can agree in venue",
        ),
        (
            "{when: feed, mutes: {kind: funding}, same: [venue, feed]}",
            "1:62: inhibit.0.same.1: mutes nothing, because alerts of 'hot' have no feed; they can agree in venue",
        ),
        (
            "{when: {}, mutes: {}}",
            "1:11: inhibit.0: whatever fires first would keep everything else quiet; say what is meant: "
            "{when: cascade, mutes: {kind: liquidation}, same: symbol}",
        ),
        (
            "{when: sum, mutes: {symbols: []}}",
            "1:40: inhibit.0.mutes.symbols: an empty list cannot stand here; name at least one",
        ),
        (
            "{when: sum, mutes: {symbols: ETHUSDT}}",
            "1:40: inhibit.0.mutes.symbols: 'ETHUSDT' is not how it is spelled here; write ETH, or ETH-USDT-PERP",
        ),
        (
            "{when: [sum, sam], mutes: hot}",
            "1:24: inhibit.0.when.1: there is no rule 'sam'; did you mean sum?",
        ),
    ],
)
def test_an_inhibition_that_can_never_do_what_it_says_is_refused(tmp_path: Path, one: str, said: str) -> None:
    assert [said] == refused(tmp_path, f"inhibit: [{one}]\n")


def test_what_only_the_rules_of_today_make_idle_is_doubted(tmp_path: Path) -> None:
    """Rules on BTC and on ETH cannot agree in the symbol; an instrument and its coin can, and rules come and go."""
    rules = "rules: [{id: a, type: funding, symbols: BTC, above: 1%%}, {id: b, type: basis, symbols: %s, above: 1%%}]\n"
    text = "inhibit: [{when: a, mutes: b, same: symbol}]\n" + rules
    (apart,) = config_of(tmp_path, a=text % "ETH").doubts
    by_severity = doubts_of(tmp_path, "inhibit: [{when: sum, mutes: {severity: critical}, same: side}]\n")

    assert "alerts of 'a' and 'b' are never about the same symbol; they can agree in venue" in str(apart)
    assert () == config_of(tmp_path, a=text % "BTC-USDC-PERP").doubts
    assert any("mutes nothing, because alerts of 'off' have no side" in said for said in by_severity)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            "{when: {kind: basis}, mutes: hot}",
            "1:25: inhibit.0.when.kind: mutes nothing, because no rule here is of the kind basis; "
            "there are depeg, feed_health, funding, liquidation",
        ),
        (
            "{when: sum, mutes: {symbols: DOGE, kind: funding}}",
            "1:30: inhibit.0.mutes: mutes nothing, because no rule here is all of this at once; leave a condition out",
        ),
        (
            "{when: {severity: critical, kind: liquidation}, mutes: hot}",
            "1:18: inhibit.0.when: mutes nothing, because no rule here is all of this at once; leave a condition out",
        ),
        (
            "{when: sum, mutes: {labels: {team: dsk}}}",
            "1:39: inhibit.0.mutes.labels: mutes nothing, because no rule here has the label team: dsk; "
            "did you mean team: desk?",
        ),
        (
            "{when: sum, mutes: [whale, off], same: symbol}",
            "1:30: inhibit.0.mutes: 'off' is never muted, because its alerts are about something else; "
            "give it an inhibition of its own",
        ),
        (
            "{when: {kind: liquidation}, mutes: {kind: liquidation}}",
            "1:46: inhibit.0.mutes: alerts of 'sum' keep each other quiet: only the first to fire is told; "
            "narrow `mutes`, for instance {severity: [info, warning]}, or add same: symbol",
        ),
        (
            "{when: sum, mutes: whale, same: side}",
            "1:43: inhibit.0.same: the side of 'sum' is that of whatever came last, because it mixes several; "
            "add side to what it tracks, by: [symbol, side], or leave side out",
        ),
    ],
)
def test_an_inhibition_that_may_do_what_nobody_meant_is_doubted(tmp_path: Path, one: str, said: str) -> None:
    assert [said] == doubts_of(tmp_path, f"inhibit: [{one}]\n")


@pytest.mark.parametrize(
    "one",
    [
        "{when: sum, mutes: whale, same: symbol}",
        "{when: feed, mutes: {kind: funding}, same: venue}",
        "{when: hot, mutes: hot, same: symbol}",
        "{when: [sum, hot], mutes: {severity: info}}",
        "{when: {severity: critical}, mutes: {severity: [info, warning]}}",
    ],
)
def test_an_inhibition_that_does_what_it_says_is_not_doubted(tmp_path: Path, one: str) -> None:
    assert [] == doubts_of(tmp_path, f"inhibit: [{one}]\n")


CIRCLE = "'hot' mutes 'sum', 'sum' mutes 'off', 'off' mutes 'hot': while all of them fire nobody may be told of any"


@pytest.mark.parametrize(
    ("several", "said"),
    [
        (["{when: hot, mutes: sum}", "{when: sum, mutes: off}", "{when: off, mutes: hot}"], CIRCLE),
        (
            [
                "{when: hot, mutes: {kind: liquidation}}",
                "{when: sum, mutes: [off, feed]}",
                "{when: {severity: critical}, mutes: hot}",
            ],
            CIRCLE,
        ),
        (["{when: hot, mutes: sum}", "{when: sum, mutes: hot}", "{when: sum, mutes: off}"], None),  # both of two speak
        (["{when: hot, mutes: sum}", "{when: sum, mutes: off}", "{when: off, mutes: feed}"], None),
        (["{when: hot, mutes: sum}", "{when: sum, mutes: whale}", "{when: {severity: critical}, mutes: hot}"], None),
        (
            [
                "{when: {severity: critical}, mutes: {severity: warning}}",
                "{when: {severity: warning}, mutes: {severity: info}}",
            ],
            None,
        ),
    ],
)
def test_a_circle_of_inhibitions_is_named_whole(tmp_path: Path, several: list[str], said: str | None) -> None:
    """Of three that mute one another in turn nobody is told, whichever fired first."""
    found = doubts_of(tmp_path, f"inhibit: [{', '.join(several)}]\n")

    assert ([] if said is None else [said]) == [one.split("closes a circle, ")[-1].split("; ")[0] for one in found]


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        ("{to: desk}, {severity: critical, to: phone}", "2:22: routes.1: is never reached, because the route in "),
        ("{kind: liquidation, to: desk}, {rule: sum, to: phone}", "2:41: routes.1: is never reached, because the "),
        ("{symbols: BTC, to: desk}, {symbols: BTC-USDT-PERP, to: phone}", "2:36: routes.1: is never reached, "),
        ("{labels: {team: desk}, to: desk}, {rule: hot, to: phone}", "2:44: routes.1: is never reached, because "),
        (
            "{kind: [depeg, basis], severity: [warning, critical], to: desk}, {kind: depeg, severity: critical, to: desk}",
            "2:75: routes.1: is never reached, because ",
        ),
    ],
)
def test_a_route_that_an_earlier_one_leaves_nothing_is_refused(tmp_path: Path, routes: str, said: str) -> None:
    (wrong,) = refused(tmp_path, f"{TWO}routes: [{routes}]\n")

    assert wrong.startswith(said)
    assert "a.yaml:2 " in wrong
    assert wrong.endswith("; put narrow routes first, and the one without conditions last")


@pytest.mark.parametrize(
    "routes",
    [
        "{severity: [info, warning], to: desk}, {to: phone}",
        "{kind: [funding, liquidation, feed_health, depeg], to: desk}, {to: phone}",
        "{severity: [info, warning, critical], to: desk}, {kind: funding, to: phone}",
        "{symbols: BTC, to: desk}, {kind: funding, to: phone}, {to: desk}",
    ],
)
def test_a_route_for_what_may_come_is_neither_refused_nor_doubted(tmp_path: Path, routes: str) -> None:
    """Though the rules of today leave nothing to it: it is there for those of tomorrow."""
    assert [] == doubts_of(tmp_path, f"{TWO}routes: [{routes}]\n")


def test_routes_that_leave_something_are_not_refused(tmp_path: Path) -> None:
    routes = (
        "{severity: critical, to: phone}, {symbols: BTC-USDT-PERP, to: desk}, {kind: funding, to: phone}, {to: desk}"
    )

    assert [] == doubts_of(tmp_path, f"{TWO}routes: [{routes}]\n")


def test_a_route_that_no_rule_takes_is_doubted(tmp_path: Path) -> None:
    """By its kind, or because the rule names its sinks itself."""
    extra = "  - {id: own, type: basis, symbols: BTC, above: 1%, notify: desk}\n"
    routes = "routes: [{venues: binance, kind: adl, to: desk}, {kind: basis, to: phone}, {to: desk}]\n"
    config = config_of(tmp_path, a=f"{TWO}{routes}{RULES}{extra}")

    assert [
        "2:34: routes.0.kind: is never taken, because no rule here is of the kind adl; "
        "there are basis, depeg, feed_health, funding, liquidation",
        "2:50: routes.1: is never taken, because 'own' says `notify`, which wins; remove one of the two",
    ] == [
        str(one).removeprefix(f"{tmp_path / 'a.yaml'}:") for one in config.doubts if str(one.path).startswith("routes")
    ]


def test_who_wants_more_than_a_rule_ever_says_is_doubted(tmp_path: Path) -> None:
    """Named by the rule, or reached by nothing but the rule's silence about it."""
    text = """sinks: {phone: {url: 'console://', min_severity: critical}}
rules:
  - {id: a, type: fear_greed, below: 20, notify: phone}
  - {id: b, type: fear_greed, below: 10, severity: info}
  - {id: c, type: fear_greed, levels: {warning: 10, critical: 5}, notify: phone}
  - {id: d, type: fear_greed, below: 20, notify: []}
"""

    assert [
        "3:50: rules.0.notify: 'phone' takes nothing below critical, and this is warning at most; "
        "raise the severity, or lower the sink's",
        "4:52: rules.1.severity: nobody is told: this is info at most, and 'phone' wants more by `min_severity`; "
        "raise the severity, or lower the sink's",
    ] == [str(one).removeprefix(f"{tmp_path / 'a.yaml'}:") for one in config_of(tmp_path, a=text).doubts]


@pytest.mark.parametrize(
    ("routes", "said"),
    [
        (
            "{to: []}",
            "1:15: routes.0.to: nobody is told of 3 rules, 'a', 'b', 'd', because this route sends to no sink; "
            "name a sink; if the log and /ws/alerts are enough, say so in the rule: notify: []",
        ),
        (
            "{kind: basis, to: console}, {severity: [info, warning], to: []}, {to: console}",
            "1:70: routes.1.to: nobody is told of the rule 'a', because this route sends to no sink; "
            "name a sink; if the log and /ws/alerts are enough, say so in the rule: notify: []",
        ),
    ],
)
def test_rules_that_routes_tell_to_nobody_are_doubted_once(tmp_path: Path, routes: str, said: str) -> None:
    """All together, by name; one that says `notify: []` means it."""
    text = f"""routes: [{routes}]
rules:
  - {{id: a, type: fear_greed, below: 20}}
  - {{id: b, type: basis, symbols: BTC, above: 1%}}
  - {{id: c, type: fear_greed, below: 10, notify: []}}
  - {{id: d, type: fear_greed, levels: {{warning: 20, critical: 10}}}}
"""

    assert [said] == [str(one).removeprefix(f"{tmp_path / 'a.yaml'}:") for one in config_of(tmp_path, a=text).doubts]


@pytest.mark.parametrize("route", ["{rule: a, to: []}", "{labels: {team: lab}, to: []}"])
def test_a_route_that_names_what_it_tells_to_nobody_is_not_doubted(tmp_path: Path, route: str) -> None:
    text = f"routes: [{route}]\nrules: [{{id: a, type: fear_greed, below: 20, labels: {{team: lab}}}}]\n"

    assert () == config_of(tmp_path, a=text).doubts


def test_a_sink_that_nothing_is_told_to_is_doubted(tmp_path: Path) -> None:
    """Unless it says signs of life, or is there to be asked."""
    sinks = "sinks: {desk: {url: 'console://'}, spare: {url: 'console://'}}\n"
    text = f"{sinks}%srules: [{{id: a, type: fear_greed, below: 9, notify: desk}}]\n"
    (said,) = config_of(tmp_path, a=text % "").doubts

    assert (1, 36, "sinks.spare") == (said.line, said.column, said.path)
    assert () == config_of(tmp_path, a=text % "alive: {at: '09:00', to: spare}\n").doubts


def test_what_no_source_brings_is_doubted(tmp_path: Path) -> None:
    """Gate is a source, and not one that runs by itself; DataMaxi+ speaks for many."""
    rules = "rules: [{id: a, type: basis, symbols: BTC, above: 1%, venues: [binance, gate, krakn]}]\n"
    without, named = config_of(tmp_path, a=rules).doubts, config_of(tmp_path, a="sources: {gate: }\n" + rules).doubts
    with_many = config_of(tmp_path, a="sources: {binance: , datamaxi: {key: abc}}\n" + rules).doubts

    assert ["rules.0.venues.1", "rules.0.venues.2"] == [one.path for one in without]
    assert "add `gate:` under `sources:`, beside all others that shall run" == without[0].right
    assert ["binance", "krakn"] == [one.what.rpartition(" ")[2].strip("'") for one in named]
    assert () == with_many


def test_a_rule_about_an_account_needs_the_source_of_accounts(tmp_path: Path) -> None:
    (said,) = config_of(tmp_path, a="rules: [{id: a, type: adl, level: 4, notify: []}]\n").doubts

    assert "hears nothing, because no source here speaks of accounts: `coinlocally` does" == said.what


def test_a_severity_beside_levels_is_doubted(tmp_path: Path) -> None:
    text = "rules: [{id: a, type: fear_greed, severity: critical, levels: {warning: 20}}]\n"
    (said,) = config_of(tmp_path, a=text).doubts

    assert "counts for nothing here, because each of the `levels` says its own" == said.what


def test_a_file_without_rules_is_not_doubted(tmp_path: Path) -> None:
    """Recipients in a file of their own are checked alone, too."""
    routes = "routes: [{kind: depeg, to: phone}, {to: desk}]\n"
    text = f"{TWO}{routes}inhibit: [{{when: {{kind: depeg}}, mutes: {{kind: basis}}}}]\n"

    assert () == config_of(tmp_path, a=text).doubts


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            "on: funding_rate, when: rate_8h > 0.05",
            "rules.0.when: 0.05 is 5% here; write 5%, or 0.05% if that is meant",
        ),
        ("on: mark_price, when: 'abs(change(price, 5m)) > 5'", "rules.0.when: 5 is 500% here; write 500%, or 5% if"),
        ("on: mark_price, when: -2 > basis", "rules.0.when: -2 is -200% here"),
        ("on: mark_price, value: 'change(price, 5m)', above: 5", "rules.0.above: 5 is 500% here"),
        ("on: mark_price, value: basis, levels: {warning: 0.1%, critical: 0.5}", "rules.0.levels.critical: 0.5 is 50%"),
    ],
)
def test_a_number_without_its_sign_beside_a_fraction_is_doubted(tmp_path: Path, rule: str, said: str) -> None:
    """The other kinds of rules refuse it; in a formula it may be meant."""
    (doubt,) = config_of(tmp_path, a=f"rules: [{{id: a, type: expression, {rule}}}]\n").doubts

    assert said in str(doubt)


@pytest.mark.parametrize(
    "rule",
    [
        "on: funding_rate, when: rate_8h > 0.05% and rate < 5bp and rate > 1e-4",
        "on: open_interest, when: 'change(oi_usd, 15m) <= -5% or change(oi_base, 1h) < - 2%'",
        "on: mark_price, when: price > 100000 and price / index_price - 1 > 0.02",
        "on: mark_price, value: 'change(price, 5m)', levels: {warning: 2%, critical: 4%}, hysteresis: 50bp",
        "on: liquidation, value: 'sum(notional_usd, 1m)', above: 5000000",
    ],
)
def test_a_number_that_can_mean_one_thing_is_not_doubted(tmp_path: Path, rule: str) -> None:
    assert () == config_of(tmp_path, a=f"rules: [{{id: a, type: expression, {rule}}}]\n").doubts
