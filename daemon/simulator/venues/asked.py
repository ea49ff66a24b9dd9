"""Venues of the box that only answer questions."""

from typing import ClassVar

from aiohttp import web

from daemon.simulator.venue import Venue

JSON = "application/json"


def said(body: bytes, status: int = 200) -> web.Response:
    """An answer in JSON."""
    return web.Response(body=body, content_type=JSON, status=status)


class Asked(Venue):
    """No streams: its source is told one address, and perhaps how often to ask."""

    every: ClassVar[str | None] = None

    def source_config(self, ws_url: str, rest_url: str) -> dict[str, object]:
        told: dict[str, object] = {"rest_url": rest_url}
        return told if self.every is None else {**told, "every": self.every}
