"""Bybit linear contracts: mark price, funding and open interest in one topic each, and all liquidations."""

from daemon.sources.base import Context, Feed
from daemon.sources.configs import Bybit as Config
from daemon.sources.listing import chosen, unlisted
from daemon.sources.pollers import bybit as pollers
from daemon.sources.script import Plan, Script, Timing
from daemon.sources.sieve import Sieve
from daemon.sources.stream import Stream
from daemon.wire import bybit as wire
from rules.events import FundingRate, Liquidation, MarkPrice, OpenInterest
from rules.selection import Selection

TICKER_KINDS = (MarkPrice, FundingRate, OpenInterest)
KINDS = (*TICKER_KINDS, Liquidation)
MOVES_WITHIN_S = 60.0  # a ticker is sent when anything in it changes, ten times a second for a liquid contract


def build(config: Config, context: Context, *, timing: Timing | None = None) -> list[Feed]:
    """The stream if anything it carries is wanted, and the pollers that are."""
    desk = pollers.Desk(context, config.rest_url)
    feeds: list[Feed] = []
    if context.wanted.any_of(KINDS, venue=wire.VENUE):

        async def script() -> Script:
            return await _script(context, desk)

        feeds.append(
            Stream(
                name="bybit.market",
                venue=wire.VENUE,
                url=config.ws_url,
                context=context,
                sieve=Sieve(context.wanted, KINDS, context.once),
                script=script,
                timing=timing or Timing(),
            )
        )
    return feeds + pollers.build(desk, settled_funding_every_ms=config.settled_funding_every)


async def _script(context: Context, desk: pollers.Desk) -> Script:
    """Every topic names an instrument, so the list of them comes first."""
    wishes: list[Selection] = []
    listed = await desk.listed()
    tickers: set[str] = set()
    for kind in TICKER_KINDS:
        which = context.wanted.selection(kind, venue=wire.VENUE)
        if which is not None:
            wishes.append(which)
            tickers.update(chosen(which, listed))
    liquidations: list[str] = []
    if (which := context.wanted.selection(Liquidation, venue=wire.VENUE)) is not None:
        wishes.append(which)
        liquidations = chosen(which, listed)
    moving = [wire.ticker_topic(symbol) for symbol in sorted(tickers)]
    plan = Plan(
        topics=[*moving, *map(wire.liquidation_topic, liquidations)],
        moving=frozenset(moving),
        moves=frozenset(TICKER_KINDS),
        moves_within_s=MOVES_WITHIN_S,
        unlisted=unlisted(wishes, listed),
    )
    return Script(dialect=wire, reader=wire.Decoder(desk.intervals_h), first=plan)
