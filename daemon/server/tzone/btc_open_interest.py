"""Open interest in Bitcoin at Deribit, as a card with its details (spec/001, `derivative/ws/btc_open_interest`)."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from daemon.server.parameters import one_of
from daemon.server.rows import Kept, Row
from daemon.server.sources import Sources
from daemon.server.table import Selection, Table
from daemon.server.tzone import pictures
from daemon.server.tzone.cards import in_usd, left, one_card
from daemon.server.tzone.endpoint import Data, Frame, Params, Spec, raw
from daemon.server.tzone.live import newest
from daemon.server.tzone.parts import Parts
from daemon.upstream import exchanges

PATH = "/tzone_apis/services/stablecoins/derivative/ws/btc_open_interest"
COIN, VENUE = "BTC", "deribit"
OPTIONS, PERPETUAL = "options", "perpetual"
TITLES = {OPTIONS: "Bitcoin Options Open Interest", PERPETUAL: "Bitcoin Perpetual Open Interest"}
FIELDS = ("source", "instrument", "market", "open_interest", "last_update", "raw", "title", "value", "symbol")
ALIASES = {"exchange": "market", "timestamp": "last_update"}


class Own(msgspec.Struct, frozen=True):
    """Its own parameters."""

    kind: str


def read(given: Mapping[str, object]) -> Own:
    """What the document's title says (options) or what its example shows (the perpetual)."""
    return Own(one_of("kind", given.get("kind") or OPTIONS, TITLES))


async def load(sources: Sources, own: Own, now_ms: int, kept: Kept) -> Data:
    """A row for each instrument, the largest first, in US dollars."""
    parts = Parts(now_ms)
    load_rows = _options if own.kind == OPTIONS else _perpetuals
    rows = await load_rows(sources, parts, kept)
    if not rows:
        parts.lacks(f"{exchanges.title(VENUE)} lists no open {own.kind}")
    rows.sort(key=lambda row: -_interest(row))
    coin = (await pictures.coins(sources, (COIN,))).get(COIN)
    logo = None if coin is None else coin.image
    table = Table(rows, aliases=ALIASES, time_field="last_update", fields=FIELDS)
    return parts.data(table, {"logo": logo}, (logo, sum(map(_interest, rows))))


async def _options(sources: Sources, parts: Parts, kept: Kept) -> list[Row]:
    """Deribit's own answer: coins times the price of what underlies each option."""
    source = exchanges.title(VENUE)
    options = parts.take(await sources.market.options_interest(COIN))
    return [_row(kept, OPTIONS, source, option.instrument, option.oi_usd, option.at_ms) for option in options]


async def _perpetuals(sources: Sources, parts: Parts, kept: Kept) -> list[Row]:
    """Deribit's perpetuals by whoever answers for it, in dollars already; what we stream ourselves is newer."""
    source = "CoinDesk" if sources.market.provider == "CoinDesk" else exchanges.title(VENUE)
    contracts = parts.take(await sources.market.contracts(VENUE, (COIN,)))
    found = (newest(sources, contract) for contract in contracts if contract.symbol.endswith("-PERP"))
    return [
        _row(kept, PERPETUAL, source, contract.pair, contract.oi_usd, contract.at_ms)
        for contract in found
        if contract.oi_usd is not None
    ]


def _row(kept: Kept, kind: str, source: str, instrument: str, oi_usd: float, at_ms: int) -> Row:
    """`raw` is empty: an upstream's own row is not kept, and of a thousand options it would be most of the frame."""
    fields: dict[str, object] = {
        "source": source,
        "instrument": instrument,
        "market": VENUE,
        "open_interest": oi_usd,
        "last_update": at_ms // 1_000,
        "raw": {},
    }
    return kept.row(instrument, fields, {"title": TITLES[kind], "value": oi_usd, "symbol": COIN})


def envelope(selection: Selection, data: Data, params: Params[Own], frame: Frame) -> dict[str, Any]:
    """The card; filters, search, order and pages are about its details, and its total is of all that pass."""
    kind = params.own.kind
    card = {
        "title": TITLES[kind],
        "value": in_usd(sum(map(_interest, left(data, params, frame)))) if len(data.table) else None,
        "subtext": f"total {COIN} {kind} open interest ({exchanges.title(VENUE)})",
        "logo": data.extra["logo"],
        "symbol": COIN,
        "details": raw(selection),
    }
    return one_card(card, frame)


def _interest(row: Row) -> float:
    return cast(float, row.fields["open_interest"])


def moved(sources: Sources, own: Own) -> int:
    """When the perpetuals last moved in our streams; options we do not stream."""
    return sources.views.futures.version_of(frozenset({COIN})) if own.kind == PERPETUAL else 0


SPEC = Spec(
    path=PATH,
    about="open interest in Bitcoin options (or perpetuals) at Deribit",
    example='filters={"market":"deribit"}&sort_by=open_interest&sort_order=desc&page=1&page_size=10',
    own=frozenset({"kind"}),
    read=read,
    load=load,
    envelope=envelope,
    moved=moved,
)
