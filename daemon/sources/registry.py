"""All sources by name: each a module with a `build`; what they can be told stands in `configs`."""

from types import ModuleType

from daemon.sources import asked
from daemon.sources.base import Context, Feed
from daemon.sources.key_free import KEY_FREE
from daemon.sources.pollers import alternative_me, coingecko, defillama
from daemon.sources.settings import Settings
from daemon.sources.streams import (
    amberdata,
    binance,
    bitget,
    bybit,
    coinlocally,
    datamaxi,
    deribit,
    gate,
    htx,
    hyperliquid,
    okx,
)

__all__ = ["KEY_FREE", "SOURCES", "build"]

SOURCES: dict[str, ModuleType] = {
    "binance": binance,
    "bybit": bybit,
    "okx": okx,
    "datamaxi": datamaxi,
    "amberdata": amberdata,
    "defillama": defillama,
    "coingecko": coingecko,
    "deribit": deribit,
    "hyperliquid": hyperliquid,
    "gate": gate,
    "htx": htx,
    "bitget": bitget,
    "coinlocally": coinlocally,
    "alternative_me": alternative_me,
    "coindesk": asked,
}


def build(name: str, config: Settings, context: Context) -> list[Feed]:
    """The feeds of one source of which anything is wanted; `config` is its module's own Config."""
    feeds: list[Feed] = SOURCES[name].build(config, context)
    return feeds
