"""Pasts as the log holds them, and what a picture makes of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from daemon.pictures import series
from daemon.pictures.chart import Point
from daemon.pictures.series import Series, values_of
from rules.alerts import Alert, Change, Transition
from rules.compiled import Rule
from rules.events import Event
from storage.database import Database
from tests.daemon.pictures.life import D, M, T, lived, ruled, said

PERP = {"venue": "binance", "symbol": "BTC-USDT-PERP"}


async def read(folder: Path, rule: Rule, alert: Alert, until_ms: int = T) -> Series | None:
    database = await Database.open(str(folder / "tocsin.db"), exclusive=False, create=False)
    try:
        return await values_of(database, rule, alert, until_ms)
    finally:
        await database.close()


async def shown(folder: Path, rule: Rule, events: Sequence[Event]) -> tuple[Transition, Series]:
    """The first fire, and the picture of it at that moment."""
    fired = next(one for one in await lived(folder, rule, events) if one.change is Change.FIRED)
    found = await read(folder, rule, fired.alert, fired.alert.at_ms)
    assert found is not None
    return fired, found


def samples(begins: int, end: int = T, step: int = M) -> list[Event]:
    """That a house was up, and listened: the price of something else, each minute."""
    return [said("mark_price", at_ms, symbol="XRP-USDT-PERP") for at_ms in range(begins, end + 1, step)]


def funding(*rates: float, end: int = T, step: int = M, **more: Any) -> list[Event]:
    first = end - (len(rates) - 1) * step
    return [said("funding_rate", first + number * step, rate=rate, **more) for number, rate in enumerate(rates)]


def summed(*agos: int, up_since: int, up_until: int = T, others: Sequence[int] = ()) -> tuple[Rule, list[Event]]:
    """Orders of $0.4m so many minutes ago, three of which within five minutes are enough; and those of others."""
    mine = [said("liquidation", T - ago * M, side="long", notional_usd=4e5) for ago in agos]
    theirs = [said("liquidation", T - ago * M, side="long", symbol="ETH-USDT-PERP", notional_usd=1.0) for ago in others]
    rule = ruled(type="liquidation", symbols=["BTC"], window="5m", total="$1m")
    return rule, [*mine, *theirs, *samples(up_since, up_until)]


async def wide(folder: Path, rule: Rule, events: Sequence[Event]) -> list[Point]:
    """What is known at the first fire of the whole time that is looked at, before a part of it is chosen."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(series, "framed", lambda rule, alert, points, begins_ms, ends_ms: (begins_ms, ends_ms))
        return list((await shown(folder, rule, events))[1].points)


CASES: dict[str, tuple[dict[str, Any], list[Event]]] = {
    "funding": (
        {"type": "funding", "symbols": ["BTC"], "above": "0.05%"},
        [
            *funding(1e-4, 2e-4, 6e-4),
            *funding(9e-4, symbol="ETH-USDT-PERP"),
            *funding(9e-4, end=T - M, is_settled=True),
        ],
    ),
    "funding_spread": (
        {"type": "funding_spread", "symbols": ["BTC"], "above": "0.03%"},
        [*funding(1e-4, 1e-4, 1e-4, 1e-4), *funding(2e-4, 3e-4, 6e-4, venue="okx")],
    ),
    "basis": (
        {"type": "basis", "symbols": ["BTC"], "above": "0.5%"},
        [said("mark_price", T - ago * M, price=100.0 + 0.2 * (4 - ago), index_price=100.0) for ago in (3, 2, 1)],
    ),
    "price_change": (
        {"type": "price_change", "symbols": ["BTC"], "window": "5m", "direction": "down", "above": "3%"},
        [said("mark_price", T - ago * M, price=100.0 - max(0, 3 - ago)) for ago in range(20, -2, -1)],
    ),
    "open_interest_change": (
        {"type": "open_interest_change", "window": "15m", "above": "5%", "at_least": "$1m"},
        [
            said("open_interest", T - ago * M, oi_base=100.0 + 6 * (ago < 2), oi_usd=5e6 + 3e5 * (ago < 2))
            for ago in range(40, -1, -1)
        ],
    ),
    "insurance_fund_change": (
        {"type": "insurance_fund_change", "window": "1d", "above": "2%"},
        [
            said("insurance_fund", T - ago * D, symbol=None, coin="USDT", amount=100.0 - 3 * (ago == 0), amount_usd=1.0)
            for ago in range(5, -1, -1)
        ],
    ),
    "depeg": (
        {"type": "depeg", "coins": ["USDC"], "depth": "0.5%"},
        [
            said(
                "stablecoin_quote",
                T - ago * M,
                venue="defillama",
                symbol=None,
                coin="USDC",
                price=0.999 - 0.006 * (ago < 2),
            )
            for ago in (90, 30, 4, 1)
        ],
    ),
    "depeg by severity": (
        {"type": "depeg", "coins": ["USDC"], "depth": "0.5%", "levels": {"warning": 5, "critical": 95}},
        [
            said(
                "stablecoin_quote",
                T - ago * M,
                venue="defillama",
                symbol=None,
                coin="USDC",
                price=0.99 - 0.001 * (9 - ago),
            )
            for ago in range(9, -1, -1)
        ],
    ),
    "liquidation": (
        {"type": "liquidation", "symbols": ["BTC"], "at_least": "$1m"},
        [
            said("liquidation", T - ago * M, side=side, notional_usd=2e6 if ago == 0 else 1e4)
            for ago, side in ((300, "short"), (200, "long"), (50, "long"), (0, "long"))
        ],
    ),
    "liquidations": (
        {"type": "liquidation", "symbols": ["BTC"], "window": "5m", "total": "$1m"},
        [said("liquidation", T - ago * M, side="long", notional_usd=4e5) for ago in (300, 200, 4, 2, 0)],
    ),
    "long_short_ratio": (
        {"type": "long_short_ratio", "symbols": ["BTC"], "below": 0.5},
        [said("long_short_ratio", T - ago * 5 * M, ratio=0.4 + ago / 5) for ago in range(9, -1, -1)],
    ),
    "fear_greed": (
        {"type": "fear_greed", "levels": {"warning": 20, "critical": 10}},
        [said("fear_greed", T - ago * D, index=14 + ago, mood="Fear") for ago in range(29, -1, -1)],
    ),
    "expression": (
        {"type": "expression", "on": "open_interest", "value": "zscore(oi_usd, 1h)", "above": 3},
        [
            said("open_interest", T - ago * M, oi_base=1.0, oi_usd=1e6 + ago % 3 + 99 * (ago == 0))
            for ago in range(70, -1, -1)
        ],
    ),
}
