"""Ten thousand requests that nobody would write: whatever they say, there is an answer or a named refusal."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from daemon.server.parameters import BadParameter
from daemon.server.query import NAMES
from daemon.server.tzone.endpoint import Endpoint, Params
from daemon.upstream.cache import Unavailable

REQUESTS = 10_000
JUNK: Sequence[object] = (
    "", " ", ",", "null", "-", "--", "---", "_", "[]", "{}", "[[[[", '{"a":', '["BTC", 1]', '[""]', "%", "'", '"',
    "\x00", "\ud800", "ß", "🚨", "NaN", "inf", "-1", "0", "1", "1.5", "1e400", "9" * 60, "x" * 300, "BTC,ETH", "a,b,c",
    "true", "2026-01-01", None, True, False, -1, 0, 1, 2.5, 10**30, float("nan"), float("inf"), [], {}, [None],
    ["BTC", "ETH"], [1, 2], {"binance": "BTCUSDT"}, {"a": {"b": [1]}},
)  # fmt: skip
USUAL: Mapping[str, Sequence[object]] = {
    "filters": (
        '{"exchange":"Binance"}', '{"exchange":["Bybit","OKX"]}', {"exchange": "!=bybit"}, '{"timestamp":">1640995200"}',
        '{"pair":"BTCUSDT"}', '{"nothing":1}', '{"exchange":{}}', "[]", {"price": ["<=5", ">1"]},
    ),
    "search": ("btc", "BIN", "\n", "1", "zzz"),
    "sort_by": ("exchange", "timestamp", "pair", "price", "funding_rate", "value", "nothing"),
    "sort_order": ("asc", "desc", "DESC", "up"),
    "page": (1, "2", "1000000"),
    "page_size": (1, "20", "5000", 5001),
    "start_time": (1640995200, "1640995200000", 1_789_900_000, "1e14"),
    "end_time": (1641081600, "1641081600000", 1_790_000_000_000, 1),
    "timeframe": ("7d", "24h", "1m", "50y", "custom", "5x"),
    "time_field": ("timestamp", "price", "nothing"),
    "dedupe_key": ("exchange", "timestamp,exchange", "nothing"),
    "only_changes": ("1", True),
}  # fmt: skip


async def refused_or_answered(
    endpoint: Endpoint[Any], usual: Mapping[str, Sequence[object]], now_ms: int, *, seed: int = 7
) -> tuple[int, int]:
    """Ask REQUESTS times, as query strings and as messages; any exception but the named ones passes up.

    `usual`: values that make sense for the endpoint's own parameters. Answers with (answered, refused).
    """
    dice = random.Random(seed)
    values = {**USUAL, **usual}
    names = sorted(NAMES | endpoint.spec.own | {"only_changes"})
    required = [name for name, choices in usual.items() if "" not in choices]
    answered = refused = 0
    params: Params[Any] | None = None
    for _ in range(REQUESTS):
        given = {name: _value(dice, name, values) for name in dice.sample(names, dice.randrange(4))}
        is_message = params is not None and dice.random() < 0.3
        if is_message:
            given.pop("only_changes", None)
        else:
            given = {name: dice.choice(usual[name]) for name in required} | given
            given = {name: str(value) for name, value in given.items() if value is not None}
            if dice.random() < 0.01:
                given[dice.choice(("nonsense", "", "Filters", "__class__"))] = "1"
        try:
            params = endpoint.parse(given, params if is_message else None)
            await endpoint.answer(params, now_ms, None)
            answered += 1
        except BadParameter as exc:
            assert exc.code
            assert exc.parameter or "" in given
            assert exc.message
            exc.frame()
            refused += 1
        except Unavailable as exc:
            assert str(exc)
            refused += 1
    return answered, refused


def _value(dice: random.Random, name: str, values: Mapping[str, Sequence[object]]) -> object:
    return dice.choice(values[name]) if name in values and dice.random() < 0.6 else dice.choice(JUNK)
