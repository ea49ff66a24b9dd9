"""What a rule did over a stretch of the past, counted."""

from collections import Counter
from dataclasses import dataclass, field

from daemon.trial.play import Spoken
from rules.alerts import Change, Transition

HOUR_MS, DAY_MS = 3_600_000, 86_400_000


@dataclass(kw_only=True)
class Tally:
    """Counts of one rule. Fed with transitions and messages in the order of time."""

    flap_ms: int  # a fire so soon after a clear is a flap
    fires: int = 0
    escalations: int = 0
    unheard: int = 0  # fires that nobody was told of: a cooldown
    messages: int = 0
    flaps: int = 0
    firing_ms: int = 0  # while at least one key was firing
    hours: Counter[int] = field(default_factory=Counter)  # messages by hour
    days: Counter[int] = field(default_factory=Counter)  # fires by day
    _firing: set[str] = field(default_factory=set)
    _since_ms: int = 0
    _cleared_ms: dict[str, int] = field(default_factory=dict)

    def decided(self, transition: Transition) -> None:
        """A change of one of the rule's alerts."""
        alert = transition.alert
        mark = alert.episode_id.partition("-")[0]
        match transition.change:
            case Change.FIRED:
                self.fires += 1
                self.days[alert.at_ms // DAY_MS] += 1
                self.unheard += transition.muted is not None
                if alert.is_momentary:
                    return
                if alert.at_ms - self._cleared_ms.get(mark, -self.flap_ms - 1) <= self.flap_ms:
                    self.flaps += 1
                if not self._firing:
                    self._since_ms = alert.at_ms
                self._firing.add(mark)
            case Change.ESCALATED:
                self.escalations += 1
            case Change.CLEARED:
                self._cleared_ms[mark] = alert.at_ms
                self._firing.discard(mark)
                if not self._firing:
                    self.firing_ms += alert.at_ms - self._since_ms

    def told(self, at_ms: int) -> None:
        """A message that speaks of the rule."""
        self.messages += 1
        self.hours[at_ms // HOUR_MS] += 1

    def close(self, at_ms: int) -> None:
        """The stretch ends; what still fires fired until then."""
        if self._firing:
            self.firing_ms += max(0, at_ms - self._since_ms)
            self._since_ms = at_ms

    @property
    def worst_hour(self) -> tuple[int, int] | None:
        """(when it began, messages in it) of the loudest hour, the first of several; None if nothing was told."""
        if not self.hours:
            return None
        hour, count = max(self.hours.items(), key=lambda item: (item[1], -item[0]))
        return hour * HOUR_MS, count


def rules_of(spoken: Spoken) -> set[str]:
    """The rules that a message speaks of; none for our own words."""
    notice = spoken.notice
    alerts = [member.alert for member in notice.members] or ([notice.alert] if notice.alert is not None else [])
    return {alert.rule_id for alert in alerts}
