"""What Binance does not stream: open interest, funding intervals, and funding that was paid."""

import logging

from daemon.sources.base import Context, Feed
from daemon.sources.listing import chosen
from daemon.sources.poller import Poller, each
from daemon.sources.sieve import Sieve
from daemon.supervisor import Refused
from daemon.upstream.limits import Budget
from daemon.wire import binance as wire
from daemon.wire import binance_rest as rest
from rules.events import Event, FundingRate, MarkPrice, OpenInterest

log = logging.getLogger(__name__)

BUDGET = Budget(weight=2_000, per_s=60)  # Binance allows 2,400 a minute and address; others may share ours
USED_HEADER = "X-MBX-USED-WEIGHT-1M"
FUNDING_BUDGET_ROWS = 1_000
LOOK_BACK_MS = 9 * 3_600_000  # at the start: the latest settlement of an 8 h contract


class Desk:
    """One client for Binance's REST host, and what we have learnt there."""

    def __init__(self, context: Context, rest_url: str) -> None:
        self.context = context
        self.intervals_h: dict[str, float] = {}  # shared with the stream's decoder
        self._url = rest_url
        self._client = context.http.client(rest_url, budget=BUDGET, used_header=USED_HEADER)
        self._settled_ms: int | None = None
        self._refused: set[str] = set()

    async def learn_intervals(self) -> tuple[Event, ...]:
        """Hours between settlements of the symbols that differ from the usual eight."""
        found = rest.decode_funding_info(await self._client.get(self._url + rest.FUNDING_INFO))
        self.intervals_h.clear()
        self.intervals_h.update(found)
        return ()

    async def marks(self) -> dict[str, float]:
        """The mark price of every instrument that is listed."""
        body = await self._client.get(self._url + rest.PREMIUM_INDEX, weight=10)
        events = rest.decode_premium_index(body, self.context.clock(), self.intervals_h)
        return {event.symbol: event.price for event in events if isinstance(event, MarkPrice)}

    async def open_interest(self) -> list[Event]:
        """Of every wanted instrument, one call each."""
        marks = await self.marks()
        events: list[Event] = []

        async def ask(symbol: str) -> None:
            try:
                body = await self._client.get(
                    self._url + rest.OPEN_INTEREST, params={"symbol": wire.from_symbol(symbol)}
                )
            except Refused as exc:  # listed, but closed for trading: the others go on
                if symbol not in self._refused:
                    self._refused.add(symbol)
                    log.warning("open interest was refused", extra={"symbol": symbol, "error": str(exc)})
                return
            events.append(rest.decode_open_interest(body, self.context.clock(), marks[symbol]))

        await each(chosen(self.context.wanted.selection(OpenInterest, venue=wire.VENUE), marks), ask)
        return events

    async def settled_funding(self) -> list[FundingRate]:
        """Paid since the last look, of all instruments in one call; a full page means that there is more."""
        if not self.intervals_h:
            await self.learn_intervals()
        now = self.context.clock()
        start = now - LOOK_BACK_MS if self._settled_ms is None else self._settled_ms
        events: list[FundingRate] = []
        while True:
            body = await self._client.get(
                self._url + rest.FUNDING_RATE, params={"startTime": start, "endTime": now, "limit": FUNDING_BUDGET_ROWS}
            )
            page = rest.decode_funding_rates(body, self.context.clock(), self.intervals_h)
            events += page
            latest = max((event.at_ms for event in page), default=start)
            if len(page) < FUNDING_BUDGET_ROWS or latest <= start:
                break
            start = latest
        if events:
            # asked again from there, because rows of one settlement do not all appear at once; repeats are sieved out
            self._settled_ms = max(event.at_ms for event in events) - 60_000
        return events


def build(
    desk: Desk, *, open_interest_every_ms: int, settled_funding_every_ms: int, intervals_every_ms: int
) -> list[Feed]:
    """The pollers of which anything is wanted."""
    context = desk.context
    feeds: list[Feed] = []
    if context.wanted.any_of((OpenInterest,), venue=wire.VENUE):
        feeds.append(
            Poller(
                name="binance.open_interest",
                venue=wire.VENUE,
                context=context,
                sieve=Sieve(context.wanted, (OpenInterest,), context.once),
                every_ms=open_interest_every_ms,
                ask=desk.open_interest,
            )
        )
    if context.wanted.any_of((FundingRate,), venue=wire.VENUE):
        feeds.append(
            Poller(
                name="binance.intervals",
                venue=wire.VENUE,
                context=context,
                sieve=Sieve(context.wanted, (), context.once),
                every_ms=intervals_every_ms,
                ask=desk.learn_intervals,
                carries=("funding_interval",),  # no event: rates keep coming, with the intervals that we know
            )
        )
        feeds.append(
            Poller(
                name="binance.settled_funding",
                venue=wire.VENUE,
                context=context,
                sieve=Sieve(context.wanted, (FundingRate,), context.once),
                every_ms=settled_funding_every_ms,
                ask=desk.settled_funding,
            )
        )
    return feeds
