"""OKX swaps: mark price, funding, open interest and liquidations, all over one stream."""

from collections.abc import Callable, Iterable

from daemon.sources.base import Context, Feed
from daemon.sources.configs import Okx as Config
from daemon.sources.listing import chosen, unlisted
from daemon.sources.script import Plan, Script, Timing
from daemon.sources.sieve import Sieve
from daemon.sources.stream import Stream
from daemon.sources.wanted import Wanted
from daemon.wire import okx as wire
from rules.events import Event, FundingRate, Liquidation, MarkPrice, OpenInterest
from rules.selection import Selection

TOPICS: dict[type[Event], Callable[[str], str]] = {
    MarkPrice: wire.mark_topic,
    OpenInterest: wire.open_interest_topic,
    FundingRate: wire.funding_topic,
}
KINDS: tuple[type[Event], ...] = (*TOPICS, Liquidation)
MOVES_WITHIN_S = 60.0  # mark prices come at least every 10 s, open interest every 3 s
FUNDING_MOVES_WITHIN_S = 300.0  # funding alone: every 30 to 90 s


def build(config: Config, context: Context, *, timing: Timing | None = None) -> list[Feed]:
    """The stream, if anything it carries is wanted."""
    if not context.wanted.any_of(KINDS, venue=wire.VENUE):
        return []

    async def script() -> Script:
        return _script(context.wanted)

    stream = Stream(
        name="okx.market",
        venue=wire.VENUE,
        url=config.ws_url,
        context=context,
        sieve=Sieve(context.wanted, KINDS, context.once),
        script=script,
        timing=timing or Timing(),
    )
    return [stream]


def _script(wanted: Wanted) -> Script:
    """Contracts first, in a decoder of this connection: without their sizes a liquidation has no unit."""
    reader = wire.Decoder()

    def then() -> Plan | None:
        return _plan(wanted, _named(reader.contracts)) if reader.contracts else None

    return Script(
        dialect=wire, reader=reader, first=Plan(topics=[wire.instruments_topic()]), then=then, answers_each=True
    )


def _named(inst_ids: Iterable[str]) -> list[str]:
    """Our names of instruments; those that we cannot name are left out."""
    names = []
    for inst_id in inst_ids:
        try:
            names.append(wire.to_symbol(inst_id))
        except ValueError:
            continue
    return names


def _plan(wanted: Wanted, listed: list[str]) -> Plan:
    topics: list[str] = []
    moving: set[str] = set()
    wishes: list[Selection] = []
    for kind, topic in TOPICS.items():
        which = wanted.selection(kind, venue=wire.VENUE)
        if which is not None:
            wishes.append(which)
            named = [topic(symbol) for symbol in chosen(which, listed)]
            topics += named
            if kind is not FundingRate or not moving:
                moving.update(named)
    only_funding = all(topic.startswith("funding") for topic in moving)
    if (which := wanted.selection(Liquidation, venue=wire.VENUE)) is not None:
        wishes.append(which)
        topics.append(wire.liquidation_topic())  # of all swaps: one alone is refused, or silently widened
    return Plan(
        topics=topics,
        moving=frozenset(moving),
        moves=frozenset(TOPICS),
        moves_within_s=FUNDING_MOVES_WITHIN_S if only_funding else MOVES_WITHIN_S,
        unlisted=unlisted(wishes, listed),
    )
