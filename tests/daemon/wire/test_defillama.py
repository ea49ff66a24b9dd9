"""DefiLlama stablecoins, read and written."""

import json

import pytest

from daemon.wire import defillama
from daemon.wire.control import Unreadable
from rules.events import StablecoinQuote

NOW = 1_800_000_000_000
TETHER = {
    "id": "1", "name": "Tether", "symbol": "USDT", "gecko_id": "tether", "pegType": "peggedUSD", "price": 0.99977,
    "circulating": {"peggedUSD": 183727681018.3}, "chainCirculating": {"Tron": {"current": {}}}, "chains": ["Tron"],
}  # fmt: skip


def quotes(*assets: dict[str, object]) -> list[StablecoinQuote]:
    """The quotes in an answer."""
    return defillama.decode_stablecoins(json.dumps({"peggedAssets": list(assets), "chains": []}).encode(), NOW)


def test_defillama_amounts_are_already_dollars() -> None:
    """Since 2025-12-01: multiplying by the price would count it twice."""
    [quote] = quotes({**TETHER, "price": 0.5})

    assert 183727681018.3 == quote.market_cap_usd


@pytest.mark.parametrize(("price", "expected"), [(0.99977, [0.99977]), ("0.99977", [0.99977]), (None, []), ("", [])])
def test_defillama_price_is_a_number_a_text_or_null(price: object, expected: list[float]) -> None:
    """All three are in use, and null is not zero: a coin without a price has not lost its peg."""
    assert expected == [quote.price for quote in quotes({**TETHER, "price": price})]


def test_defillama_empty_map_is_no_record() -> None:
    """None, not 0."""
    assert [None] == [quote.market_cap_usd for quote in quotes({**TETHER, "circulating": {}})]


def test_only_dollar_coins_have_a_target_of_one() -> None:
    """A euro coin at 1.17 has not lost its peg, and one that earns interest rises for ever."""
    euro = {**TETHER, "symbol": "EURC", "pegType": "peggedEUR", "circulating": {"peggedEUR": 5.0}}
    earning = {**TETHER, "symbol": "SUSDX", "yieldBearing": True}

    assert {"USDT": 1.0, "EURC": None, "SUSDX": None} == {q.coin: q.target for q in quotes(TETHER, euro, earning)}


def test_a_small_coin_does_not_borrow_a_large_coins_ticker() -> None:
    """Two series under one name would cry depeg at every poll."""
    small = {**TETHER, "id": "99", "price": 0.4, "circulating": {"peggedUSD": 10.0}}

    assert [0.99977] == [quote.price for quote in quotes(TETHER, small)]
    assert [0.99977] == [quote.price for quote in quotes(small, TETHER)]


def test_dead_coins_are_left_out() -> None:
    """Their last price stands for ever."""
    assert [] == quotes({**TETHER, "delisted": True}, {**TETHER, "deadFrom": "2023-01-01"})


def test_ids_for_the_second_opinion() -> None:
    """gecko_id may be null."""
    body = json.dumps({"peggedAssets": [{**TETHER, "symbol": "XUSD", "gecko_id": None}, TETHER]}).encode()

    assert {"USDT": "tether"} == defillama.decode_gecko_ids(body)


def test_what_we_serve_we_read() -> None:
    """Largest first."""
    found = quotes(TETHER, {**TETHER, "symbol": "EURC", "pegType": "peggedEUR", "circulating": {}})

    assert found == defillama.decode_stablecoins(defillama.encode_stablecoins(found[::-1]), NOW)


@pytest.mark.parametrize("body", [b"", b"Not found", b"[]", b"{}", b'{"peggedAssets":[5]}', b"\xff"])
def test_what_cannot_be_read_says_so(body: bytes) -> None:
    """404 is plain text."""
    with pytest.raises(Unreadable, match="DefiLlama"):
        defillama.decode_stablecoins(body, NOW)
