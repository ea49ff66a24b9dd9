"""HTX's linear swaps: funding and liquidations from its notifications, mark prices from its index, the rest by asking.

Insurance funds are those of the swaps that are margined in coins: each is held in its coin.
"""

import logging

from daemon.sources.base import Context, Feed
from daemon.sources.configs import Htx as Config
from daemon.sources.forgiving import Forgiving
from daemon.sources.listing import Listed, chosen, named, unlisted
from daemon.sources.poller import Ask, Poller
from daemon.sources.script import Plan, Script, Timing
from daemon.sources.sieve import Sieve
from daemon.sources.stream import Stream
from daemon.supervisor import Refused, Transient
from daemon.upstream.limits import Budget
from daemon.wire import htx_insurance as insurance
from daemon.wire import htx_stream as wire
from daemon.wire import htx_symbols as rest
from daemon.wire.control import Unreadable
from rules.events import Event, FundingRate, InsuranceFund, Liquidation, MarkPrice, OpenInterest
from rules.selection import Selection

log = logging.getLogger(__name__)

NOTIFIED = (FundingRate, Liquidation)
BUDGET = Budget(weight=30, per_s=3)  # 120 in 3 s are allowed
SINGLES_MAX = 50  # of more instruments than that, all are asked for as one topic
FUNDING_MOVES_WITHIN_S = 300.0  # every minute, and told when it changes
MARKS_MOVE_WITHIN_S = 60.0


class Desk:
    """What HTX lists, learnt over REST and shared by its streams."""

    def __init__(self, context: Context, rest_url: str) -> None:
        self.context = context
        self.sizes: dict[str, float] = {}  # by HTX's name
        self.intervals_h: dict[str, float] = {}  # by symbol
        self.listed = Listed(self._ask, context.clock)
        self._url = rest_url
        self._funds = Forgiving("insurance fund", wire.VENUE)
        self._coins = Listed(self._ask_coins, context.clock)
        self._client = context.http.client(rest_url, budget=BUDGET)

    async def open_interest(self) -> list[OpenInterest]:
        """Of every contract, in one answer."""
        body = await self._client.get(self._url + rest.OPEN_INTEREST)
        return rest.decode_open_interest(body, self.context.clock())

    async def insurance_funds(self) -> list[InsuranceFund]:
        """Of every wanted coin, one call each."""
        wanted = self.context.wanted.selection(InsuranceFund, venue=wire.VENUE)
        events: list[InsuranceFund] = []

        async def ask(coin: str) -> None:
            params: dict[str, str | int] = {"contract_code": insurance.contract_of(coin)}
            body = await self._client.get(self._url + insurance.FUND, params=params)
            events.extend(insurance.decode_fund(body, self.context.clock()))

        await self._funds.each(chosen(wanted, await self._coins.symbols()), ask)
        return events

    async def _ask_coins(self) -> list[str]:
        return insurance.decode_coins(await self._client.get(self._url + insurance.CONTRACTS))

    async def _ask(self) -> list[str]:
        found = rest.decode_contracts(await self._client.get(self._url + rest.CONTRACTS))
        self.sizes.clear()
        self.sizes.update(found)
        try:
            self.intervals_h.update(rest.decode_intervals(await self._client.get(self._url + rest.ELEMENTS)))
        except (Transient, Refused, Unreadable) as exc:  # eight hours then, until two settlements have taught us better
            log.warning("HTX does not say how often funding is paid", extra={"error": str(exc)})
        return named(found, wire.to_symbol)


def build(config: Config, context: Context, *, timing: Timing | None = None) -> list[Feed]:
    """The two streams and the poller of which anything is wanted."""
    desk = Desk(context, config.rest_url)
    timing = timing or Timing(sends_per_s=wire.SENDS_PER_S)
    feeds: list[Feed] = []
    if context.wanted.any_of(NOTIFIED, venue=wire.VENUE):

        async def notifications() -> Script:
            reader = wire.Decoder(desk.sizes, desk.intervals_h)
            return Script(dialect=wire, reader=reader, first=_notified(context, await desk.listed.symbols()))

        feeds.append(
            Stream(
                name="htx.notifications",
                venue=wire.VENUE,
                url=config.ws_url,
                context=context,
                sieve=Sieve(context.wanted, NOTIFIED, context.once),
                script=notifications,
                timing=timing,
            )
        )
    if context.wanted.any_of((MarkPrice,), venue=wire.VENUE):

        async def index() -> Script:
            return Script(dialect=wire, reader=wire.Decoder(), first=_priced(context, await desk.listed.symbols()))

        feeds.append(
            Stream(
                name="htx.index",
                venue=wire.VENUE,
                url=config.index_url,
                context=context,
                sieve=Sieve(context.wanted, (MarkPrice,), context.once),
                script=index,
                timing=timing,
            )
        )

    def poller(name: str, kind: type[Event], every_ms: int, ask: Ask) -> None:
        if context.wanted.any_of((kind,), venue=wire.VENUE):
            sieve = Sieve(context.wanted, (kind,), context.once)
            feeds.append(Poller(name=name, venue=wire.VENUE, context=context, sieve=sieve, every_ms=every_ms, ask=ask))

    poller("htx.open_interest", OpenInterest, config.open_interest_every, desk.open_interest)
    poller("htx.insurance_fund", InsuranceFund, config.insurance_fund_every, desk.insurance_funds)
    return feeds


def _notified(context: Context, listed: list[str]) -> Plan:
    """Funding and liquidations: of a few instruments one by one, of many all at once."""
    topics: list[str] = []
    wishes: list[Selection] = []
    moving: set[str] = set()
    for kind, one, everything in (
        (FundingRate, wire.funding_topic, wire.ALL_FUNDING),
        (Liquidation, wire.liquidation_topic, wire.ALL_LIQUIDATIONS),
    ):
        which = context.wanted.selection(kind, venue=wire.VENUE)
        if which is None:
            continue
        wishes.append(which)
        singles = [one(symbol) for symbol in chosen(which, listed)]
        named = [everything] if which.names is None or len(singles) > SINGLES_MAX else singles
        topics += named
        if kind is FundingRate:
            moving.update(named)
    return Plan(
        topics=topics,
        moving=frozenset(moving),
        moves=frozenset[type[Event]]((FundingRate,)),
        moves_within_s=FUNDING_MOVES_WITHIN_S,
        unlisted=unlisted(wishes, listed),
    )


def _priced(context: Context, listed: list[str]) -> Plan:
    """Mark price and index, each a topic of its own; the index first, so that a mark price finds it."""
    which = context.wanted.selection(MarkPrice, venue=wire.VENUE)
    symbols = chosen(which, listed)
    marks = [wire.mark_topic(symbol) for symbol in symbols]
    return Plan(
        topics=[*map(wire.index_topic, symbols), *marks],
        moving=frozenset(marks),
        moves=frozenset[type[Event]]((MarkPrice,)),
        moves_within_s=MARKS_MOVE_WITHIN_S,
        unlisted=unlisted((which,), listed),
    )
