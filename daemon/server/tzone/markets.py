"""Names of markets, contracts and coins as clients write them, read once for all endpoints."""

import re
from functools import lru_cache

from daemon.server.parameters import BadParameter, a_text
from daemon.server.tzone.endpoint import names_in
from daemon.upstream import exchanges
from daemon.upstream.records import Contract
from rules.instruments import PERPETUAL, coin_of, from_packed

DEFAULT_MARKETS = exchanges.VENUES
LONGEST_NAME = 64
_ENDING = re.compile(r"(?:[-_]?(?:USDT|USDC|USD))?(?:[-_]?(?:PERP|SWAP|PERPETUAL))?$")
_SEPARATORS = re.compile(r"[-_]")


def read_markets(parameter: str, value: object, default: tuple[str, ...] = DEFAULT_MARKETS) -> tuple[str, ...]:
    """Exchange names, canonical, each once; closed exchanges are fine and bring no rows.

    Names that only some provider knows are left to `check_markets`, which asks the market.
    """
    found = []
    for name in names_in(parameter, value):
        try:
            found.append(exchanges.canonical(name))
        except exchanges.UnknownExchange:
            found.append(a_text(parameter, name, longest=LONGEST_NAME).lower().removeprefix("coindesk-"))
    return tuple(dict.fromkeys(found)) or default


def read_names(parameter: str, value: object) -> tuple[str, ...]:
    """Coins or contracts, in capitals, each once."""
    names = (a_text(parameter, name, longest=LONGEST_NAME).upper() for name in names_in(parameter, value))
    return tuple(dict.fromkeys(names))


def read_name(parameter: str, value: object, example: str) -> str:
    """One coin or contract that must be given, in capitals."""
    name = "" if value is None else a_text(parameter, value, longest=LONGEST_NAME).strip().upper()
    if not name:
        raise BadParameter("missing", parameter, f"{parameter} is required, e.g. {parameter}={example}")
    return name


def coin_named(symbol: str) -> str:
    """The coin that a client means by BTC, BTCUSDT, BTC-USDT-SWAP, BTC-PERPETUAL or BTC-USDT-PERP."""
    text = symbol.strip().upper()
    if text.count("-") == 2:
        return coin_of(text)
    try:
        return coin_of(from_packed(text).base)
    except ValueError:
        return coin_of(_ENDING.sub("", text, count=1) or text)


def pair_of(symbol: str, pair: str) -> str:
    """How tables show a contract: BTCUSDT for every exchange's BTC-USDT-PERP; what expires by the exchange's own name."""
    base, quote, expiry = symbol.split("-")
    return base + quote if expiry == PERPETUAL else pair


def is_named(contract: Contract, name: str) -> bool:
    """Whether a client means this contract by BTCUSDT, BTC-USDT-SWAP, BTC-USDT-PERP or BTC-USDT-VANILLA-PERPETUAL."""
    return _packed(name) in _names(contract.symbol, contract.pair, contract.kind)


@lru_cache(maxsize=16_384)
def _names(symbol: str, pair: str, kind: str) -> frozenset[str]:
    names = {symbol, pair, pair_of(symbol, pair)}
    base, quote, expiry = symbol.split("-")
    if expiry == PERPETUAL:
        names |= {f"{base}{quote}SWAP", f"{base}{quote}{kind}PERPETUAL"}
    return frozenset(map(_packed, names))


def _packed(name: str) -> str:
    return _SEPARATORS.sub("", name).upper()
