"""Silences from the chat: begun, listed, ended."""

import re
from hashlib import blake2b

from daemon.chat.asked import Asked, Wrong
from daemon.chat.facts import Facts
from daemon.chat.saying import line
from rules.delivery import Matchers, Silence
from rules.units import duration_ms
from sinks.wording import say_when

LONGEST_MS = 30 * 86_400_000
_SYMBOL = re.compile(r"[A-Za-z0-9][\w.:-]{0,39}")


async def mute(facts: Facts, asked: Asked) -> list[str]:
    """Keep a rule or a symbol quiet."""
    if len(asked.words) != 2:
        raise Wrong("Say what, and for how long.")
    name, length = asked.words
    try:
        length_ms = duration_ms(length)
    except (ValueError, OverflowError):
        raise Wrong(f"{length} is no length of time.") from None
    if not 0 < length_ms <= LONGEST_MS:
        raise Wrong("A silence lasts at most 30 days.")
    now_ms = facts.clock()
    silence = await facts.silences.add(
        author=f"{asked.who} (Telegram)",
        matchers=_meant(facts, name),
        until_ms=now_ms + length_ms,
        silence_id=blake2b(asked.name.encode(), digest_size=6).hexdigest(),
    )
    facts.heard()
    return [_said(silence, now_ms)]


async def silences(facts: Facts, asked: Asked) -> list[str]:
    """Those that count."""
    del asked
    now_ms = facts.clock()
    return [_said(one, now_ms) for one in await facts.silences.active(now_ms)] or [line("Nothing is kept quiet.")]


async def unmute(facts: Facts, asked: Asked) -> list[str]:
    """End those that are meant; without a name the only one."""
    active = await facts.silences.active(facts.clock())
    if not active:
        return [line("Nothing is kept quiet.")]
    if not asked.words and len(active) > 1:
        raise Wrong("There are several; /silences lists them.")
    if len(asked.words) > 1:
        raise Wrong("One at a time.")
    chosen = active if not asked.words else [one for one in active if _is_meant(one, asked.words[0])]
    if not chosen:
        raise Wrong(f"No silence is called {asked.words[0]}; /silences lists them.")
    ended = [one for one in chosen if await facts.silences.end(one.silence_id, f"{asked.who} (Telegram)")]
    facts.heard()
    return [line(_what(one), "is told again", head=one.silence_id) for one in ended] or [line("It had ended already.")]


def _meant(facts: Facts, name: str) -> Matchers:
    """A rule if there is one of this id, else a symbol."""
    if name in {spec.id for spec in facts.config().rules}:
        return Matchers(rules=(name,))
    if not _SYMBOL.fullmatch(name):
        raise Wrong(f"{name} is neither a rule nor a symbol.")
    return Matchers(symbols=(name.upper(),))


def _is_meant(silence: Silence, name: str) -> bool:
    meant = silence.matchers
    return silence.silence_id == name or meant.rules == (name,) or meant.symbols == (name.upper(),)


def _said(silence: Silence, now_ms: int) -> str:
    until = "until it clears" if silence.until_ms is None else f"until {say_when(silence.until_ms, now_ms)}"
    reason = f": {silence.reason}" if silence.reason else ""
    return line(f"{_what(silence)} is quiet {until}, by {silence.author}{reason}", head=silence.silence_id)


def _what(silence: Silence) -> str:
    return f"alert {silence.episode_id}" if silence.episode_id is not None else str(silence.matchers)
