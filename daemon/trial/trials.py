"""A test of the rules file, run: what was expected and did not come, beside what came."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from daemon.config.model import Config
from daemon.config.trials import Loc, WrittenTrial
from daemon.trial.play import Play, Spoken
from daemon.trial.policy import late_after_ms, rehearsed_policy
from rules.alerts import Phase
from rules.compiled import Rule
from rules.events import Event
from rules.tracker import Tracker
from rules.trials import Expectation, Standing, standing

SETTLES_MS = 5_000  # what is on its way at the end still leaves
_KEYS_SHOWN = 5
KEYLESS = "all"  # how a rule's only key is written when it tracks no part apart


@dataclass(frozen=True, kw_only=True)
class Failure:
    """One rule or sink at one moment of a test."""

    test: WrittenTrial
    loc: Loc  # inside the test
    at_ms: int  # from the test's start
    subject: str  # hot-funding, or: messages to desk
    expected: tuple[str, ...]  # one item a key, or a message
    got: tuple[str, ...]
    is_messages: bool = False
    later_ms: int | None = None  # when a message came that was expected here
    hint: str = ""  # why a state may be another: the keys that there are


@dataclass(kw_only=True)
class Outcome:
    """What became of one test."""

    test: WrittenTrial
    failures: list[Failure] = field(default_factory=list)
    events: int = 0


def run_all(config: Config, *, only: str | None = None) -> Iterator[Outcome]:
    """Every test of the files, in their order; `only` those whose name holds this."""
    rules = [spec.compile() for spec in config.rules] if config.tests else []
    for test in config.tests:
        if only is None or only.lower() in test.trial.name.lower():
            yield run(test, rules, config)


def run(test: WrittenTrial, rules: Sequence[Rule], config: Config) -> Outcome:
    """One test, on a clock of its own."""
    trial = test.trial
    chosen = [rule for rule in rules if trial.rules is None or rule.rule_id in trial.rules]
    spoken: list[Spoken] = []
    play = Play(
        chosen,
        rehearsed_policy(config, chosen),
        late_after_ms=late_after_ms(config),
        spoken=spoken.append,
    )
    outcome = Outcome(test=test)
    events = deque(trial.events())
    for index, moment in enumerate(trial.expect):
        outcome.events += _play_until(play, events, trial.start + moment.at)
        outcome.failures += _wrong_states(test, index, moment, play, {rule.rule_id: rule for rule in chosen})
    outcome.events += _play_until(play, events, trial.start + trial.lasts_ms)
    play.finish(trial.start + trial.lasts_ms + SETTLES_MS)
    outcome.failures += _wrong_messages(test, spoken)
    outcome.failures.sort(key=lambda failure: failure.at_ms)
    return outcome


def _play_until(play: Play, events: deque[tuple[int, Event]], until_ms: int) -> int:
    """Everything up to that moment; the number of events."""
    count = 0
    while events and events[0][0] <= until_ms:
        play.observe(events.popleft()[1])
        count += 1
    play.finish(until_ms)
    return count


def said_key(tracker: Tracker) -> str:
    """What a rule's key is called: `binance BTC-USDT-PERP`."""
    return " ".join(tracker.key.values()) or KEYLESS


def standing_of(tracker: Tracker) -> Standing:
    """How a rule stands for one key."""
    is_loud = tracker.phase in (Phase.FIRING, Phase.RECOVERING) and tracker.alert is not None
    return Standing(tracker.phase, tracker.alert.severity if is_loud and tracker.alert is not None else None)


def _wrong_states(
    test: WrittenTrial, index: int, moment: Expectation, play: Play, rules: dict[str, Rule]
) -> Iterator[Failure]:
    for rule_id, states in moment.states.items():
        if rule_id not in rules:
            continue
        found = {said_key(tracker): standing_of(tracker) for tracker in play.engine.trackers(rule_id)}
        if isinstance(states, str):
            wanted = dict.fromkeys(found or {KEYLESS: Standing()}, standing(states))
        else:
            wanted = {key: standing(state) for key, state in states.items()}
        keys = dict.fromkeys((*wanted, *sorted(found)))
        expected, got = {}, {}
        for key in keys:
            want, have = wanted.get(key, Standing()), found.get(key, Standing())
            expected[key], got[key] = want, have
        if all(_agree(expected[key], got[key]) for key in keys):
            continue
        shown = [key for key in keys if key in wanted or not _agree(expected[key], got[key])]
        yield Failure(
            test=test,
            loc=("expect", index, "states", rule_id),
            at_ms=moment.at,
            subject=rule_id,
            expected=tuple(f"{key}: {expected[key]}" for key in shown),
            got=tuple(f"{key}: {got[key]}" for key in shown),
            hint=_hint(rules[rule_id], wanted, found),
        )


def _hint(rule: Rule, wanted: Iterable[str], found: Iterable[str]) -> str:
    """What helps whoever has written a key that is not there."""
    keys = sorted(found)
    if not keys:
        return f"no series has said anything that it looks at; it listens to {rule.on.__struct_config__.tag}"
    if set(wanted) <= set(keys):
        return ""
    return f"its keys are {', '.join(keys[:_KEYS_SHOWN])}{', ...' if len(keys) > _KEYS_SHOWN else ''}"


def _agree(expected: Standing, got: Standing) -> bool:
    """A state without a severity is content with any."""
    return expected.phase is got.phase and expected.severity in (None, got.severity)


def _wrong_messages(test: WrittenTrial, spoken: Sequence[Spoken]) -> Iterator[Failure]:
    """From one moment that speaks of messages to the next, all sinks that the test speaks of anywhere."""
    trial = test.trial
    watched = dict.fromkeys(sink for moment in trial.expect for sink in moment.messages)
    moments = [(index, moment) for index, moment in enumerate(trial.expect) if moment.messages]
    since_ms = 0
    for index, moment in moments:
        until_ms = trial.start + moment.at
        for sink in watched:
            expected = tuple(text.strip() for text in moment.messages.get(sink, ()))
            came = [message for message in spoken if message.sink == sink and since_ms < message.at_ms]
            got = tuple(message.text for message in came if message.at_ms <= until_ms)
            if len(expected) != len(got) or not all(map(_reads, expected, got)):
                later = next((one for one in came if one.at_ms > until_ms and _is_among(one.text, expected)), None)
                loc: Loc = ("expect", index, "messages", sink)
                later_ms = None if later is None else later.at_ms - trial.start
                yield _messages(test, loc, moment.at, sink, expected, got, later_ms)
        since_ms = until_ms
    for sink in watched:  # after the last moment nothing is expected
        got = tuple(message.text for message in spoken if message.sink == sink and message.at_ms > since_ms)
        if got:
            yield _messages(test, ("expect", moments[-1][0]), trial.lasts_ms, sink, (), got)


def _is_among(text: str, expected: Sequence[str]) -> bool:
    """Also where only the blanks are others: two stand behind the severity, which is easily overlooked."""
    return any(_reads(squeezed(one), squeezed(text)) for one in expected)


def squeezed(text: str) -> str:
    """Each line with single blanks."""
    return "\n".join(" ".join(line.split()) for line in text.splitlines())


def _reads(expected: str, got: str) -> bool:
    """Whether this is the message: one line is its headline, several are all of it."""
    lines = [line.rstrip() for line in expected.splitlines()]
    return lines == (got.splitlines() if len(lines) > 1 else got.splitlines()[:1])


def _messages(
    test: WrittenTrial,
    loc: Loc,
    at_ms: int,
    sink: str,
    expected: tuple[str, ...],
    got: tuple[str, ...],
    later_ms: int | None = None,
) -> Failure:
    return Failure(
        test=test,
        loc=loc,
        at_ms=at_ms,
        subject=f"messages to {sink}",
        expected=expected,
        got=got,
        is_messages=True,
        later_ms=later_ms,
    )
