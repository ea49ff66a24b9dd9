"""Two daemons on one database: one works, the other is sent away, and may take its place when it was killed."""

from pathlib import Path

from daemon.clock import wall_ms
from daemon.simulator.box import Box
from tests.chats import Telegram
from tests.databases import both
from tests.e2e.ledger import free
from tests.e2e.living import addresses, until, written
from tests.e2e.market import closed, quiet
from tests.e2e.process import answer, tocsin

RULE = {"id": "whale", "type": "liquidation", "symbols": ["BTC"], "at_least": "$1m"}
TOPIC = "!forceOrder@arr"


@both
async def test_one_works_and_answers_until_it_is_killed(tmp_path: Path, database_url: str) -> None:
    """The other never asks the bot; after SIGKILL it starts at once, and sends what was decided."""
    async with Box(quiet()) as box, Telegram() as phone:
        sinks = {"phone": {"url": phone.address(), "api_url": phone.url, "answer": {"users": [1]}, "picture": False}}
        files = written(
            tmp_path, rules=[RULE], sources=addresses(box, "binance"), sinks=sinks, storage={"url": database_url}
        )
        words = [word for file in files for word in ("-c", str(file))]
        async with tocsin("run", *words) as first:
            await box.subscriptions("binance").until(TOPIC)
            await until(lambda: phone.asking == 1)
            code, out, err = await answer("run", *words)
            assert 1 == phone.asking
            await first.dies()
            await box.subscriptions("binance").until_gone()
        if database_url.startswith("postgres"):
            await free(database_url)
        async with tocsin("run", *words) as second:
            await box.subscriptions("binance").until(TOPIC)
            await box.say("binance", [closed("binance", 20, at_ms=wall_ms())])
            await phone.wait_for(lambda chat: len(chat.shown) == 1)
            assert 0 == await second.stops()

    assert (1, "") == (code, out)
    assert err.startswith("tocsin: another Tocsin ")
