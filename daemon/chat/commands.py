"""Commands: which there are, what each does to the house, and the answer to one."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from daemon.chat import market, muting, telling, trying
from daemon.chat.asked import Asked, Wrong
from daemon.chat.facts import Facts
from daemon.chat.saying import line
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

Lines = list[str]  # in HTML, each complete in itself


class Way(Enum):
    """How a command is answered."""

    IN_ORDER = auto()  # it changes something: before whatever was written or pressed after it
    ASIDE = auto()  # it only reads
    SLOWLY = auto()  # it only reads, and that takes a while


@dataclass(frozen=True, kw_only=True)
class Command:
    """One of them."""

    usage: str
    about: str
    reply: Callable[[Facts, Asked], Awaitable[Lines]]
    way: Way = Way.ASIDE


async def reply(facts: Facts, command: Command, asked: Asked) -> Lines:
    """What to say, also if it cannot be done as it was written, or not now."""
    try:
        return await command.reply(facts, asked)
    except Wrong as exc:
        return [line(exc), line("Write", command.usage)]
    except StorageTrouble as exc:
        log.warning("command could not be answered", extra={"reason": str(exc)})
        return [line("The database cannot be asked just now; try again in a minute.")]


async def _help(facts: Facts, asked: Asked) -> Lines:
    del facts, asked
    return [line(one.about, head=one.usage) for one in COMMANDS.values()]


async def _greet(facts: Facts, asked: Asked) -> Lines:
    del facts, asked
    return [line("Hello! I tell you here what my rules find in the market, and answer commands; /help lists them.")]


def _command(
    usage: str, about: str, reply: Callable[[Facts, Asked], Awaitable[Lines]], way: Way = Way.ASIDE
) -> tuple[str, Command]:
    return usage.split()[0][1:], Command(usage=usage, about=about, reply=reply, way=way)


COMMANDS: Mapping[str, Command] = dict(
    (
        _command("/status", "how the house is", telling.status),
        _command("/alerts", "what fires now", telling.alerts),
        _command("/rules", "all rules", telling.rules),
        _command("/why ID", "how near a rule is to firing, and what it said last", trying.why, Way.SLOWLY),
        _command("/funding BTC", "predicted funding at every venue", market.funding, Way.SLOWLY),
        _command("/liquidations BTC 1h", "what was liquidated", market.liquidations, Way.SLOWLY),
        _command("/peg USDC", "what a stablecoin is worth", market.peg),
        _command("/backtest ID 7d", "what a rule would have said", trying.backtest, Way.SLOWLY),
        _command(
            "/mute ID|SYMBOL|VENUE 4h [WHY]",
            "keep a rule, a symbol or a venue quiet for a while",
            muting.mute,
            Way.IN_ORDER,
        ),
        _command("/unmute [ID|NAME]", "end a silence; its id, rule, symbol or venue", muting.unmute, Way.IN_ORDER),
        _command("/silences", "what is kept quiet", muting.silences),
        _command("/help", "this list", _help),
    )
)
UNLISTED: Mapping[str, Command] = {"start": Command(usage="/start", about="what Telegram says first", reply=_greet)}
