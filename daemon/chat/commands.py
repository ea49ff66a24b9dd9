"""Commands: which there are, and the answer to one that somebody wrote."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from daemon.chat import market, muting, telling, trying
from daemon.chat.asked import Asked, Wrong
from daemon.chat.facts import Facts
from daemon.chat.saying import line
from storage.trouble import StorageTrouble

log = logging.getLogger(__name__)

Lines = list[str]  # in HTML, each complete in itself


@dataclass(frozen=True, kw_only=True)
class Command:
    """One of them."""

    usage: str
    about: str
    reply: Callable[[Facts, Asked], Awaitable[Lines]]


async def answer(facts: Facts, text: str, who: str, name: str) -> Lines | None:
    """What to say, or None if it is no command. `name` is that of this one message."""
    first, *words = text.split() or [""]
    if not first.startswith("/"):
        return None
    command = COMMANDS.get(first[1:].partition("@")[0].lower())
    if command is None:
        return [line("There is no such command; /help lists those there are.")]
    try:
        return await command.reply(facts, Asked(words=tuple(words), who=who, name=name))
    except Wrong as exc:
        return [line(exc), line("Write", command.usage)]
    except StorageTrouble as exc:
        log.warning("command could not be answered", extra={"reason": str(exc)})
        return [line("The database cannot be asked just now; try again in a minute.")]


async def _help(facts: Facts, asked: Asked) -> Lines:
    del facts, asked
    return [line(one.about, head=one.usage) for one in COMMANDS.values()]


def _command(usage: str, about: str, reply: Callable[[Facts, Asked], Awaitable[Lines]]) -> tuple[str, Command]:
    return usage.split()[0][1:], Command(usage=usage, about=about, reply=reply)


COMMANDS: Mapping[str, Command] = dict(
    (
        _command("/status", "how the house is", telling.status),
        _command("/alerts", "what fires now", telling.alerts),
        _command("/rules", "all rules", telling.rules),
        _command("/why ID", "how near a rule is to firing, and what it said last", trying.why),
        _command("/funding BTC", "predicted funding at every venue", market.funding),
        _command("/liquidations BTC 1h", "what was liquidated", market.liquidations),
        _command("/peg USDC", "what a stablecoin is worth", market.peg),
        _command("/backtest ID 7d", "what a rule would have said", trying.backtest),
        _command("/mute ID|SYMBOL 4h", "keep a rule or a symbol quiet for a while", muting.mute),
        _command("/unmute [ID|SYMBOL]", "end a silence; its id, rule or symbol", muting.unmute),
        _command("/silences", "what is kept quiet", muting.silences),
        _command("/help", "this list", _help),
    )
)
