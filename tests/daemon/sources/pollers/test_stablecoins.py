"""DefiLlama and CoinGecko on loopback: two opinions on a peg."""

import json
from collections.abc import Callable

import pytest
from aiohttp import web
from pydantic import SecretStr

from daemon.sources import configs
from daemon.sources.base import Feed, Wanted
from daemon.sources.pollers import coingecko, defillama
from daemon.wire import coingecko as gecko_wire
from daemon.wire import defillama as llama_wire
from rules.events import StablecoinQuote
from rules.selection import Selection
from tests.daemon.sources.loopback import House, Rest, house, rest, supervised, until

COINS = Wanted([(StablecoinQuote, None, Selection.of(["USDT", "USDC", "ODD", "EURX"]))])
STABLECOINS, MARKETS = llama_wire.STABLECOINS, gecko_wire.MARKETS


def asset(symbol: str, price: object, peg: str = "peggedUSD", gecko_id: str | None = None) -> dict[str, object]:
    return {
        "id": "1",
        "name": symbol,
        "symbol": symbol,
        "gecko_id": gecko_id,
        "pegType": peg,
        "circulating": {peg: 5e9},
        "price": price,
    }


LLAMA = json.dumps(
    {
        "peggedAssets": [
            asset("USDT", 0.99977, gecko_id="tether"),
            asset("USDC", None),
            asset("EURX", 1.08, "peggedEUR", "eurx-coin"),
            asset("OTHER", 1.0),
        ],
        "chains": [],
    }
).encode()


def llama(host: Rest, home: House) -> Feed:
    return defillama.build(configs.DefiLlama(rest_url=host.url, every="20ms"), home.context)[0]


def gecko(host: Rest, home: House, **settings: object) -> Feed:
    config = configs.CoinGecko.model_validate({"rest_url": host.url, "every": "20ms", **settings})
    return coingecko.build(config, home.context)[0]


def quotes(home: House) -> dict[str, tuple[float, float | None]]:
    return {event.coin: (event.price, event.target) for event in home.facts if isinstance(event, StablecoinQuote)}


async def test_a_missing_price_is_no_price_and_only_dollar_pegs_have_a_target() -> None:
    """USDC has null: neither zero nor a depeg."""
    async with rest({STABLECOINS: LLAMA}) as host, house(COINS) as home:
        async with supervised(llama(host, home)):
            await until(lambda: home.facts != [])

        assert quotes(home) == {"USDT": (0.99977, 1.0), "EURX": (1.08, None)}
        assert home.context.gecko_ids["EURX"] == "eurx-coin"


async def test_coingecko_is_asked_by_id_in_one_question_and_a_coin_without_one_is_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Large coins are known, others learnt from DefiLlama."""
    answer = gecko_wire.encode_markets(
        [
            StablecoinQuote(venue="coingecko", coin=coin, price=price, at_ms=1000, received_ms=1000)
            for coin, price in (("USDT", 0.97), ("USDC", 1.0))
        ]
    )
    async with rest({MARKETS: answer}) as host, house(COINS) as home:
        home.context.gecko_ids["EURX"] = "eurx-coin"
        async with supervised(gecko(host, home)):
            await until(lambda: len(host.asked) >= 3)

        assert host.asked[0].query["ids"] == "eurx-coin,tether,usd-coin"
        assert quotes(home) == {"USDT": (0.97, 1.0), "USDC": (1.0, 1.0)}
    assert [record.coins for record in caplog.records if hasattr(record, "coins")] == [["ODD"]]


async def test_a_null_price_at_coingecko_is_no_quote() -> None:
    """Any number there may be null."""
    row = {"id": "tether", "symbol": "usdt", "current_price": None, "market_cap": None, "last_updated": None}
    async with rest({MARKETS: json.dumps([row]).encode()}) as host, house(COINS) as home:
        feed = gecko(host, home)
        async with supervised(feed):
            await until(lambda: feed.status.frames >= 1)

        assert (home.facts, home.health) == ([], [])


async def test_a_demo_key_goes_into_its_header_and_nowhere_else() -> None:
    """Keyless is a pool that is shared by everybody behind the same address."""
    async with rest({MARKETS: b"[]"}) as host, house(COINS) as home:
        feed = gecko(host, home, key=SecretStr("demo-secret"))
        async with supervised(feed):
            await until(lambda: host.asked != [])

        assert host.asked[0].headers[coingecko.DEMO_HEADER] == "demo-secret"
        assert "demo-secret" not in repr(host.asked[0].url)


def throttled(_request: web.Request) -> web.Response:
    return web.Response(status=429, text="Throttled", headers={"Retry-After": "119"})


def broken(_request: web.Request) -> web.Response:
    return web.Response(status=502, text="bad gateway")


def page(_request: web.Request) -> web.Response:
    return web.Response(text="<html>Just a moment...</html>", content_type="text/html")


def complaint(_request: web.Request) -> web.Response:
    return web.Response(text='{"status":{"error_code":10010,"error_message":"wrong key"}}')


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (throttled, "is busy (429): Throttled"),
        (broken, "is broken (502)"),
        (page, "a web page where JSON was due"),
        (complaint, "10010 wrong key"),
    ],
)
@pytest.mark.parametrize("build", [llama, gecko])
async def test_each_bad_answer_is_said_once_in_words(
    build: Callable[[Rest, House], Feed], answer: Callable[[web.Request], web.Response], words: str
) -> None:
    """And the host is asked again, unless it said when."""
    async with rest({STABLECOINS: answer, MARKETS: answer}) as host, house(COINS) as home:
        feed = build(host, home)
        async with supervised(feed):
            await until(lambda: home.health != [] and (answer is throttled or len(host.asked) >= 3))

        assert len(home.health) == 1
        if not (answer is complaint and build is llama):  # a complaint of CoinGecko's makes no sense at DefiLlama's
            assert words in home.health[0].reason
        assert not (answer is throttled and len(host.asked) > 1)


async def test_nobody_wants_stablecoins() -> None:
    """Then nobody asks."""
    nothing: list[Feed] = []
    async with rest({}) as host, house(Wanted([])) as home:
        assert nothing == defillama.build(configs.DefiLlama(rest_url=host.url), home.context)
        assert nothing == coingecko.build(configs.CoinGecko(rest_url=host.url), home.context)
