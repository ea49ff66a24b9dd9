"""A scenario file is strict, and wrong ones say where."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.config.mistakes import ConfigError
from daemon.simulator.acts import ACTS, CascadeAct, FundingAct
from daemon.simulator.scenario import Scenario, Script, load, packaged, parse


def mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text.encode(), "s.yaml")
    return str(caught.value).splitlines()


@pytest.mark.parametrize("name", packaged())
def test_packaged_scenarios_are_right(name: str) -> None:
    assert isinstance(load(name), Scenario)


def test_calm_and_tour_are_packaged() -> None:
    assert {"calm", "tour"} <= set(packaged())


def test_units_are_written_as_people_write_them() -> None:
    scenario = parse(
        b"""
        repeat: 1m30s
        acts:
          - {at: 1m, cascade: {coin: ETH, total: $1.5m, over: 500ms, move: 50bp}}
          - {at: 5s, funding: {venue: okx, coin: BTC, rate: -0.1%, for: 2m}}
        """,
        "s.yaml",
    )
    cascade, funding = (line.act for line in scenario.acts)

    assert isinstance(cascade, CascadeAct)
    assert isinstance(funding, FundingAct)
    assert (90_000, 60_000, 5_000) == (scenario.repeat_ms, scenario.acts[0].at_ms, scenario.acts[1].at_ms)
    assert (1.5e6, 500, 0.005) == (cascade.total, cascade.over_ms, cascade.move)
    assert (-0.001, 120_000) == (funding.rate, funding.for_ms)


def test_all_mistakes_are_told_at_once_with_line_and_column() -> None:
    told = mistakes(
        """
acts:
  - {at: 5s, funding: {coin: BTCX, rate: 5}}
  - {at: 1s}
  - {at: 7, depeg: {coin: USDT}}
  - {at: 1s, liquidation: {venue: okx, symbol: 1000PEPE-USDT-PERP, usd: $1m}}
  - {at: 1s, misbehave: {venue: okx, how: sulk}}
repeats: 5s
"""
    )

    assert told[0].startswith("s.yaml:3:30: acts.0.funding.coin: 'BTCX' is no coin of the box; it has BTC, ETH")
    assert told[1].startswith("s.yaml:3:42: acts.0.funding.rate: 5 could mean")
    assert told[2].startswith("s.yaml:4:5: acts.1: each line needs exactly one thing that happens")
    assert told[3].startswith("s.yaml:5:10: acts.2.at: '7' is not a duration")
    assert told[4].startswith("s.yaml:5:20: acts.2.depeg.to: is missing")
    assert told[5].startswith("s.yaml:6:27: acts.3.liquidation: okx does not list '1000PEPE-USDT-PERP'")
    assert told[6].startswith("s.yaml:7:43: acts.4.misbehave.how: 'sulk' is not one we know")
    assert told[7].startswith("s.yaml:8:1: repeats: is not known here; did you mean repeat?")


def test_acts_after_the_repeat_would_never_come() -> None:
    told = mistakes("repeat: 10s\nacts: [{at: 10s, price: {coin: BTC, by: 1%}}]")

    assert "1 of the acts would come after `repeat`; make it longer or bring them forward" in told[0]


def test_a_scenario_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "nosuch.yaml")

    assert "there is no such scenario" in str(caught.value)
    assert "calm, tour" in str(caught.value)


def test_a_file_of_ones_own_is_loaded_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("about: mine\n")

    assert "mine" == load(path).about


def test_acts_come_in_the_order_of_time_and_once() -> None:
    script = Script(parse(b"acts: [{at: 2s, price: {coin: BTC, by: 1%}}, {at: 1s, price: {coin: ETH, by: 1%}}]", "s"))

    assert [] == list(script.due(999))
    assert ["ETH", "BTC"] == [getattr(act, "coin", "") for act in script.due(2_000)]
    assert [] == list(script.due(10_000_000))


@given(st.lists(st.integers(0, 3_000), max_size=60))
@settings(deadline=None)
def test_a_repeated_script_loses_and_doubles_nothing_however_it_is_asked(waits: list[int]) -> None:
    """Each act comes once a round: at 1 s and 4 s of every 5 s."""
    lines = b"repeat: 5s\nacts: [{at: 1s, price: {coin: BTC, by: 1%}}, {at: 4s, price: {coin: ETH, by: 1%}}]"
    script, elapsed_ms, coins = Script(parse(lines, "s")), 0, list[str]()
    for wait in waits:
        elapsed_ms += wait
        coins += [getattr(act, "coin", "") for act in script.due(elapsed_ms)]

    rounds, rest = divmod(elapsed_ms, 5_000)
    assert ["BTC", "ETH"] * rounds + ["BTC"] * (rest >= 1_000) + ["ETH"] * (rest >= 4_000) == coins


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
    | st.sampled_from(["5s", "0.1%", "$1m", "BTC", "USDT", "binance", "okx", "long", "drop", "BTC-USDT-PERP"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["at", "coin", "rate", "for", "venue", "how", "to", "usd", "x", *ACTS]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
_scenarios = st.dictionaries(st.sampled_from(["about", "acts", "repeat", "tick", "market", "x"]), _values, max_size=4)


@given(_scenarios)
@settings(deadline=None, max_examples=100)
def test_any_mapping_is_a_scenario_or_a_located_error(value: dict[str, Any]) -> None:
    """Never another exception, and never an error without its place."""
    try:
        parse(yaml.safe_dump(value, allow_unicode=True).encode(), "s.yaml")
    except ConfigError as exc:
        assert exc.mistakes
        assert all(mistake.file == "s.yaml" and mistake.line >= 1 and mistake.column >= 1 for mistake in exc.mistakes)


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
@settings(deadline=None)
def test_any_bytes_are_a_scenario_or_a_located_error(source: bytes) -> None:
    try:
        parse(source, "s.yaml")
    except ConfigError as exc:
        assert exc.mistakes
