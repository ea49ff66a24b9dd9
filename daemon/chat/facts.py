"""What the house lets a chat see and do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from daemon.alive import Vitals
from daemon.clock import Clock
from daemon.config.model import Config, SinkConfig
from daemon.sources.base import FeedStatus
from daemon.views.all import Views
from rules.delivery import Post
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
    heard: Callable[[], None]  # something was written that the house should read
    clock: Clock

    @property
    def sinks(self) -> Mapping[str, SinkConfig]:
        """By name, as they are configured now."""
        return self.config().sinks

    def worse_ms(self, episode_id: str) -> int:
        """When this alert got worse last; what was seen before that was less."""
        return max((one.worse_ms for one in self.post.standings if one.episode_id == episode_id), default=0)
