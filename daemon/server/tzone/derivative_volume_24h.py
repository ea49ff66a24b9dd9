"""What was traded in Bitcoin derivatives in 24 hours, as a card with its details (spec/001, `derivative/ws/24h_volume`)."""

from collections.abc import Mapping
from typing import Any, cast

import msgspec

from daemon.server.rows import Kept
from daemon.server.sources import Sources
from daemon.server.table import Selection, Table
from daemon.server.tzone.cards import in_usd, left, one_card
from daemon.server.tzone.endpoint import Data, Frame, Params, Spec, raw
from daemon.server.tzone.parts import Parts
from daemon.upstream import exchanges

PATH = "/tzone_apis/services/stablecoins/derivative/ws/24h_volume"
COIN = "BTC"
VENUES = ("binance", "bybit", "okx", "deribit")  # the documented ones that are open: BitMEX has closed
TITLE = "24h Derivative Volumes"
FIELDS = ("market", "instrument", "volume", "raw", "title", "value")
ALIASES = {"exchange": "market", "volume_24h": "volume"}


class Own(msgspec.Struct, frozen=True):
    """It has no parameters of its own."""


def read(given: Mapping[str, object]) -> Own:
    """Nothing to read."""
    del given
    return Own()


async def load(sources: Sources, own: Own, now_ms: int, kept: Kept) -> Data:
    """A row for each exchange, the largest first: what was traded in its main perpetual."""
    del own
    parts = Parts(now_ms)
    volumes = parts.take(await sources.market.derivative_volumes(COIN, VENUES))
    if not volumes:
        parts.lacks("no exchange has told its volume")
    volumes = sorted(volumes, key=lambda volume: -volume.volume_usd)
    rows = [
        kept.row(
            (volume.venue, volume.instrument),
            {
                "market": volume.venue,
                "instrument": volume.instrument,
                "volume": volume.volume_usd,
                "raw": volume.raw,
            },
            {"title": TITLE, "value": volume.volume_usd},
        )
        for volume in volumes
    ]
    is_coindesk = sources.market.provider == "CoinDesk"
    told_by = "CoinDesk" if is_coindesk else ", ".join(exchanges.title(volume.venue) for volume in volumes)
    table = Table(rows, aliases=ALIASES, time_field=None, fields=FIELDS)
    return parts.data(table, {"told_by": told_by}, (told_by, *(volume.volume_usd for volume in volumes)))


def envelope(selection: Selection, data: Data, params: Params[Own], frame: Frame) -> dict[str, Any]:
    """The card; filters, search, order and pages are about its details, and its total is of all that pass."""
    total = sum(cast(float, row.fields["volume"]) for row in left(data, params, frame))
    told_by = data.extra["told_by"]
    card = {
        "title": TITLE,
        "value": in_usd(total) if len(data.table) else None,
        "subtext": f"total volumes across selected derivatives contracts ({told_by or 'nobody'})",
        "details": raw(selection),
    }
    return one_card(card, frame)


SPEC = Spec(
    path=PATH,
    about="what was traded in Bitcoin derivatives in 24 hours",
    example='filters={"market":"binance"}&sort_by=volume&sort_order=desc&page=1&page_size=10',
    own=frozenset(),
    read=read,
    load=load,
    envelope=envelope,
)
