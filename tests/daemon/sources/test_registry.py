"""Every source can be named, set and built."""

import pytest
from pydantic import SecretStr, ValidationError

from daemon.sources import asked
from daemon.sources.base import Wanted
from daemon.sources.configs import CONFIGS, Binance
from daemon.sources.registry import KEY_FREE, SOURCES, build
from daemon.sources.settings import Settings
from rules.events import AccountUpdate, FearGreed, FundingRate, Liquidation, MarkPrice, OpenInterest, StablecoinQuote
from rules.selection import Selection
from tests.daemon.sources.loopback import house

KINDS = (FundingRate, MarkPrice, OpenInterest, Liquidation, StablecoinQuote, FearGreed, AccountUpdate)
EVERYTHING = Wanted([(kind, None, Selection(None)) for kind in KINDS])


KEYLESS = (*KEY_FREE, "gate", "htx", "bitget")  # the last three wait until somebody names them


def config(name: str) -> Settings:
    key = {} if name in KEYLESS else {"key": SecretStr("k")}
    return CONFIGS[name].model_validate(key)


@pytest.mark.parametrize("name", SOURCES)
async def test_each_source_builds_feeds_that_are_named_after_it(name: str) -> None:
    """Names are what /healthz, metrics and feed_health rules speak of."""
    async with house(EVERYTHING) as home:
        names = [feed.name for feed in build(name, config(name), home.context)]

    assert bool(names) is (SOURCES[name] is not asked)  # some are only asked, and have no feed
    assert len(names) == len(set(names))
    assert all(feed.startswith(f"{name}.") for feed in names)


@pytest.mark.parametrize("name", SOURCES)
async def test_what_nobody_wants_is_not_built(name: str) -> None:
    """No wish, no connection."""
    async with house(Wanted([])) as home:
        assert build(name, config(name), home.context) == []


@pytest.mark.parametrize("name", SOURCES)
def test_unknown_settings_are_refused(name: str) -> None:
    """A typing error must not pass for a setting."""
    with pytest.raises(ValidationError, match="Extra inputs"):
        CONFIGS[name].model_validate({"key": "k", "evry": "5m"})


@pytest.mark.parametrize("name", KEYLESS)
def test_sources_without_a_key_need_no_settings(name: str) -> None:
    """`tocsin run` works with no configuration at all."""
    assert CONFIGS[name]()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"every": 60}, "is not a duration; write 30s"),
        ({"every": "0s"}, "must be longer than nothing"),
        ({"rest_url": "stablecoins.llama.fi"}, "write https://host"),
        ({"rest_url": "wss://stablecoins.llama.fi"}, "write https://host"),
    ],
)
def test_wrong_settings_say_what_would_be_right(settings: dict[str, object], words: str) -> None:
    """The loader adds file, line and column."""
    with pytest.raises(ValidationError, match=words):
        CONFIGS["defillama"].model_validate(settings)


def test_a_slash_at_the_end_of_an_address_is_harmless() -> None:
    """Paths begin with one."""
    assert Binance(rest_url="http://127.0.0.1:9/").rest_url == "http://127.0.0.1:9"
