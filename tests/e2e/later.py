"""The daemon with a clock that is ahead, and perhaps a fuse. `python -m tests.e2e.later AHEAD_S POINT N FILE...`"""

import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from daemon import app
from daemon.clock import wall_ms
from daemon.config.load import load
from daemon.config.model import Config
from daemon.house import House
from tests.e2e.crashing import Fuse, lay

NEVER = "never"  # a point that is not passed


def ahead(seconds: int) -> None:
    """Let houses open so much later."""
    opened = House.open

    async def later(config: Config, stack: AsyncExitStack, **more: Any) -> House:
        return await opened(config, stack, clock=lambda: wall_ms() + 1000 * seconds, **more)

    House.open = later  # type: ignore[method-assign]  # this program is about nothing else


if __name__ == "__main__":
    ahead(int(sys.argv[1]))
    if sys.argv[2] != NEVER:
        lay(sys.argv[2], Fuse(int(sys.argv[3])))
    sys.exit(app.run(load([Path(name) for name in sys.argv[4:]])))
