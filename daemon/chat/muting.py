"""Silences from the chat: begun, listed, ended."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

from daemon.chat.asked import Asked, Wrong
from daemon.chat.facts import Facts
from daemon.chat.saying import line
from daemon.config.mistakes import GUESS, nearest, quote
from daemon.named import Unknown, doubts
from rules.alerts import Alert
from rules.delivery import Matchers, Silence
from rules.delivery.matchers import thing
from rules.selection import Selection
from rules.units import duration_ms
from sinks.fit import cut
from sinks.wording import say_when

LONGEST_MS = 30 * 86_400_000
REASON_MAX = 200  # letters
ALIKE_MAX = 5  # silences of one press that each say until when, and by whom
LISTED_MAX = 30
_LETTERS_MIN = 4  # of an id


async def mute(facts: Facts, asked: Asked) -> list[str]:
    """Keep a rule, a symbol or a venue quiet."""
    if len(asked.words) < 2:
        raise Wrong("Say what, and for how long.")
    name, length, *why = asked.words
    try:
        length_ms = duration_ms(length)
    except (ValueError, OverflowError):
        raise Wrong(f"{length} is no length of time.") from None
    if not 0 < length_ms <= LONGEST_MS:
        raise Wrong("A silence lasts at most 30 days.")
    now_ms = facts.clock()
    matchers, doubtful = await _meant(facts, name)
    silence = await facts.silences.add(
        author=f"{asked.who} (Telegram)",
        matchers=matchers,
        reason=cut(" ".join(why), REASON_MAX),
        until_ms=now_ms + length_ms,
        silence_id=blake2b(asked.name.encode(), digest_size=6).hexdigest(),
    )
    facts.heard()
    return [_said(silence, now_ms, {}), *map(line, doubtful)]


async def silences(facts: Facts, asked: Asked) -> list[str]:
    """Those that count; of those about an account only how many."""
    del asked
    now_ms = facts.clock()
    active = await facts.silences.active(now_ms)
    alerts = {one.episode_id: one.alert for one in facts.post.standings}
    told = [one for one in active if not _is_private(facts, one, alerts)]
    shown = []
    for alike in _alike(told):
        if len(alike) > ALIKE_MAX:  # one press under a digest
            shown.append(line(f"{len(alike):,} alerts are quiet {_until(alike[0], now_ms, 'they clear')}:"))
            shown += [line(_what(one, alerts), head=one.short_id) for one in alike[:LISTED_MAX]]
            if len(alike) > LISTED_MAX:
                shown.append(line(f"and {len(alike) - LISTED_MAX:,} more; /unmute takes a rule or a symbol, too"))
        else:
            shown += [_said(one, now_ms, alerts) for one in alike]
    if own := len(active) - len(told):
        shown.append(line(f"{own:,} about an account; tocsin silences lists all at the command line."))
    return shown or [line("Nothing is kept quiet.")]


async def unmute(facts: Facts, asked: Asked) -> list[str]:
    """End those that are meant; without a name the only one."""
    active = await facts.silences.active(facts.clock())
    if not active:
        return [line("Nothing is kept quiet.")]
    if not asked.words and len(active) > 1:
        raise Wrong("There are several; /silences lists them.")
    if len(asked.words) > 1:
        raise Wrong("One at a time.")
    alerts = {one.episode_id: one.alert for one in facts.post.standings}
    chosen = active if not asked.words else _chosen(facts, active, asked.words[0], alerts)
    if not chosen:
        raise Wrong(f"No silence is called {asked.words[0]}; /silences lists them.")
    ended = [one for one in chosen if await facts.silences.end(one.silence_id, f"{asked.who} (Telegram)")]
    facts.heard()
    return [
        line(
            "about an account" if _is_private(facts, one, alerts) else _what(one, alerts),
            "is told again",
            head=one.short_id,
        )
        for one in ended
    ] or [line("It had ended already.")]


async def _meant(facts: Facts, name: str) -> tuple[Matchers, list[str]]:
    """A rule if there is one of this id, however a phone writes it, else a symbol, else a venue; and what is doubtful."""
    ids = [spec.id for spec in facts.config().rules]
    for one in ids:
        if name == one or (name.lower() == one.lower() and name not in ids):
            return Matchers(rules=(one,)), []
    symbol, venue = Matchers(symbols=(name.upper(),)), Matchers(venues=(name.lower(),))
    no_symbol, doubtful = await _unknown(facts, symbol)
    if not no_symbol and not doubtful:
        return symbol, []
    no_venue, _ = await _unknown(facts, venue)
    if not no_venue:  # no coin that anybody has heard of lately is called so
        return venue, []
    if not no_symbol:
        return symbol, doubtful
    alike = nearest(name, ids)
    if alike.startswith(GUESS):
        raise Wrong(f"There is no rule {quote(name)}; {alike}")
    is_near = GUESS in no_venue and ("." in no_symbol.partition(GUESS)[2] or "; " not in no_symbol)  # okxx: no feed
    raise Wrong(f"There is no rule {quote(name)}, and {no_venue if is_near else no_symbol}")


async def _unknown(facts: Facts, meant: Matchers) -> tuple[str, list[str]]:
    """Why nothing is called so; empty if something is. And what is doubtful about it."""
    try:
        return "", await doubts(meant, facts.database, facts.config(), facts.views())
    except Unknown as exc:
        return str(exc), []


def _chosen(facts: Facts, active: Sequence[Silence], name: str, alerts: Mapping[str, Alert]) -> list[Silence]:
    """Those called so: by their id or its first letters, or by what they keep quiet."""
    by_id = [one for one in active if one.silence_id == name]
    by_name = [one for one in active if _is_meant(one, name) or _is_about(facts, one, name, alerts)]
    if by_id or by_name:
        return by_id or by_name
    one_coin = Selection(frozenset((name.upper(),)))
    wide = [
        one
        for one in active
        if any(one_coin.matches(symbol.upper()) for symbol in one.matchers.symbols)
        and not _is_private(facts, one, alerts)
    ]
    if len(wide) == 1 and len(wide[0].matchers.symbols) == 1:
        return wide
    if len(wide) > 1:
        named = "; ".join(f"{one.short_id} {one.matchers}" for one in wide[:ALIKE_MAX])
        raise Wrong(f"{len(wide)} silences are about {name}, write the id of one: {named}")
    begun = [one for one in active if len(name) >= _LETTERS_MIN and one.silence_id.startswith(name.lower())]
    if len(begun) > 1:
        raise Wrong(f"{len(begun)} silences begin with {name}; write more of the id.")
    if not begun:
        among = [one for one in active if name.upper() in one.matchers.symbols or name in one.matchers.rules]
        if among and not _is_private(facts, among[0], alerts):
            what, named = str(among[0].matchers), among[0].short_id
            raise Wrong(f"{name} is quiet together with others ({what}): /unmute {named} ends that silence.")
    return begun


def _is_meant(silence: Silence, name: str) -> bool:
    meant = silence.matchers
    return meant.rules == (name,) or meant.symbols == (name.upper(),) or meant.venues == (name.lower(),)


def _is_about(facts: Facts, silence: Silence, name: str, alerts: Mapping[str, Alert]) -> bool:
    """Whether it keeps one alert quiet that is of this rule, or about this coin or instrument."""
    alert = alerts.get(silence.episode_id or "")
    if alert is None or _is_private(facts, silence, alerts):
        return False
    return alert.rule_id == name or Selection(frozenset((name.upper(),))).matches(thing(alert).upper())


def _alike(silences: Iterable[Silence]) -> list[list[Silence]]:
    """Those about single alerts that one person began at once stand together; any other stands alone."""
    found: dict[object, list[Silence]] = {}
    for one in silences:
        name = one.silence_id if one.episode_id is None else (one.author, one.created_ms, one.until_ms, one.reason)
        found.setdefault(name, []).append(one)
    return list(found.values())


def _is_private(facts: Facts, silence: Silence, alerts: Mapping[str, Alert]) -> bool:
    alert = alerts.get(silence.episode_id or "")
    return facts.post.policy.is_private(silence.matchers) or (alert is not None and alert.is_private)


def _said(silence: Silence, now_ms: int, alerts: Mapping[str, Alert]) -> str:
    return line(f"{_what(silence, alerts)} is quiet {_until(silence, now_ms)}", head=silence.short_id)


def _until(silence: Silence, now_ms: int, end: str = "it clears") -> str:
    until = f"until {end}" if silence.until_ms is None else f"until {say_when(silence.until_ms, now_ms)}"
    return f"{until}, by {silence.author}{f': {silence.reason}' if silence.reason else ''}"


def _what(silence: Silence, alerts: Mapping[str, Alert]) -> str:
    """What is quiet, in words that a person knows."""
    if silence.episode_id is None:
        return str(silence.matchers)
    alert = alerts.get(silence.episode_id)
    return f"alert {silence.episode_id}" if alert is None else f"{alert.rule_id} {' '.join(alert.key.values())}"
