"""What a subscription of Amberdata means here: which channel, which of our places, and what has to be heard for it."""

from collections.abc import Sequence

import msgspec

from daemon.server.dialects.listing import Lists
from daemon.wire import amberdata as wire
from daemon.wire.amberdata_names import ALIASES, USUAL, VENUES, is_name_of, to_symbol, to_venue
from daemon.wire.amberdata_requests import NO_WILDCARD, NOT_AUTHORIZED, Wish, Wrong
from daemon.wishes import Wish as Upstream
from rules.events import (
    BookSnapshot,
    BookUpdate,
    Candle,
    Event,
    LongShortRatio,
    Trade,
)
from rules.selection import Selection

KINDS: dict[str, tuple[type[Event], ...]] = {name: (kind,) for kind, name in wire.CHANNELS.items()} | {
    wire.ORDER_EVENTS: (BookSnapshot, BookUpdate),
    wire.ORDER_SNAPSHOTS: (BookSnapshot, BookUpdate),
}
HEAVY = frozenset((Trade, Candle, BookSnapshot, BookUpdate, LongShortRatio))
"""without an instrument these mean the coins that are followed live: everything would be thousands of streams"""
CLOSED = "bitmex"  # since September 2026: a valid name that has nothing to say
_ANY_NAME = "hyperliquid"  # every word looks like an instrument there, so it has to be named


class Meaning(msgspec.Struct, frozen=True):
    """One subscription in our words. `spelled` is (our name, theirs) of an exchange that the client calls otherwise."""

    channel: str
    addresses: tuple[tuple[str | None, str | None], ...]
    wishes: tuple[Upstream, ...]
    spelled: tuple[bytes, bytes] | None = None


async def meaning(wish: Wish, *, live: Selection, lists: Lists) -> Meaning:
    """Raises Wrong, with the published sentence where there is one."""
    if wish.channel not in KINDS:
        raise Wrong(f"subscription '{wish.channel[:60]}' is not supported")
    if wish.instrument is None and wish.channel in wire.FIREHOSES:
        raise Wrong(NO_WILDCARD, NOT_AUTHORIZED)
    venue = None if wish.exchange is None else _venue(wish.exchange)
    kinds = KINDS[wish.channel]
    addresses: tuple[tuple[str | None, str | None], ...]
    if wish.instrument is None:
        addresses = ((venue, None),)
        which = live if HEAVY.intersection(kinds) else Selection(None)
        wishes = tuple((kind, venue, which) for kind in kinds)
    else:
        if wish.channel == wire.INSURANCE_FUNDS:
            addresses = ((venue, _coin(wish.instrument)),)
        else:
            addresses = tuple(await _places(venue, wish.instrument, lists))
        wishes = tuple((kind, where, Selection.of([what or ""])) for kind in kinds for where, what in addresses)
    if venue == CLOSED:
        wishes = ()
    return Meaning(wish.channel, addresses, wishes, _spelled(wish.exchange))


def _venue(exchange: str) -> str:
    venue = to_venue(exchange)
    if venue not in VENUES and venue != CLOSED:
        raise Wrong(f"exchange '{exchange[:40]}' is not supported; there are {', '.join(VENUES)}")
    return venue


def _coin(name: str) -> str:
    if not name.isalnum():
        raise Wrong(f"instrument '{name[:40]}' is unknown; insurance funds are named by their coin, as in BTC")
    return name.upper()


async def _places(venue: str | None, name: str, lists: Lists) -> Sequence[tuple[str, str]]:
    """Where this instrument is traded, among the venues that write it in this way."""
    asked = [venue] if venue is not None else [each for each in VENUES if each != _ANY_NAME]
    if venue == CLOSED:
        return [(CLOSED, name)]
    places = [(each, to_symbol(each, name)) for each in asked if is_name_of(each, name)]
    found = [place for place in places if await lists(*place) is not False]
    if not found:
        where, usual = ("any exchange", "BTCUSDT") if venue is None else (venue, USUAL[venue])
        raise Wrong(f"instrument '{name[:40]}' is unknown on {where}; names are like {usual} there")
    return found


def _spelled(exchange: str | None) -> tuple[bytes, bytes] | None:
    lower = (exchange or "").lower()
    if lower not in ALIASES:
        return None
    return f'"exchange":"{ALIASES[lower]}"'.encode(), f'"exchange":"{lower}"'.encode()
