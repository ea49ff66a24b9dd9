"""(a) From a text frame to `no rule fired`, beside the bare msgspec decode of the same frame: without types, as in `decoders`."""

from collections.abc import Callable, Iterator

import msgspec

from bench.measure import Row, beside
from daemon.wire import binance, bybit, okx
from rules.compiled import Rule
from rules.engine import Engine
from rules.spec import parse

NOW_MS = 1_791_269_856_500


MARK = (
    b'{"e":"markPriceUpdate","E":1791269856000,"s":"BTCUSDT","p":"85296.60260870","ap":"85296.60260870",'
    b'"P":"85321.91711993","i":"85345.93826087","r":"0.00000523","T":1791273600000,"st":1}'
)
FORCE = (
    b'{"e":"forceOrder","E":1791269856107,"o":{"s":"BTCUSDT","S":"SELL","o":"LIMIT","f":"IOC","q":"0.049","p":"85000.10",'
    b'"ap":"85210.20","X":"FILLED","l":"0.009","z":"0.049","T":1791269855103,"ps":"BTCUSDT","st":1}}'
)
SNAPSHOT = (
    b'{"topic":"tickers.BTCUSDT","type":"snapshot","data":{"symbol":"BTCUSDT","lastPrice":"85300.10","markPrice":"85296.60",'
    b'"indexPrice":"85345.90","openInterest":"52774.528","openInterestValue":"4500000000.82","fundingRate":"0.0001",'
    b'"nextFundingTime":"1791273600000","fundingIntervalHour":"8","bid1Price":"85300.00","ask1Price":"85300.10"},'
    b'"cs":1,"ts":1791269856000}'
)
DELTA = (
    b'{"topic":"tickers.BTCUSDT","type":"delta","data":{"symbol":"BTCUSDT","markPrice":"85297.10","indexPrice":"85346.00",'
    b'"fundingRate":"0.0001"},"cs":2,"ts":1791269856100}'
)
QUIET_DELTA = (
    b'{"topic":"tickers.BTCUSDT","type":"delta","data":{"symbol":"BTCUSDT","markPrice":"85297.10","indexPrice":"85346.00",'
    b'"bid1Price":"85297.00","bid1Size":"3.1"},"cs":2,"ts":1791269856100}'
)
ALL_LIQUIDATION = (
    b'{"topic":"allLiquidation.BTCUSDT","type":"snapshot","ts":1791269856482,"data":[{"T":1791269856092,"s":"BTCUSDT",'
    b'"S":"Buy","v":"0.006","p":"85196.90"}]}'
)
FUNDING = (
    b'{"arg":{"channel":"funding-rate","instId":"BTC-USDT-SWAP"},"data":[{"formulaType":"withRate","fundingRate":"0.0000523",'
    b'"fundingTime":"1791273600000","instId":"BTC-USDT-SWAP","instType":"SWAP","maxFundingRate":"0.00375","method":'
    b'"current_period","minFundingRate":"-0.00375","nextFundingRate":"","nextFundingTime":"1791302400000","premium":'
    b'"0.0001","settFundingRate":"0.0001","settState":"settled","ts":"1791269856000"}]}'
)


def _others(count: int) -> list[Rule]:
    """Rules on instruments that none of the frames is about."""
    return [
        parse({"id": f"other-{index}", "type": "funding", "symbols": [f"COIN{index}"], "above": "0.05%"}).compile()
        for index in range(count)
    ]


def _mine() -> list[Rule]:
    """One rule for each frame: it looks and does not fire."""
    return [
        parse(raw).compile()
        for raw in (
            {"id": "funding", "type": "funding", "symbols": ["BTC"], "above": "0.4%"},
            {"id": "mark", "type": "expression", "on": "mark_price", "symbols": ["BTC"], "when": "price > 900000"},
            {"id": "whale", "type": "liquidation", "symbols": ["BTC"], "at_least": "$50m"},
        )
    ]


def _cases() -> Iterator[tuple[str, bytes, Callable[[bytes], object]]]:
    """(name, frame, our decode to events)."""
    ours = binance.Decoder()
    yield "binance markPrice (2 events)", MARK, lambda f: ours.decode(f, NOW_MS)
    yield "binance forceOrder", FORCE, lambda f: ours.decode(f, NOW_MS)
    tickers = bybit.Decoder(prices_of=())  # as for rules: best prices are read while somebody asks for them
    tickers.decode(SNAPSHOT, NOW_MS)
    yield "bybit ticker, mark price", QUIET_DELTA, lambda f: tickers.decode(f, NOW_MS)
    yield "bybit ticker, mark and funding (2 events)", DELTA, lambda f: tickers.decode(f, NOW_MS)
    yield "bybit allLiquidation", ALL_LIQUIDATION, lambda f: tickers.decode(f, NOW_MS)
    swaps = okx.Decoder()
    swaps.decode(FUNDING, NOW_MS)
    yield "okx funding-rate", FUNDING, lambda f: swaps.decode(f, NOW_MS)


def rows() -> Iterator[Row]:
    """Each frame with 10, 1,000 and 10,000 rules loaded."""
    engines = {count: Engine([*_others(count - 3), *_mine()]) for count in (10, 1_000, 10_000)}
    for name, frame, decode in _cases():
        for count, engine in engines.items():
            observe = engine.observe

            def whole(
                frame: bytes = frame,
                decode: Callable[[bytes], object] = decode,
                observe: Callable[..., object] = observe,
            ) -> None:
                for event in decode(frame):  # type: ignore[attr-defined]  # data frames give events
                    observe(event, NOW_MS)

            def alone(frame: bytes = frame) -> object:
                return msgspec.json.decode(frame)

            ours_us, bare_us, ratio = beside(whole, alone, calls=20_000)
            yield Row(
                group="a frame to no rule fired",
                what=f"{name}, {count:,} rules",
                value=ours_us,
                unit="us",
                against=f"bare decode {bare_us:.2f} us",
                ratio=ratio,
                limit="at most 6",
            )
