"""What people write when they mean something else, and what they are told."""

from pathlib import Path

import pytest

from tests.daemon.config.test_load import mistakes_of

COMMA = "between { and } a comma ends the value before it; put that value in quotes, and write 1000000 plainly"
SLIPS = """defaults: &d {type: funding}
sinks:
  desk: {url: "console://", quiet: {start: "23:00", to: "24:00", tz: Berlin}, group: [2s]}
  plain: "console://"
sources: {binance: true}
routes: {to: desk}
rules:
  - {id: hot funding, kind: funding, symbols: BTC, above: 0.05%}
  - {id: hot funding, type: funding_rate, symbols: BTC, above: 0.05%}
  - {id: 5, type: liquidation, min: $1m, levels: [$1m]}
  - {id: a, type: depeg, symbols: USDT}
  - {id: b, type: liquidation, at_least: 1,000,000}
  - {id: c, type: expression, on: mark_price, when: change(price, 5m) > 5%}
  - {id: d, type: feed_health, feeds: okx, repeat: false, notify: all}
  - {id: e, type: feed_health, for: 5 minutes, repeat: never, notify: none}
  - {id: f, type: feed_health, for: true, venues: "okx, bybit"}
"""


def test_the_slips_of_a_trader_are_answered_with_what_was_meant(tmp_path: Path) -> None:
    """Words of other programs, units written out, a comma in a number, a list where one block stands."""
    assert [
        "a.yaml:1:1: defaults: is not a section; known: alive, inhibit, label, routes, rules, server, sinks, sources, "
        "storage, tests; a place for anchors begins with x-",
        "a.yaml:3:36: sinks.desk.quiet.from: is missing; add from: ...",
        "a.yaml:3:37: sinks.desk.quiet.start: is not known here; did you mean from?",
        "a.yaml:3:57: sinks.desk.quiet.to: '24:00' is not a time of day; write 00:00",
        "a.yaml:3:70: sinks.desk.quiet.tz: there is no time zone 'Berlin'; write Europe/Berlin",
        "a.yaml:3:86: sinks.desk.group: a list cannot stand here; write {wait: 2s, at_least: 4}",
        "a.yaml:4:10: sinks.plain: text cannot stand here; write a block: {url: ...}",
        "a.yaml:5:20: sources.binance: true cannot stand here; write `binance:` with nothing behind it",
        "a.yaml:6:9: routes: a block of keys cannot stand here; write a list: begin each item with `- `",
        "a.yaml:8:5: rules.0.type: is missing; write type: funding in place of `kind`",
        "a.yaml:8:10: rules.0.id: 'hot funding' is not a name; use up to 64 letters, digits, _ . and -, no blanks",
        "a.yaml:9:10: rules.1.id: 'hot funding' is not a name; use up to 64 letters, digits, _ . and -, no blanks",
        "a.yaml:9:10: rules.1.id: the id 'hot funding' is taken by a.yaml:8:10; give every rule an id of its own",
        "a.yaml:9:29: rules.1.type: 'funding_rate' is not one we know; did you mean funding?",
        'a.yaml:10:10: rules.2.id: 5 cannot stand here; put it in quotes: "5"',
        "a.yaml:10:32: rules.2.min: is not known here; did you mean at_least?",
        "a.yaml:10:50: rules.2.levels: a list cannot stand here; write {warning: ..., critical: ...}",
        'a.yaml:11:5: rules.3.coins: is missing; add coins: [USDT, USDC], or "*" for all',
        "a.yaml:11:26: rules.3.symbols: is not known here; did you mean coins?",
        f"a.yaml:12:44: rules.4.000: is not known here; {COMMA}",
        "a.yaml:12:48: rules.4.000: '000' is here twice, first on line 12; keep one of them",
        "a.yaml:13:53: rules.5.when: between { and } a comma ends the text, here behind 'change(price'; "
        'put it in quotes: "change(price, 5m) > 5%"',
        "a.yaml:14:39: rules.6.feeds: no feed is called 'okx'; write okx.market, or venues: okx for all of its feeds",
        "a.yaml:14:52: rules.6.repeat: false is not how often; write off, or 1h",
        "a.yaml:14:67: rules.6.notify: there is no sink 'all'; leave `notify` out for all of them",
        "a.yaml:15:37: rules.7.for: '5 minutes' is not a duration; write 5m",
        "a.yaml:15:56: rules.7.repeat: never is not how often; write off, or 1h",
        "a.yaml:15:71: rules.7.notify: there is no sink 'none'; write notify: [] for nobody",
        "a.yaml:16:37: rules.8.for: true cannot stand here; write one value, with its unit",
        "a.yaml:16:51: rules.8.venues: 'okx, bybit' is one text; write a list: [okx, bybit]",
    ] == mistakes_of(tmp_path, a=SLIPS)


def test_every_name_of_a_list_is_looked_at(tmp_path: Path) -> None:
    rule = "{id: a, type: funding, symbols: [BTC-PERP, BTC, BITCOIN], venues: [okex, kraken, binanse], above: 0.05%}"

    assert [
        "a.yaml:1:42: rules.0.symbols.0: 'BTC-PERP' is not how it is spelled here; write BTC, or BTC-USDT-PERP",
        "a.yaml:1:57: rules.0.symbols.2: 'BITCOIN' is called BTC here; write BTC",
        "a.yaml:1:76: rules.0.venues.0: 'okex' is no venue; did you mean okx?",
        "a.yaml:1:90: rules.0.venues.2: 'binanse' is no venue; did you mean binance?",
    ] == mistakes_of(tmp_path, a=f"rules: [{rule}]")


@pytest.mark.parametrize(
    ("rule", "mistake"),
    [
        ("type: depeg, coins: USDT, depth: 80%", "depth: '80%' is out of range; write at most 50%"),
        (
            "type: price_change, symbols: BTC, window: 5m, direction: down, above: 100%",
            "above: nothing falls by more than 100%; above: 3%",
        ),
        ("type: fear_greed, above: 150", "above: 150 is never reached; the index goes from 0 to 100"),
        (
            "type: expression, on: mark_price, value: price, above: 3, clear: 2",
            "clear: 2 is no condition; beside a value write hysteresis: how far it must go back, beside when: a condition",
        ),
        (
            'type: expression, on: mark_price, when: "price > 3 AND price < 5"',
            "when: 'AND' is written in small letters here; write and (at character 11)",
        ),
    ],
)
def test_what_would_be_right_is_said_in_the_words_of_the_file(tmp_path: Path, rule: str, mistake: str) -> None:
    (said,) = mistakes_of(tmp_path, a=f"rules: [{{id: a, {rule}}}]")

    assert f"rules.0.{mistake}" == said.split(" ", 1)[1]
