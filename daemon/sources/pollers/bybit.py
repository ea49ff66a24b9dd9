"""What Bybit does not stream: the list of instruments, and funding that was paid."""

from daemon.sources.base import Context, Feed
from daemon.sources.listing import chosen
from daemon.sources.poller import Poller, each
from daemon.sources.sieve import Sieve
from daemon.upstream.limits import Budget
from daemon.wire import bybit as wire
from daemon.wire import bybit_rest as rest
from rules.events import Event, FundingRate

BUDGET = Budget(weight=300, per_s=5)  # Bybit allows 600; a 403 bans the address for ten minutes
CATEGORY = "linear"
ROWS = 10


class Desk:
    """One client for Bybit's REST host, and what we have learnt there."""

    def __init__(self, context: Context, rest_url: str) -> None:
        self.context = context
        self.intervals_h: dict[str, float] = {}  # shared with the stream's decoder
        self._url = rest_url
        self._client = context.http.client(rest_url, budget=BUDGET)
        self._next_ms: dict[str, int | None] = {}  # symbol -> the settlement that was next when we last looked

    async def listed(self) -> list[str]:
        """All instruments."""
        return rest.decode_symbols(await self._tickers())

    async def settled_funding(self) -> list[Event]:
        """Of each wanted contract whose settlement has passed since the last look, and of all at the first."""
        events = rest.decode_tickers(await self._tickers(), self.context.clock())
        running = {event.symbol: event for event in events if isinstance(event, FundingRate)}
        self.intervals_h.update({symbol: event.interval_h for symbol, event in running.items()})
        wanted = chosen(self.context.wanted.selection(FundingRate, venue=wire.VENUE), running)
        due = [symbol for symbol in wanted if self._next_ms.get(symbol) != running[symbol].settles_at_ms]
        paid: list[Event] = []

        async def ask(symbol: str) -> None:
            body = await self._client.get(
                self._url + rest.FUNDING_HISTORY,
                params={"category": CATEGORY, "symbol": wire.from_symbol(symbol), "limit": ROWS},
            )
            rows = rest.decode_funding_history(body, self.context.clock(), self.intervals_h)
            expected_ms = self._next_ms.get(symbol)
            # the row of a settlement may come a little later than the settlement: then ask again next time
            if expected_ms is None or (rows and rows[-1].at_ms >= expected_ms):
                self._next_ms[symbol] = running[symbol].settles_at_ms
            paid.extend(rows[-1:] if expected_ms is None else rows)

        await each(due, ask)
        return paid

    async def _tickers(self) -> bytes:
        return await self._client.get(self._url + rest.TICKERS, params={"category": CATEGORY})


def build(desk: Desk, *, settled_funding_every_ms: int) -> list[Feed]:
    """The poller of settled funding, if funding is wanted."""
    context = desk.context
    if not context.wanted.any_of((FundingRate,), venue=wire.VENUE):
        return []
    return [
        Poller(
            name="bybit.settled_funding",
            venue=wire.VENUE,
            context=context,
            sieve=Sieve(context.wanted, (FundingRate,), context.once),
            every_ms=settled_funding_every_ms,
            ask=desk.settled_funding,
        )
    ]
