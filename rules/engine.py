"""Events and time in, transitions out: which rules hold for which keys, since when, and what has just changed.

One engine has one writer. It reads no clock: `now_ms` is what the caller says it is, so tests and backtests are exact.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from math import inf, isfinite
from operator import attrgetter

from rules.alerts import AlertState, Reason, Transition
from rules.catalogue import catalogue
from rules.compiled import Rule
from rules.events import Event, FeedHealth, FundingRate, Liquidation, MarkPrice, OpenInterest
from rules.instruments import coin_of
from rules.stored import close_foreign, is_strange
from rules.tracker import Tracker

ROUTES_MAX = 100_000
PLACE_FIELDS = frozenset({"venue", "symbol", "coin", "feed"})  # the same for every event of one place

_BY_SYMBOL = frozenset({FundingRate, MarkPrice, OpenInterest, Liquidation})

Place = tuple[str, str]


class _Fan:
    """A rule whose key has parts that differ from event to event (the side of a liquidation, say)."""

    __slots__ = ("_engine", "_key_of", "_known", "_rule")

    def __init__(self, engine: "Engine", rule: Rule, known: dict[tuple[object, ...], Tracker]) -> None:
        """`known` are the rule's trackers, looked up here because a call costs more than the look."""
        self._engine, self._rule, self._known = engine, rule, known
        read = attrgetter(*rule.by)
        self._key_of = read if len(rule.by) > 1 else lambda event: (read(event),)

    def tracker(self, event: Event) -> Tracker | None:
        values = self._key_of(event)
        return self._known.get(values) or self._engine.track(self._rule, values)


class Engine:
    """All rules at work. `observe` for an event, `tick` for time alone; both answer the transitions, oldest first."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._trackers: dict[str, dict[tuple[object, ...], Tracker]] = {}  # rule id -> key values -> tracker
        self._routes: dict[type[Event], dict[Place, tuple[Tracker | _Fan, ...]]] = {}
        self._by_coin: dict[type[Event], dict[str | None, list[Rule]]] = {}
        self._deadlines: list[tuple[int, int, Tracker]] = []
        self._order = 0  # ties on the heap break by age
        self._changed: dict[str, Tracker] = {}
        self._forgotten: list[str] = []
        self.rules: dict[str, Rule] = {}
        self.refused_keys: dict[str, int] = {}  # rule id -> keys beyond its cap
        self._adopt(rules)

    # -- what comes in ------------------------------------------------------------------------------------------

    def observe(self, event: Event, now_ms: int) -> list[Transition]:
        """One event, and whatever had become due before it."""
        out: list[Transition] = []
        if self._deadlines and self._deadlines[0][0] <= now_ms:
            self._due(now_ms, out)
        kind = type(event)
        routes = self._routes.get(kind)
        if kind in _BY_SYMBOL:  # a property's call costs as much as the look-up, and most events have these two fields
            place = (event.venue, event.symbol)  # type: ignore[attr-defined]
        else:
            place = event.place
            if kind is FeedHealth:
                self._feed_changed(event, now_ms)  # type: ignore[arg-type]  # it is one
        if routes is None:
            return out
        bound = routes.get(place)
        if bound is None:
            bound = self._bind(kind, place, event)
        for item in bound:
            tracker = item if type(item) is Tracker else item.tracker(event)  # type: ignore[union-attr]  # a _Fan then
            if tracker is None:
                continue
            score = tracker.assess(event, now_ms, True)
            if score is None:
                continue
            tracker.event = event
            if tracker.low <= score < tracker.high:
                tracker.seen_ms = now_ms  # nothing changes: by far the most common end
                if tracker.is_timed and tracker.scheduled_ms > now_ms + tracker.nearest_ms:
                    self._schedule(tracker)  # else what stands on the heap comes first in any case
                continue
            self._settle(tracker, score, now_ms, out)
        return out

    def tick(self, now_ms: int) -> list[Transition]:
        """Time alone: whatever is due by now."""
        out: list[Transition] = []
        self._due(now_ms, out)
        return out

    def warm(self, event: Event, at_ms: int) -> None:
        """Fill windows with a stored event; changes no state and says nothing."""
        for item in self._routes.get(type(event), {}).get(event.place) or self._bind(type(event), event.place, event):
            tracker = item if isinstance(item, Tracker) else item.tracker(event)
            if tracker is not None and tracker.assess(event, at_ms, True) is not None:
                tracker.event = event

    def next_ms(self) -> int | None:
        """When `tick` should be called next, or None."""
        return self._deadlines[0][0] if self._deadlines else None

    # -- what goes out ------------------------------------------------------------------------------------------

    def take_changed(self) -> tuple[list[AlertState], list[str]]:
        """States to write since the last call, and fingerprints to forget."""
        states = [tracker.state() for tracker in self._changed.values()]
        for tracker in self._changed.values():
            tracker.is_written = True
        forgotten = self._forgotten
        self._changed, self._forgotten = {}, []
        return states, forgotten

    def firing(self) -> Iterator[Tracker]:
        """Every tracker with a running episode."""
        for trackers in self._trackers.values():
            for tracker in trackers.values():
                if tracker.alert is not None and tracker.alert.is_firing:
                    yield tracker

    def trackers(self, rule_id: str) -> Sequence[Tracker]:
        """All keys that a rule follows at present."""
        return list(self._trackers.get(rule_id, {}).values())

    # -- restart and reload ---------------------------------------------------------------------------------------

    def restore(self, states: Iterable[AlertState], now_ms: int, *, alive_ms: int | None) -> list[Transition]:
        """Take up what an earlier run wrote. Time since `alive_ms` (when it last ran) counts for nothing."""
        out: list[Transition] = []
        for state in states:
            rule = self.rules.get(state.rule_id)
            if rule is None or set(rule.by) != set(state.key) or not rule.follows(state.key) or is_strange(state, rule):
                out += close_foreign(state, now_ms, Reason.RULE_REMOVED if rule is None else Reason.RULE_CHANGED)
                self._forgotten.append(state.fingerprint)
                continue
            flags = catalogue(rule.on).kinds
            values = (state.key[name] if flags[name] != "flag" else state.key[name] == "True" for name in rule.by)
            tracker = self.track(rule, tuple(values))
            if tracker is not None:
                alive = max(state.seen_ms, state.since_ms) if alive_ms is None else alive_ms
                tracker.resume(state, min(alive, now_ms), now_ms)
                self._schedule(tracker)
        return out

    def swap(self, rules: Iterable[Rule], now_ms: int) -> list[Transition]:
        """Replace the rules between two events. Unchanged rules keep everything; changed ones keep their episodes."""
        new = {rule.rule_id: rule for rule in rules}
        out: list[Transition] = []
        for rule_id, trackers in list(self._trackers.items()):
            old, rule = self.rules[rule_id], new.get(rule_id)
            if rule is not None and rule.spec_hash == old.spec_hash:
                continue
            keeps = rule is not None and _is_heir(rule, old)
            for values, tracker in list(trackers.items()):
                if keeps and rule is not None and rule.follows(tracker.key):
                    tracker.adopt(rule, now_ms)
                    self._note(tracker)
                    self._schedule(tracker)
                else:
                    reason = Reason.RULE_REMOVED if rule is None else Reason.RULE_CHANGED
                    tracker.close(now_ms, reason, out)
                    self._forgotten.append(tracker.fingerprint)
                    self._changed.pop(tracker.fingerprint, None)
                    tracker.is_dropped = True
                    del trackers[values]
            if not trackers:
                del self._trackers[rule_id]
        self._adopt(new.values())
        return out

    def _adopt(self, rules: Iterable[Rule]) -> None:
        self.rules = {rule.rule_id: rule for rule in rules}
        self._by_coin = {}
        self._routes = {}
        for rule in self.rules.values():
            coins = self._by_coin.setdefault(rule.on, {})
            names = {None} if rule.symbols.names is None else {coin_of(name) for name in rule.symbols.names}
            for name in names:
                coins.setdefault(name, []).append(rule)
            self._routes.setdefault(rule.on, {})

    # -- inside -------------------------------------------------------------------------------------------------

    def _bind(self, kind: type[Event], place: Place, event: Event) -> tuple[Tracker | _Fan, ...]:
        """Find the rules for a place that is seen for the first time, and keep the answer."""
        routes = self._routes.get(kind)
        if routes is None:
            return ()
        if len(routes) >= ROUTES_MAX:
            routes.clear()
        venue, symbol = place[0], place[1].upper()  # feeds are named in small letters, what people write is not
        coins = self._by_coin[kind]
        found: list[Tracker | _Fan] = []
        for rule in (*coins.get(coin_of(symbol), ()), *coins.get(None, ())):
            if not rule.venues.matches(venue.upper()) or not rule.symbols.matches(symbol):
                continue
            if set(rule.by) <= PLACE_FIELDS:
                values = tuple(getattr(event, name) for name in rule.by)
                if (tracker := self.track(rule, values)) is not None:
                    found.append(tracker)
            else:
                found.append(_Fan(self, rule, self._trackers.setdefault(rule.rule_id, {})))
        routes[place] = tuple(found)
        return routes[place]

    def track(self, rule: Rule, values: tuple[object, ...]) -> Tracker | None:
        """The tracker of a rule and key, made when first asked for; None beyond the rule's cap."""
        trackers = self._trackers.setdefault(rule.rule_id, {})
        tracker = trackers.get(values)
        if tracker is None:
            if len(trackers) >= rule.keys_max:
                self.refused_keys[rule.rule_id] = self.refused_keys.get(rule.rule_id, 0) + 1
                return None
            key = {name: str(value) for name, value in zip(rule.by, values, strict=True)}
            tracker = trackers[values] = Tracker(rule, key)
        return tracker

    def _settle(self, tracker: Tracker, score: float, now_ms: int, out: list[Transition]) -> None:
        if not isfinite(score):  # past all floats, and could not be read again after a restart: no data
            return
        before = len(out)
        touched = tracker.settle(score, now_ms, out)
        if touched or len(out) > before:
            self._note(tracker)
        self._schedule(tracker)

    def _note(self, tracker: Tracker) -> None:
        if tracker.is_worth_keeping():
            self._changed[tracker.fingerprint] = tracker
        else:
            self._changed.pop(tracker.fingerprint, None)
            if tracker.is_written:
                self._forgotten.append(tracker.fingerprint)
                tracker.is_written = False

    def _schedule(self, tracker: Tracker) -> None:
        at_ms = tracker.due_ms()
        if at_ms is not None and at_ms < tracker.scheduled_ms:
            tracker.scheduled_ms = at_ms
            self._order += 1
            heapq.heappush(self._deadlines, (at_ms, self._order, tracker))

    def _due(self, now_ms: int, out: list[Transition]) -> None:
        """Everything that is due, in the order of time, each at its own moment."""
        while self._deadlines and self._deadlines[0][0] <= now_ms:
            at_ms, _, tracker = heapq.heappop(self._deadlines)
            if tracker.is_dropped or at_ms != tracker.scheduled_ms:
                continue  # an older entry; the right one is still on the heap
            tracker.scheduled_ms = inf
            before = len(out)
            touched = False
            if tracker.is_timed:
                touched = tracker.trust(at_ms)
                tracker.missed(at_ms)
                if tracker.event is not None and tracker.stale_ms is None:
                    score = tracker.assess(tracker.event, at_ms, False)
                    if score is not None:
                        touched |= tracker.judge(score, at_ms, out)
                    else:  # an average of nothing, a spread of one: time has taken the data away
                        touched |= tracker.grow_stale(at_ms)
                        tracker.event = None  # and only a value brings it back, so time need not ask again
            tracker.pass_time(at_ms, out)
            if touched or len(out) > before:
                self._note(tracker)
            self._schedule(tracker)

    def _feed_changed(self, event: FeedHealth, now_ms: int) -> None:
        """A dead feed holds the states it fed; a returning one is believed when its first value comes.

        Sums of events are believed again when the feed has been up for their whole window.
        """
        for rule_id, trackers in self._trackers.items():
            rule = self.rules[rule_id]
            if rule.on is FeedHealth or "venue" not in rule.by:
                continue
            if event.carries and rule.on.__struct_config__.tag not in event.carries:
                continue
            for tracker in trackers.values():
                if tracker.key["venue"] != event.venue:
                    continue
                if event.state == "down":
                    if tracker.grow_stale(now_ms):
                        self._note(tracker)
                elif tracker.may_recover(now_ms):
                    self._schedule(tracker)


def _is_heir(rule: Rule, old: Rule) -> bool:
    """Whether an episode of the old rule may go on under the new one."""
    shapes = [(one.kind, one.on, one.by, one.is_momentary) for one in (rule, old)]
    return shapes[0] == shapes[1]
