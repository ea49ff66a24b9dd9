"""What people say to an alert: be quiet until then, or: I have seen it."""

from collections.abc import Mapping, Sequence

import msgspec

from rules.alerts import Alert
from rules.delivery.matchers import Matchers

SHORT = 8  # letters of an id that people are shown


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts that match are not told while it lasts. States go on, and an end is told to whoever knew the beginning."""

    silence_id: str
    matchers: Matchers = Matchers()
    episode_id: str | None = None  # of this one alert only; with no `until_ms` until it clears
    author: str  # anna (Telegram), `command line`
    reason: str = ""
    created_ms: int
    until_ms: int | None = None
    ended_ms: int | None = None  # ended by hand, or with its episode
    ended_by: str = ""

    @property
    def short_id(self) -> str:
        """As people are shown it, and may write it: they may write less, too."""
        return self.silence_id[:SHORT]

    def is_active(self, now_ms: int) -> bool:
        """Whether it has begun and not ended."""
        return self.ended_ms is None and (self.until_ms is None or now_ms < self.until_ms)

    def matches(self, alert: Alert, labels: Mapping[str, str]) -> bool:
        """Whether this alert is meant."""
        if self.episode_id is not None:
            return alert.episode_id == self.episode_id
        return self.matchers.matches(alert, labels)


def called(silences: Sequence[Silence], name: str, now_ms: int) -> list[Silence]:
    """Those that an id means, whole or its first letters; if several begin so, those of them that still count."""
    whole = [one for one in silences if one.silence_id == name]
    found = whole or [one for one in silences if name and one.silence_id.startswith(name.lower())]
    return [one for one in found if one.is_active(now_ms)] or found


class Acknowledgement(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody has seen this alert: it is not repeated. Getting worse is still told."""

    episode_id: str
    who: str
    at_ms: int
