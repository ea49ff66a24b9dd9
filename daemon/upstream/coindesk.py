"""CoinDesk Data: futures of two dozen exchanges through one door, for those who have a key.

Facts (1): 25 instruments a call; history has no start, so the number of buckets is counted back from the end; the last
bucket is still running. A key allows so many questions a second, a minute, an hour, a day and a month.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from daemon.clock import Clock, wall_ms
from daemon.supervisor import Busy
from daemon.upstream.http import Http
from daemon.upstream.limits import Budget
from daemon.upstream.together import each
from daemon.wire import coindesk as wire
from daemon.wire.control import Unreadable

T = TypeVar("T")
Bucket = TypeVar("Bucket", wire.Bar, wire.FundingBucket, wire.InterestBucket)

BUDGET = Budget(weight=15, per_s=1.0)  # keys of 2025: 20 a second, 1,000 a minute
LISTED_FOR_MS = 6 * 3_600_000  # how long a list of contracts is believed
LIST_MAX = 64 * 1024 * 1024  # with a kilobyte about each of thousands of contracts
MOST_PAGES = 10
_NAMED = {1: "second", 60: "minute", 3_600: "hour", 86_400: "day", 2_592_000: "month"}


class CoinDesk:
    """Typed calls; `venue` is our name of an exchange (okx). Transient, Busy, Refused or Unreadable, never with the key."""

    def __init__(self, http: Http, *, key: str, rest_url: str = wire.REST_URL, clock: Clock = wall_ms) -> None:
        self._url, self._key, self._clock = rest_url.rstrip("/"), key, clock
        self._client = http.client(self._url, budget=BUDGET)
        self._allowance = Allowance(clock)
        self._listed: dict[str, tuple[int, list[wire.Instrument]]] = {}

    async def ticks(self, venue: str, names: Sequence[str]) -> dict[str, wire.Tick]:
        """Last prices and a day's volumes by name; instruments it does not know are missing."""
        return await self._latest(wire.TICK, wire.decode_ticks, venue, names)

    async def tick(self, venue: str, name: str) -> tuple[wire.Tick, dict[str, Any]] | None:
        """One of them, with the row as it was sent; None if CoinDesk does not know it."""
        body = await self._ask(wire.TICK, {"market": wire.market_of(venue), "instruments": name})
        ticks = self._read(wire.decode_ticks, body)
        return (ticks[name], wire.decode_raw(body, name)) if name in ticks else None

    async def fundings(self, venue: str, names: Sequence[str]) -> dict[str, wire.Funding]:
        """Running rates by name."""
        return await self._latest(wire.FUNDING, wire.decode_fundings, venue, names)

    async def interests(self, venue: str, names: Sequence[str]) -> dict[str, wire.Interest]:
        """Open interest and mark prices by name."""
        return await self._latest(wire.INTEREST, wire.decode_interests, venue, names)

    async def bars(self, venue: str, name: str, unit: str, *, start_s: int, end_s: int | None = None) -> list[wire.Bar]:
        """Trading by bucket of `unit` (days, hours, minutes) that began between the two times, oldest first."""
        return await self._history(wire.BARS, wire.decode_bars, venue, name, unit, start_s, end_s)

    async def funding_history(
        self, venue: str, name: str, unit: str, *, start_s: int, end_s: int | None = None
    ) -> list[wire.FundingBucket]:
        """Rates by bucket."""
        return await self._history(wire.FUNDING_HISTORY, wire.decode_funding_history, venue, name, unit, start_s, end_s)

    async def interest_history(
        self, venue: str, name: str, unit: str, *, start_s: int, end_s: int | None = None
    ) -> list[wire.InterestBucket]:
        """Open interest and mark prices by bucket."""
        return await self._history(
            wire.INTEREST_HISTORY, wire.decode_interest_history, venue, name, unit, start_s, end_s
        )

    async def instruments(self, venue: str) -> list[wire.Instrument]:
        """The contracts that trade on one exchange; asked for once in six hours."""
        at_ms, listed = self._listed.get(venue, (0, []))
        if not listed or not 0 <= self._clock() - at_ms < LISTED_FOR_MS:
            market = wire.market_of(venue)
            body = await self._ask(wire.INSTRUMENTS, {"market": market, "instrument_status": "ACTIVE"}, LIST_MAX)
            listed = self._read(lambda body: wire.decode_instruments(body, market), body)
            self._listed[venue] = self._clock(), listed
        return listed

    async def markets(self) -> list[wire.Listing]:
        """All exchanges with their pictures."""
        return self._read(wire.decode_markets, await self._ask(wire.MARKETS, {}))

    async def limits(self) -> dict[int, int]:
        """What the key may still ask, by seconds of the window. The question counts too."""
        left = self._read(wire.decode_limits, await self._ask(wire.LIMITS, {}))
        self._allowance.heard(left)
        return left

    async def _latest(
        self, path: str, decode: Callable[[bytes], dict[str, T]], venue: str, names: Sequence[str]
    ) -> dict[str, T]:
        async def batch(some: Sequence[str]) -> dict[str, T]:
            return self._read(
                decode, await self._ask(path, {"market": wire.market_of(venue), "instruments": ",".join(some)})
            )

        found: dict[str, T] = {}
        for rows in await each(batch(some) for some in _batches(names)):
            found |= rows
        return found

    async def _history(
        self,
        path: str,
        decode: Callable[[bytes], list[Bucket]],
        venue: str,
        name: str,
        unit: str,
        start_s: int,
        end_s: int | None,
    ) -> list[Bucket]:
        """Page back from the end until the start; a page that brings nothing older is the last."""
        step_s, most = wire.UNITS[unit]
        start_s = start_s // step_s * step_s
        until_s = self._clock() // 1000 if end_s is None else end_s
        found: dict[int, Bucket] = {}
        for _ in range(MOST_PAGES):
            if until_s < start_s:
                break
            params: dict[str, str | int] = {
                "market": wire.market_of(venue),
                "instrument": name,
                "limit": min(buckets(start_s, until_s, step_s), most),
                "to_ts": until_s,
            }
            page = self._read(decode, await self._ask(path + unit, params))
            before = min(found, default=None)
            found |= {row.at_s: row for row in page if start_s <= row.at_s <= until_s}
            oldest = min(found, default=None)
            if oldest is None or oldest == before or oldest <= start_s:
                break
            until_s = oldest - step_s
        return [found[at_s] for at_s in sorted(found)]

    async def _ask(self, path: str, params: Mapping[str, str | int], longest: int | None = None) -> bytes:
        self._allowance.spend()
        longest_of = {} if longest is None else {"longest": longest}
        return await self._client.get(
            self._url + path,
            params=params,
            headers={"Authorization": f"Apikey {self._key}"},
            secrets=(self._key,),
            heard=self._hear,
            **longest_of,
        )

    def _hear(self, headers: Mapping[str, str]) -> None:
        self._allowance.heard(wire.decode_remaining(headers.get(wire.REMAINING_HEADER, "")))

    def _read(self, decode: Callable[[bytes], T], body: bytes) -> T:
        try:
            return decode(body)
        except Unreadable as exc:
            if self._key and self._key in str(exc):  # an error inside a 200 may quote the question
                raise Unreadable(str(exc).replace(self._key, "…")) from None
            raise


class Allowance:
    """What a key may still ask, by window, as CoinDesk last said it. Refuses before CoinDesk does."""

    def __init__(self, clock: Clock = wall_ms) -> None:
        self._clock = clock
        self._left: dict[int, tuple[int, int]] = {}  # window in s -> what is left, until when that is believed (ms)

    def heard(self, left: Mapping[int, int]) -> None:
        """Believe it until the window is over; how far into it we are, nobody says."""
        now_ms = self._clock()
        for window_s, rest in left.items():
            if window_s > 1:  # within a second the budget paces us anyway
                known = self._left.get(window_s)
                until_ms = known[1] if known and now_ms < known[1] else now_ms + _retry_s(window_s) * 1000
                self._left[window_s] = rest, until_ms

    def spend(self) -> None:
        """Count one question; Busy if a window is used up."""
        now_ms = self._clock()
        for window_s, (rest, until_ms) in list(self._left.items()):
            if now_ms >= until_ms:
                del self._left[window_s]
            elif rest <= 0:
                name = _NAMED.get(window_s, f"{window_s} s")
                raise Busy(
                    f"the key for CoinDesk has no questions left for this {name}",
                    retry_after_s=(until_ms - now_ms) / 1000,
                )
            else:
                self._left[window_s] = rest - 1, until_ms


def _retry_s(window_s: int) -> int:
    """How long a count is believed: not the whole of a day or a month, which may end any minute."""
    return min(window_s, 600)


def buckets(start_s: int, end_s: int, step_s: int) -> int:
    """How many buckets of `step_s` to ask for up to `end_s`, so that the one that holds `start_s` is the first."""
    return max(1, -(-(end_s - start_s) // step_s) + 1)


def _batches(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[at : at + wire.INSTRUMENTS_A_CALL] for at in range(0, len(names), wire.INSTRUMENTS_A_CALL)]
