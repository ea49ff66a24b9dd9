"""Sources that are only asked, over REST, when an endpoint needs them: they have no feed of their own."""

from daemon.sources.base import Context, Feed
from daemon.sources.settings import Settings


def build(config: Settings, context: Context) -> list[Feed]:
    """No feed."""
    del config, context
    return []
