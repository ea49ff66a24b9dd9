"""Names as clients write them."""

import pytest

from daemon.server.parameters import BadParameter
from daemon.server.tzone.markets import coin_named, is_named, pair_of, read_markets, read_name, read_names
from daemon.upstream.records import Contract, Kind


def contract(symbol: str, pair: str, kind: Kind = "VANILLA") -> Contract:
    """A contract with nothing but names."""
    return Contract(venue="okx", symbol=symbol, pair=pair, kind=kind)


@pytest.mark.parametrize(
    ("written", "coin"),
    [
        ("BTC", "BTC"),
        ("btcusd", "BTC"),
        ("BTCUSDT", "BTC"),
        ("BTC-USDT-SWAP", "BTC"),
        ("BTC-USDT-PERP", "BTC"),
        ("BTC-PERPETUAL", "BTC"),
        ("BTC_USDC-PERPETUAL", "BTC"),
        ("BTC-USDT-VANILLA-PERPETUAL", "BTC"),
        ("BTCPERP", "BTC"),
        ("1000PEPEUSDT", "PEPE"),
        ("USDT", "USDT"),
        ("USD", "USD"),
        ("PERP", "PERP"),
        ("PERPUSDT", "PERP"),
    ],
)
def test_a_coin_is_found_in_every_spelling(written: str, coin: str) -> None:
    """Exchanges', ours and CoinDesk's."""
    assert coin == coin_named(written)


@pytest.mark.parametrize(
    ("found", "names", "others"),
    [
        (
            contract("BTC-USDT-PERP", "BTC-USDT-SWAP"),
            ["BTCUSDT", "btc-usdt-swap", "BTC-USDT", "BTC-USDT-PERP", "BTC-USDT-VANILLA-PERPETUAL"],
            ["BTC", "BTCUSD", "BTCUSDC", "BTC-USDT-INVERSE-PERPETUAL", ""],
        ),
        (
            contract("BTC-USD-PERP", "BTC-PERPETUAL", "INVERSE"),
            ["BTCUSD", "BTC-PERPETUAL", "BTC-USD-SWAP", "BTC-USD-INVERSE-PERPETUAL"],
            ["BTCUSDT", "BTC-USD-VANILLA-PERPETUAL"],
        ),
        (contract("BTC-USDC-PERP", "BTCPERP"), ["BTCPERP", "BTCUSDC"], ["BTCUSDT"]),
        (contract("BTC-USDT-20261225", "BTCUSDT_261225"), ["BTCUSDT_261225", "BTC-USDT-20261225"], ["BTCUSDT"]),
    ],
)
def test_a_contract_answers_to_its_names_and_to_no_others(found: Contract, names: list[str], others: list[str]) -> None:
    """However they are dashed."""
    assert names == [name for name in (*names, *others) if is_named(found, name)]


def test_a_perpetual_is_shown_alike_on_every_exchange() -> None:
    """What expires keeps its exchange's name, or two of them would look alike."""
    assert "BTCUSDT" == pair_of("BTC-USDT-PERP", "BTC-USDT-SWAP")
    assert "1000PEPEUSDT" == pair_of("1000PEPE-USDT-PERP", "1000PEPEUSDT")
    assert "BTC-26DEC25" == pair_of("BTC-USD-20251226", "BTC-26DEC25")


def test_lists_are_read_once_each() -> None:
    """Comma-separated or JSON; exchanges by any of their names."""
    assert ("binance", "okx", "kraken") == read_markets("markets", "CoinDesk-Binance, binance,OKEx,Kraken")
    assert ("binance", "bybit", "okx", "deribit", "hyperliquid") == read_markets("markets", " , ")
    assert ("BTC", "ETH") == read_names("symbols", '["btc","eth","BTC"]')
    assert () == read_names("symbols", None)


def test_names_are_bounded() -> None:
    """They become keys."""
    for text in ("x" * 65, ",".join(f"c{place}" for place in range(101))):
        with pytest.raises(BadParameter) as refusal:
            read_names("symbols", text)
        assert "too_long" == refusal.value.code
    with pytest.raises(BadParameter) as refusal:
        read_name("ticker", " ", "BTC")
    assert ("missing", "ticker is required, e.g. ticker=BTC") == (refusal.value.code, refusal.value.message)
