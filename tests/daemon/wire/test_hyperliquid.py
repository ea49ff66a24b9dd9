"""Hyperliquid's answer, read and written."""

import json

import pytest

from daemon.wire import hyperliquid as wire
from daemon.wire.control import Unreadable

BTC = wire.Context("BTC", 0.0000125, 20.0, 1e5, 100_010.0, 9e9, 9e4, 100_005.0)
THIN = wire.Context("kPEPE")


def test_what_is_written_is_read_back() -> None:
    """The simulator writes, our client reads; the premium may be null."""
    assert [BTC, THIN] == wire.decode_contexts(wire.encode_contexts([BTC, THIN]))
    assert "metaAndAssetCtxs" == wire.decode_question(json.dumps(wire.QUESTION).encode())


def test_names_and_rows_belong_together_by_their_place() -> None:
    """A row too few, and every number would be another coin's."""
    meta, contexts = json.loads(wire.encode_contexts([BTC, THIN]))
    with pytest.raises(Unreadable, match="2 names and 1 rows"):
        wire.decode_contexts(json.dumps([meta, contexts[:1]]).encode())


def test_delisted_coins_are_left_out_and_keep_their_place() -> None:
    """Their rows are still sent."""
    meta, contexts = json.loads(wire.encode_contexts([THIN, BTC]))
    meta["universe"][0]["isDelisted"] = True

    assert [BTC] == wire.decode_contexts(json.dumps([meta, contexts]).encode())


@pytest.mark.parametrize(
    ("coin", "symbol"), [("BTC", "BTC-USDT-PERP"), ("kPEPE", "1000PEPE-USDT-PERP"), ("KAS", "KAS-USDT-PERP")]
)
def test_a_small_k_is_a_thousand(coin: str, symbol: str) -> None:
    """As others write 1000PEPE."""
    assert symbol == wire.to_symbol(coin)
    assert coin == wire.from_symbol(symbol)


@pytest.mark.parametrize("coin", ["@107", "xyz:TSLA", "", "#1"])
def test_markets_of_other_kinds_are_no_perpetuals(coin: str) -> None:
    """Spot, other exchanges on the same chain."""
    with pytest.raises(ValueError, match="not a perpetual"):
        wire.to_symbol(coin)


@pytest.mark.parametrize("body", [b"null", b"[]", b'[{"universe":[]}]', b"Failed to deserialize"])
def test_other_bodies_are_unreadable(body: bytes) -> None:
    """With a sentence."""
    with pytest.raises(Unreadable, match="Hyperliquid"):
        wire.decode_contexts(body)
