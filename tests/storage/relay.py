"""A way to the PostgreSQL server that can fall silent, as when a plug is pulled: no answer, and no goodbye either."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit


@dataclass
class Relay:
    """`url` leads to the server as long as `hears` is set."""

    url: str
    hears: asyncio.Event


@asynccontextmanager
async def relayed(database_url: str) -> AsyncIterator[Relay]:
    """Another address of the same database."""
    parts = urlsplit(database_url)
    hears = asyncio.Event()
    hears.set()

    talks: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if hears.is_set():
                writer.write(data)
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection(parts.hostname, parts.port or 5432)
        try:
            await asyncio.gather(pump(reader, to_writer), pump(to_reader, writer), return_exceptions=True)
        finally:
            to_writer.transport.abort()
            writer.transport.abort()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talks.add(asyncio.create_task(relay(reader, writer), name="relay"))

    relaying = await asyncio.start_server(begin, "127.0.0.1", 0)
    port = relaying.sockets[0].getsockname()[1]
    async with relaying:
        try:
            yield Relay(urlunsplit(parts._replace(netloc=f"{parts.username}@127.0.0.1:{port}")), hears)
        finally:
            for talk in talks:
                talk.cancel()
            if talks:
                await asyncio.wait(talks)
