"""What the house lets a chat see and do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from daemon.alive import Vitals
from daemon.clock import Clock
from daemon.config.model import Config, SinkConfig
from daemon.sources.base import FeedStatus
from daemon.views.all import Views
from rules.delivery import Post
from rules.tracker import Tracker
from storage.database import Database
from storage.silences import Silences


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All of it. What may be replaced by a reload is asked for each time."""

    database: Database
    silences: Silences
    post: Post
    config: Callable[[], Config]
    vitals: Callable[[], Vitals]
    feeds: Callable[[], Sequence[FeedStatus]]
    views: Callable[[], Views | None]  # None: no tables are served, so nothing is folded
    trackers: Callable[[str], Sequence[Tracker]]  # what the engine knows of a rule, by its id; not to be changed
    heard: Callable[[], None]  # something was written that the house should read
    clock: Clock

    @property
    def sinks(self) -> Mapping[str, SinkConfig]:
        """By name, as they are configured now."""
        return self.config().sinks

    def people(self, names: Sequence[str]) -> frozenset[str]:
        """Who may answer in these sinks."""
        answers = [self.sinks[name].answer for name in names if name in self.sinks]
        return frozenset(name for one in answers if one is not None for name in one.names)
