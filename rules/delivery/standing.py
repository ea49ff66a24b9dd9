"""What is remembered of an alert while it fires: who was told, who was not and why, and who is told again when."""

from collections.abc import Container

import msgspec

from rules.alerts import Alert

COOLDOWN = "cooldown"  # the cause of a mute that only time ends


class Mute(msgspec.Struct, frozen=True, gc=False):
    """Why a sink is not told of an alert."""

    reason: str  # for people: `silenced by anna until 14:00Z: too loud`
    cause: str = ""  # what must end before it may be told: a silence, another alert, a cooldown; empty: nothing will
    until_ms: int | None = None  # when it ends by itself


class Told(msgspec.Struct, kw_only=True, gc=False):
    """One sink and one alert."""

    mute: Mute | None = None  # why it has not heard the latest; None: it has
    repeats: int = 0  # so often since it became as bad as it is
    repeat_ms: int | None = None  # when it is told again
    number: int = 0  # of the next `still`

    def next_ms(self) -> int | None:
        """When it is told again by time alone: a repeat, or the end of a cooldown."""
        if self.mute is not None:
            return self.mute.until_ms if self.mute.cause == COOLDOWN else None
        return self.repeat_ms


class Standing(msgspec.Struct, kw_only=True):
    """One alert that is firing; survives a restart."""

    alert: Alert
    notify: tuple[str, ...] | None = None  # as the rule names them
    worse_ms: int = 0  # when it fired, or escalated last: an earlier acknowledgement was about less
    sinks: dict[str, Told] = {}

    @property
    def episode_id(self) -> str:
        return self.alert.episode_id

    def next_ms(self, names: Container[str]) -> int | None:
        """When the first of its sinks is told again by time alone, of those with these names."""
        times = [told.next_ms() for name, told in self.sinks.items() if name in names]
        return min((at_ms for at_ms in times if at_ms is not None), default=None)
