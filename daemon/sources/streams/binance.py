"""Binance USD-M futures: mark prices with funding and liquidations by stream, the rest by asking."""

from daemon.sources.base import Context, Feed
from daemon.sources.configs import Binance as Config
from daemon.sources.listing import chosen, unlisted
from daemon.sources.pollers import binance as pollers
from daemon.sources.script import Plan, Script, Timing
from daemon.sources.sieve import Sieve
from daemon.sources.stream import Stream
from daemon.wire import binance as wire
from rules.events import FundingRate, Liquidation, MarkPrice

KINDS = (MarkPrice, FundingRate, Liquidation)
CONTROL = wire.mark_topic("BTC-USDT-PERP")  # never quiet: tells a quiet market from a deaf path
SINGLES_MAX = 150  # more than that, and the stream of all is cheaper; 200 is the most on one connection
MOVES_WITHIN_S = 30.0  # mark prices come every second


def build(config: Config, context: Context, *, timing: Timing | None = None) -> list[Feed]:
    """The stream if anything it carries is wanted, and the pollers that are."""
    desk = pollers.Desk(context, config.rest_url)
    feeds: list[Feed] = []
    if context.wanted.any_of(KINDS, venue=wire.VENUE):

        async def script() -> Script:
            return await _script(context, desk)

        feeds.append(
            Stream(
                name="binance.market",
                venue=wire.VENUE,
                url=config.ws_url,
                context=context,
                sieve=Sieve(context.wanted, KINDS, context.once),
                script=script,
                timing=timing or Timing(),
            )
        )
    return feeds + pollers.build(
        desk,
        open_interest_every_ms=config.open_interest_every,
        settled_funding_every_ms=config.settled_funding_every,
        intervals_every_ms=config.intervals_every,
    )


async def _script(context: Context, desk: pollers.Desk) -> Script:
    """Look around over REST only as far as the wishes need it."""
    wanted = context.wanted
    mark = wanted.selection(MarkPrice, venue=wire.VENUE)
    funding = wanted.selection(FundingRate, venue=wire.VENUE)
    liquidation = wanted.selection(Liquidation, venue=wire.VENUE)
    if funding is not None:
        await desk.learn_intervals()  # without them a 4 h rate would pass for an 8 h rate
    prices = mark | funding if mark is not None and funding is not None else mark or funding
    wishes = [which for which in (mark, funding, liquidation) if which is not None]
    listed: list[str] = []
    if any(which.names is not None for which in wishes):
        listed = list(await desk.marks())
    topics: list[str] = []
    if prices is not None:
        symbols = chosen(prices, listed)
        everything = prices.names is None or len(symbols) > SINGLES_MAX
        topics = [wire.ALL_MARKS] if everything else [wire.mark_topic(symbol) for symbol in symbols]
    if liquidation is not None:
        topics = [*(topics or [CONTROL]), wire.ALL_LIQUIDATIONS]
    plan = Plan(
        topics=topics,
        moving=frozenset(topics) - {wire.ALL_LIQUIDATIONS},
        moves=frozenset((MarkPrice, FundingRate)),
        moves_within_s=MOVES_WITHIN_S,
        unlisted=unlisted(wishes, listed),
    )
    return Script(dialect=wire, reader=wire.Decoder(desk.intervals_h), first=plan)
