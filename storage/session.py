"""A session on a PostgreSQL server."""

from contextlib import suppress

import asyncpg

from storage.lines import GOODBYE_S


class Session(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types
    """A session that ends within a moment, whatever the server does."""

    async def close(self, *, timeout: float | None = None) -> None:
        """Say goodbye; a server that does not answer is left without one."""
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):  # it is gone, which is what we want
            await super().close(timeout=GOODBYE_S if timeout is None else min(GOODBYE_S, timeout))

    def cut(self) -> None:
        """End without a word."""
        if not self.is_closed():
            self.terminate()
