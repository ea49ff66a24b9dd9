"""Amberdata: ten channels about many exchanges over one stream, with a key; at most 100 subscriptions a connection."""

import logging
from collections.abc import Iterable

from daemon.sources.allotment import Allotment, Unit
from daemon.sources.base import Context, Feed
from daemon.sources.configs import Amberdata as Config
from daemon.sources.script import Plan, Script, Timing
from daemon.sources.sieve import Sieve
from daemon.sources.stream import Stream
from daemon.wire import amberdata as wire
from daemon.wire.amberdata_names import to_name
from rules.events import BookSnapshot, BookUpdate, Event, InsuranceFund
from rules.instruments import Instrument
from rules.selection import Selection

log = logging.getLogger(__name__)

NAME = "amberdata"
KINDS = tuple(wire.CHANNELS)
EXCHANGES = ("binance", "bybit", "okx", "deribit", "gate", "htx", "bitget")
_QUOTES = {"deribit": "USD"}  # a coin's usual perpetual is in USDT everywhere else


def build(config: Config, context: Context, *, timing: Timing | None = None) -> list[Feed]:
    """As many connections as the wanted subscriptions need; those that are there keep what they carry."""
    allotment = context.desks.setdefault(f"{NAME} {config.ws_url}", Allotment(wire.SUBSCRIPTIONS_MAX))
    assert isinstance(allotment, Allotment), "nobody else uses this name"
    return [
        _stream(number, config, context, allotment, timing or Timing()) for number in _allot(config, context, allotment)
    ]


def _stream(number: int, config: Config, context: Context, allotment: Allotment, timing: Timing) -> Stream:
    key = config.key.get_secret_value()

    async def script() -> Script:
        _allot(config, context, allotment)
        client = wire.Client()
        # a refusal is final: none of the published ones goes away by asking again
        return Script(dialect=client, reader=client, first=Plan(topics=allotment.of(number)), retries=0)

    return Stream(
        name=f"amberdata.{number + 1}",
        venue=NAME,
        url=config.ws_url,
        context=context,
        sieve=Sieve(context.wanted, KINDS, context.once),
        script=script,
        timing=timing,
        headers={wire.KEY_HEADER: key},
        secrets=(key,),
    )


def _allot(config: Config, context: Context, allotment: Allotment) -> list[int]:
    """Give each wanted subscription its connection; which connections have any."""
    units = dict.fromkeys(_units(config, context))
    left_out = allotment.share(units, most=config.connections)
    if left_out:
        log.debug("more is wanted than the connections carry", extra={"source": NAME, "left_out": len(left_out)})
    return allotment.used


def _units(config: Config, context: Context) -> Iterable[Unit]:
    """What is to be subscribed: an order book's changes come with its snapshots, on one connection."""
    exchanges = config.exchanges
    if exchanges is None:  # what has a source of its own would come twice, and be counted twice
        exchanges = tuple(exchange for exchange in EXCHANGES if exchange not in context.sources)
    for venue in exchanges:
        for kind, channel in wire.CHANNELS.items():
            which = context.wanted.selection(kind, venue=venue)
            if which is None:
                continue
            for name in _names(kind, venue, which):
                if kind is BookUpdate:
                    yield wire.topic(channel, venue, name), wire.topic(wire.ORDER_SNAPSHOTS, venue, name)
                elif kind is not BookSnapshot or not _has(context, venue, name):
                    yield (wire.topic(channel, venue, name),)


def _has(context: Context, venue: str, name: str) -> bool:
    """Whether this book's snapshots come with its changes anyway."""
    which = context.wanted.selection(BookUpdate, venue=venue)
    return which is not None and name in _names(BookUpdate, venue, which)


def _names(kind: type[Event], venue: str, which: Selection) -> list[str]:
    """The instruments in the exchange's own spelling; a coin means its usual perpetual."""
    if which.names is None:
        return [] if wire.CHANNELS[kind] in wire.FIREHOSES else [wire.EVERY]
    if kind is InsuranceFund:
        return sorted(which.names)
    symbols = (name if "-" in name else str(Instrument(name, _QUOTES.get(venue, "USDT"))) for name in which.names)
    return sorted({to_name(venue, symbol) for symbol in symbols if symbol.count("-") == 2})
