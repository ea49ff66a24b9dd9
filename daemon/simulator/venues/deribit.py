"""Deribit in the box: futures and options of a currency in one answer each, and a stream with heartbeats."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from aiohttp import web

from daemon.clock import Clock
from daemon.simulator import noise
from daemon.simulator.elsewhere import Elsewhere, Quote
from daemon.simulator.listings import COINS, Coin
from daemon.simulator.subscriptions import Connection
from daemon.simulator.venues.asked import said
from daemon.simulator.world import World
from daemon.wire import deribit as wire
from daemon.wire import deribit_server
from daemon.wire.control import Unreadable
from daemon.wire.request import Request
from rules.events import Event

_INVERSE = ("BTC", "ETH")
_LINEAR = ("BTC", "ETH", "SOL", "XRP")  # settled in USDC
_WEEKS = (1, 2, 5, 13)  # to the Friday on which options expire
_STRIKES = (0.6, 0.7, 0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.35, 1.5)  # of the price at which the world began
_A_WEEK = 0.0015  # what a future costs more for each week it has to run
_DOLLARS = 10.0  # in one inverse contract
_BEAT_MS = 10_000
_CHANNEL_STARTS = b'"channel":"'
_COINS = {coin.name: coin for coin in COINS}
_STEPS = {"BTC": 1_000, "ETH": 50}  # between strikes


class Deribit(Elsewhere):
    """Inverse contracts count dollars, linear ones and options coins. Whoever asks for heartbeats must answer them."""

    name = "deribit"
    price_kind = "fill"
    stream_path = "/ws/api/v2"
    rest_path = "/api/v2"
    throttled = '{"jsonrpc":"2.0","error":{"code":10028,"message":"too_many_requests"}}'

    def __init__(self, world: World, clock: Clock) -> None:
        super().__init__(world, clock)
        self._encoder = deribit_server.Encoder()
        self._beating: dict[Connection, tuple[int, bool]] = {}  # when it was asked last, and whether it has answered

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get(self.stream_path, self._stream),
            web.get(self.rest_path + wire.BOOK_SUMMARY, self._summaries),
            web.get(self.rest_path + wire.TICKER, self._ticker),
        ]

    async def _summaries(self, request: web.Request) -> web.Response:
        currency, kind = request.query.get("currency", ""), request.query.get("kind", "future")
        if currency not in (*_INVERSE, "USDC") or kind not in ("future", "option"):
            return said(wire.encode_error(-32602, "Invalid params"), 400)
        return said(
            wire.encode_summaries(list(self._options(currency) if kind == "option" else self._futures(currency)))
        )

    async def _ticker(self, request: web.Request) -> web.Response:
        for currency in (*_INVERSE, "USDC"):
            for row in self._futures(currency):
                if row.instrument == request.query.get("instrument_name"):
                    return said(wire.encode_ticker(row))
        return said(wire.encode_error(13_020, "instrument_not_found"), 400)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        return await self.converse(request)

    def quotes(self) -> Iterable[Quote]:
        for currency in (*_INVERSE, "USDC"):
            for row in self._futures(currency):
                symbol, is_inverse = wire.read_name(row.instrument)
                mark, interest = row.mark or 1.0, row.interest or 0.0
                yield Quote(
                    symbol=symbol,
                    mark=mark,
                    index=row.index or mark,
                    oi_base=interest / mark if is_inverse else interest,
                    step=_DOLLARS if is_inverse else _COINS[symbol.partition("-")[0]].step,
                    rate=row.funding_8h,
                )

    def gather(self, events: list[Event], now_ms: int) -> list[Event]:
        """Ask those who wanted heartbeats for a sign of life; who did not answer the last one is cut."""
        for connection, (asked_ms, has_answered) in list(self._beating.items()):
            if connection not in self.subscriptions.connections:
                del self._beating[connection]
            elif now_ms - asked_ms >= _BEAT_MS:
                if not has_answered:
                    connection.tear()
                elif not connection.waiting.full():
                    self._beating[connection] = now_ms, False
                    connection.waiting.put_nowait(([deribit_server.TEST_REQUEST.encode()], False))
        return events

    @property
    def owing(self) -> int:
        """How many clients have not answered the last heartbeat yet."""
        return sum(not has_answered for _, has_answered in self._beating.values())

    async def say(self, events: Sequence[Event], now_ms: int) -> None:
        # the ticker that a newcomer gets is the encoder's, so it hears everything even when nobody listens
        if not self.subscriptions.clients:
            self._encoder.encode(events, now_ms)
        await super().say(events, now_ms)

    def frames(self, events: Sequence[Event], now_ms: int) -> list[tuple[str, bytes]]:
        return [(_channel(frame), frame) for frame in self._encoder.encode(events, now_ms)]

    async def answer(self, connection: Connection, text: str) -> None:
        try:
            request = deribit_server.read_request(text)
        except Unreadable:
            await self.reply(connection, [wire.encode_error(-32700, "Parse error")])
            return
        if request.method == "ping":
            self._beating.setdefault(connection, (self.clock(), True))
        elif request.method == "other" and connection in self._beating:
            self._beating[connection] = self._beating[connection][0], True
        elif request.method == "subscribe":
            await self._subscribe(connection, request)
            return
        elif request.method == "unsubscribe":
            self.subscriptions.remove(connection, request.topics)
        await self.reply(connection, deribit_server.acknowledge(request))

    async def _subscribe(self, connection: Connection, request: Request) -> None:
        """What does not exist is left out of the answer."""
        good = [topic for topic in request.topics if self._exists(topic)]
        await self.reply(connection, deribit_server.acknowledge(request, good))
        new = [topic for topic in good if topic not in connection.topics]
        self.subscriptions.add(connection, new)
        names = [topic.split(".")[1] for topic in new if topic.startswith("ticker.")]
        tickers = [self._encoder.snapshot(wire.read_name(name).symbol) for name in names]
        await self.push(connection, [frame for frame in tickers if frame is not None])

    def _exists(self, topic: str) -> bool:
        parts = topic.split(".")
        listed = {row.instrument for currency in (*_INVERSE, "USDC") for row in self._futures(currency)}
        return len(parts) == 3 and parts[0] in ("ticker", "trades") and parts[2] == "100ms" and parts[1] in listed

    def _futures(self, currency: str) -> Iterator[wire.Summary]:
        if currency == "USDC":
            for name in _LINEAR:
                yield self._future(_COINS[name], f"{name}_USDC-PERPETUAL", 0, 0.04)
            return
        yield self._future(_COINS[currency], f"{currency}-PERPETUAL", 0, 0.05)
        for weeks in _WEEKS[2:]:
            yield self._future(_COINS[currency], f"{currency}-{self._friday(weeks)}", weeks, 0.02)

    def _future(self, coin: Coin, name: str, weeks: int, share: float) -> wire.Summary:
        index = round(self.world.price(coin.name), coin.decimals)
        mark = round(index * (1 + _A_WEEK * weeks), coin.decimals)
        dollars = coin.oi_usd * share * self._moved(name)
        volume = dollars * 1.3
        return wire.Summary(
            instrument=name,
            last=mark,
            mark=mark,
            index=index,
            interest=round(dollars / index, 4) if "_" in name else round(dollars / 10) * 10.0,
            volume_base=round(volume / index, 4),
            volume_usd=round(volume, 2),
            funding_8h=None if weeks else round(self.world.rate_8h(coin.name), 8),
            at_ms=self.clock(),
        )

    def _options(self, currency: str) -> Iterator[wire.Summary]:
        if currency not in _INVERSE:
            return
        coin, index = _COINS[currency], self.world.price(currency)
        for weeks in _WEEKS:
            underlying = round(index * (1 + _A_WEEK * weeks), coin.decimals)
            for share in _STRIKES:
                strike = round(coin.price * share / _STEPS[currency]) * _STEPS[currency]
                for side in ("C", "P"):
                    yield self._option(
                        f"{currency}-{self._friday(weeks)}-{strike}-{side}", coin, strike, underlying, weeks
                    )

    def _option(self, name: str, coin: Coin, strike: int, underlying: float, weeks: int) -> wire.Summary:
        worth = max(0.0, underlying - strike if name.endswith("C") else strike - underlying)
        mark = round((worth + underlying * 0.02 * weeks**0.5) / underlying, 4)
        base = coin.oi_usd / coin.price * 0.012 * noise.unit(noise.key(self.world.seed, name), 0) * self._moved(name)
        volume = round(base * 0.1, 1)
        return wire.Summary(
            instrument=name,
            last=mark,
            mark=mark,
            index=round(self.world.price(coin.name), coin.decimals),
            underlying=underlying,
            interest=round(base, 1),
            volume_base=volume,
            volume_usd=round(volume * mark * underlying, 2),
            at_ms=self.clock(),
        )

    def _moved(self, name: str) -> float:
        return 1 + noise.walk(noise.key(self.world.seed, self.name, name), self.clock(), 0.015)

    def _friday(self, weeks: int) -> str:
        """27NOV26: the Friday of so many weeks from now, at 08:00 UTC."""
        now = datetime.fromtimestamp(self.clock() / 1_000, UTC)
        to_friday = (4 - now.weekday()) % 7 or (7 if now.hour >= 8 else 0)
        day = (now + timedelta(days=to_friday + 7 * (weeks - 1))).date()
        return f"{day.day}{day:%b%y}".upper()


def _channel(frame: bytes) -> str:
    """From {...,"params":{"channel":"ticker.BTC-PERPETUAL.100ms",... without reading the rest."""
    start = frame.index(_CHANNEL_STARTS) + len(_CHANNEL_STARTS)
    return frame[start : frame.index(b'"', start)].decode()
