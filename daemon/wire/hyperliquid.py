"""Hyperliquid over REST: every perpetual with its funding, open interest and volume in one answer.

Facts: one path, asked with POST. The answer is a pair: names, and numbers in the same order without names. Funding is per
hour, `openInterest` is coins, `dayNtlVlm` dollars; everything is text, and the answer has no time of its own. `kPEPE` is
a thousand PEPE. Profit is paid in USDC whatever the quote is called, which makes every contract a quanto.
"""

from collections.abc import Sequence
from functools import lru_cache

import msgspec

from daemon.wire.control import Unreadable
from daemon.wire.numbers import number, plain, positive
from daemon.wire.rows import written
from daemon.wire.trouble import brief, check_name
from rules.instruments import Instrument, parse

VENUE = "hyperliquid"
REST_URL = "https://api.hyperliquid.xyz"
INFO = "/info"
QUESTION = {"type": "metaAndAssetCtxs"}
FUNDING_INTERVAL_H = 1.0
QUOTE = "USDT"  # as contracts are named there; USDC is what is paid


class Context(msgspec.Struct, frozen=True, gc=False):
    """A perpetual now."""

    coin: str
    funding: float | None = None  # fraction per hour
    interest: float | None = None  # coins
    mark: float | None = None
    oracle: float | None = None
    volume_usd: float | None = None  # 24 hours
    volume_base: float | None = None
    mid: float | None = None


class _Asset(msgspec.Struct, gc=False, rename="camel"):
    name: str
    is_delisted: bool = False


class _Meta(msgspec.Struct, gc=False):
    universe: list[_Asset]


class _Context(msgspec.Struct, gc=False, rename="camel"):
    funding: str | None = None
    open_interest: str | None = None
    mark_px: str | None = None
    oracle_px: str | None = None
    day_ntl_vlm: str | None = None
    day_base_vlm: str | None = None
    mid_px: str | None = None


_pair = msgspec.json.Decoder(tuple[_Meta, list[_Context]])


@lru_cache(maxsize=4_096)
def to_symbol(coin: str) -> str:
    """BTC -> BTC-USDT-PERP, kPEPE -> 1000PEPE-USDT-PERP. ValueError for what is no coin (spot's @107, another dex's xyz:TSLA)."""
    check_name(coin)
    if not coin.isalnum():
        raise ValueError(f"'{brief(coin)}' is not a perpetual of Hyperliquid's own")
    many = len(coin) > 1 and coin[0] == "k" and coin[1:].isupper()
    return str(Instrument(f"1000{coin[1:]}" if many else coin.upper(), QUOTE))


def from_symbol(symbol: str) -> str:
    """BTC-USDT-PERP -> BTC, 1000PEPE-USDT-PERP -> kPEPE."""
    base = parse(symbol).base
    return f"k{base[4:]}" if base.startswith("1000") and base[4:].isalpha() else base


def decode_contexts(body: bytes) -> list[Context]:
    """Every perpetual that is listed; delisted ones and those with broken numbers are left out."""
    try:
        meta, contexts = _pair.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"Hyperliquid sent an answer that cannot be read: {brief(exc)}") from exc
    if len(meta.universe) != len(contexts):
        raise Unreadable(f"Hyperliquid sent {len(meta.universe)} names and {len(contexts)} rows: which is whose?")
    found = []
    for asset, row in zip(meta.universe, contexts, strict=True):
        if asset.is_delisted:
            continue
        try:
            found.append(_context(asset.name, row))
        except ValueError:
            continue
    return found


def _context(coin: str, row: _Context) -> Context:
    return Context(
        coin=coin,
        funding=number(row.funding),
        interest=number(row.open_interest),
        mark=positive(row.mark_px),
        oracle=positive(row.oracle_px),
        volume_usd=number(row.day_ntl_vlm),
        volume_base=number(row.day_base_vlm),
        mid=positive(row.mid_px),
    )


def encode_contexts(rows: Sequence[Context]) -> bytes:
    """The answer to metaAndAssetCtxs."""
    universe = [{"name": row.coin, "szDecimals": 5, "maxLeverage": 40} for row in rows]
    contexts = [
        {
            "funding": written(row.funding),
            "openInterest": written(row.interest),
            "prevDayPx": written(row.mark),
            "dayNtlVlm": written(row.volume_usd),
            "dayBaseVlm": written(row.volume_base),
            "premium": None,
            "oraclePx": written(row.oracle),
            "markPx": written(row.mark),
            "midPx": None if row.mid is None else plain(row.mid),
        }
        for row in rows
    ]
    return msgspec.json.encode([{"universe": universe}, contexts])


def decode_question(body: bytes) -> str:
    """What a client asks for by name; Unreadable if it is no question."""
    try:
        return str(msgspec.json.decode(body, type=dict[str, object]).get("type", ""))
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise Unreadable(f"not a question to Hyperliquid: {brief(exc)}") from exc
