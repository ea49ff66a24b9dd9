"""The share of Bitcoin and that of Ether in the value of all coins (spec/001, `btc_dom` and `eth_dom`)."""

from collections.abc import Mapping

import msgspec

from daemon.server.rows import Kept
from daemon.server.sources import Sources
from daemon.server.table import Table
from daemon.server.tzone.cards import cards, in_percent
from daemon.server.tzone.endpoint import Data, Spec
from daemon.server.tzone.parts import Parts

PREFIX = "/tzone_apis/services/stablecoins"
FIELDS = ("Title", "Value")  # capitals as documented; names in filters may be written either way


class Own(msgspec.Struct, frozen=True):
    """It has no parameters of its own."""


def read(given: Mapping[str, object]) -> Own:
    """Nothing to read."""
    del given
    return Own()


async def load_bitcoin(sources: Sources, own: Own, now_ms: int, kept: Kept) -> Data:
    """Out of the same answer about the whole market that the snapshot shows."""
    del own
    parts = Parts(now_ms)
    return _card(parts, "Bitcoin Dominance", parts.take(await sources.market.global_market()).btc_percent, kept)


async def load_ether(sources: Sources, own: Own, now_ms: int, kept: Kept) -> Data:
    """Out of the same answer about the whole market that the snapshot shows."""
    del own
    parts = Parts(now_ms)
    return _card(parts, "Ethereum Dominance", parts.take(await sources.market.global_market()).eth_percent, kept)


def _card(parts: Parts, title: str, percent: float | None, kept: Kept) -> Data:
    row = kept.row(title, {"Title": title, "Value": in_percent(percent)}, {"Value": percent})
    return parts.data(Table([row], time_field=None, fields=FIELDS))


BITCOIN = Spec(
    path=f"{PREFIX}/btc_dom",
    about="the share of Bitcoin in the value of all coins",
    example='filters={"Title":"Bitcoin Dominance"}',
    own=frozenset(),
    read=read,
    load=load_bitcoin,
    envelope=cards,
)
ETHER = Spec(
    path=f"{PREFIX}/eth_dom",
    about="the share of Ether in the value of all coins",
    example='filters={"Title":"Ethereum Dominance"}',
    own=frozenset(),
    read=read,
    load=load_ether,
    envelope=cards,
)
