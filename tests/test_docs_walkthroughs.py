"""What the walk-throughs build works: the rule kind fires, the sink tells the truth, the source hears a venue."""

from pathlib import Path

import pytest
from aiohttp import web

from daemon.sources.base import Wanted
from rules.engine import Engine
from rules.events import FundingRate, MarkPrice, OpenInterest
from rules.selection import Selection
from sinks.base import Busy, Gone, Receipt
from sinks.post import open_session
from tests.daemon.sources.loopback import QUICK, Venue, house, supervised, until
from tests.pages import ROOT, blocks, made
from tests.sinks.samples import WARNING


def test_the_rule_kind_of_the_walk_through_fires(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the page prints it."""
    (text,) = blocks(ROOT / "docs/adding-a-rule-kind.md", "python")
    kind = made(text, "rules.kinds.premium", tmp_path, monkeypatch)
    raw = {"id": "btc-premium", "type": "premium", "symbols": "BTC", "above": "0.3%", "clear": "0.1%", "for": "1m"}
    engine = Engine([kind.SPEC.model_validate(raw).compile()])
    prices = [100.0, 100.41, 100.41, 100.2, 100.05]
    said = [
        transition
        for minute, price in enumerate(prices)
        for transition in engine.observe(mark(price, minute * 60_000), minute * 60_000)
    ]

    assert ["pending", "fired", "cleared"] == [transition.change for transition in said]
    assert "okx BTC-USDT-PERP: mark 0.41% off its index (limit 0.3%)" == kind.say(said[1].alert, 0).headline


def mark(price: float, at_ms: int) -> MarkPrice:
    return MarkPrice(
        venue="okx", symbol="BTC-USDT-PERP", price=price, index_price=100.0, at_ms=at_ms, received_ms=at_ms
    )


async def test_the_sink_of_the_walk_through_tells_the_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A yes is a yes, a 429 says when to come back, a dead hook is dead, and no error holds the key."""
    address_text, driver_text = blocks(ROOT / "docs/adding-a-sink.md", "python")
    hook = made(address_text, "walk.address", tmp_path, monkeypatch).MattermostHook
    monkeypatch.setattr("sinks.address.MattermostHook", hook, raising=False)
    driver = made(driver_text, "sinks.mattermost", tmp_path, monkeypatch)
    answers = iter([(200, "ok", {}), (429, "slow down", {"Retry-After": "7"}), (404, "no hook s3cret-key", {})])

    async def answer(request: web.Request) -> web.Response:
        status, body, headers = next(answers)
        return web.Response(status=status, text=body, headers=headers)

    app = web.Application()
    app.router.add_post("/hooks/s3cret-key", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with open_session() as session:
            address = hook(host="chat.example.org", key="s3cret-key")
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            sink = driver.MattermostSink("desk", address, session=session, api_url=url)

            assert Receipt() == await sink.deliver(WARNING)
            with pytest.raises(Busy) as busy:
                await sink.deliver(WARNING)
            assert 7.0 == busy.value.retry_after_s
            with pytest.raises(Gone) as gone:
                await sink.deliver(WARNING)
            assert "s3cret-key" not in str(gone.value)
    finally:
        await runner.cleanup()


async def test_the_source_of_the_walk_through_hears_a_venue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a real socket: it subscribes to what is wanted, and frames become events."""
    codec_text, config_text, stream_text = blocks(ROOT / "docs/adding-a-source.md", "python")
    wire = made(codec_text, "daemon.wire.kelp_stream", tmp_path, monkeypatch)
    config = made(config_text, "walk.configs", tmp_path, monkeypatch).Kelp
    monkeypatch.setattr("daemon.sources.configs.Kelp", config, raising=False)
    source = made(stream_text, "daemon.sources.streams.kelp", tmp_path, monkeypatch)
    said = (
        '{"channel":"activeAssetCtx","data":{"coin":"BTC","ctx":{"funding":"0.0000125","openInterest":"688.11",'
        '"prevDayPx":"85000.0","dayNtlVlm":"1169046.29","premium":null,"oraclePx":"85301.0","markPx":"85300.0"}}}'
    )

    def answer(text: str) -> list[str]:
        assert '{"method": "subscribe", "subscription": {"type": "activeAssetCtx", "coin": "BTC"}}' == text
        return [f'{{"channel":"subscriptionResponse","data":{text}}}', said]

    wanted = Wanted([(kind, None, Selection.of(["BTC"])) for kind in (MarkPrice, FundingRate, OpenInterest)])
    async with Venue(answer) as venue, house(wanted) as home:
        (feed,) = source.build(config(ws_url=venue.url), home.context, timing=QUICK)
        async with supervised(feed):
            await until(lambda: len(home.facts) == 3 and feed.status.state == "up")

    price, funding, interest = home.facts
    assert isinstance(price, MarkPrice) and isinstance(funding, FundingRate) and isinstance(interest, OpenInterest)
    assert ("BTC-USDC-PERP", 85_300.0, 1.0, 688.11) == (price.symbol, price.price, funding.interval_h, interest.oi_base)
    again = [event for frame in wire.encode(home.facts, 0) for event in wire.Decoder().decode(frame, price.at_ms)]
    assert home.facts == again
