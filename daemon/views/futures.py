"""Perpetuals as they are now: the latest funding, mark price and open interest of each, and how funding has moved."""

from collections import deque

from rules.events import Event, FundingRate, MarkPrice, OpenInterest
from rules.instruments import coin_of

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
HOURS_KEPT = 26
OPENS_WITHIN_MS = 600_000  # a first value this soon after the hour's start is taken as its opening
CONTRACTS_MAX = 20_000


class LiveContract:
    """What we know of one perpetual from its streams."""

    __slots__ = ("_opens", "funding", "mark", "open_interest", "symbol", "venue", "version")

    def __init__(self, venue: str, symbol: str) -> None:
        self.venue = venue
        self.symbol = symbol
        self.funding: FundingRate | None = None
        self.mark: MarkPrice | None = None
        self.open_interest: OpenInterest | None = None
        self.version = 0
        self._opens: deque[tuple[int, float]] = deque(maxlen=HOURS_KEPT)  # (start of the hour, rate in force then)

    def take_funding(self, event: FundingRate) -> None:
        """A new predicted rate; settled ones are history and do not move the table."""
        hour_ms = event.at_ms - event.at_ms % HOUR_MS
        if not self._opens or self._opens[-1][0] < hour_ms:
            before = self.funding
            if before is not None and event.at_ms - before.at_ms <= HOUR_MS:
                self._opens.append((hour_ms, before.rate))  # what was in force when the hour began
            elif event.at_ms - hour_ms <= OPENS_WITHIN_MS:
                self._opens.append((hour_ms, event.rate))
        self.funding = event

    def change_since(self, hour_ms: int) -> float | None:
        """The rate now minus the rate in force at that full hour, as fractions; None if we did not see it."""
        if self.funding is None:
            return None
        for start_ms, rate in self._opens:
            if start_ms == hour_ms:
                return self.funding.rate - rate
        return None

    def hour_change(self, now_ms: int) -> float | None:
        """Since the running hour began."""
        return self.change_since(now_ms - now_ms % HOUR_MS)

    def day_change(self, now_ms: int) -> float | None:
        """Since midnight UTC."""
        return self.change_since(now_ms - now_ms % DAY_MS)

    def moving_24h_change(self, now_ms: int) -> float | None:
        """Over the running hour and the 23 before it, as vendors count (facts: it spans 23 to 24 hours)."""
        return self.change_since(now_ms - now_ms % HOUR_MS - 23 * HOUR_MS)


class Futures:
    """All perpetuals we hear of, by venue and symbol. `version` grows with every change of a table."""

    def __init__(self) -> None:
        self.version = 0
        self._contracts: dict[tuple[str, str], LiveContract] = {}
        self._versions: dict[str, int] = {}  # coin -> the version at which it last changed

    def observe(self, event: Event) -> None:
        """Take what concerns us; everything else passes."""
        match event:
            case FundingRate(is_settled=False):
                contract = self._contract(event.venue, event.symbol)
                if contract is None or (contract.funding is not None and event.at_ms < contract.funding.at_ms):
                    return
                contract.take_funding(event)
            case MarkPrice():
                if (contract := self._contract(event.venue, event.symbol)) is None:
                    return
                contract.mark = event
            case OpenInterest():
                if (contract := self._contract(event.venue, event.symbol)) is None:
                    return
                contract.open_interest = event
            case _:
                return
        self._changed(contract)

    def get(self, venue: str, symbol: str) -> LiveContract | None:
        """One perpetual, if we have heard of it."""
        return self._contracts.get((venue, symbol))

    def all(self) -> list[LiveContract]:
        """Everything."""
        return list(self._contracts.values())

    def version_of(self, coins: frozenset[str] | None) -> int:
        """When one of these coins last changed; None: any."""
        if coins is None:
            return self.version
        return max((self._versions.get(coin, 0) for coin in coins), default=0)

    def _contract(self, venue: str, symbol: str) -> LiveContract | None:
        place = (venue, symbol)
        contract = self._contracts.get(place)
        if contract is None and len(self._contracts) < CONTRACTS_MAX:
            contract = self._contracts[place] = LiveContract(venue, symbol)
        return contract

    def _changed(self, contract: LiveContract) -> None:
        self.version += 1
        contract.version = self.version
        self._versions[coin_of(contract.symbol)] = self.version
