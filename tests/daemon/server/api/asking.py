"""A program that asks over HTTP, keys of both scopes, and alerts that change when a test says so."""

from typing import Any

import aiohttp

from daemon.house import House
from daemon.server.auth import make_key, secret_of
from rules.alerts import Change, Severity
from storage.access import ACT, READ, Access
from tests.storage.episodes import Episode


async def ask(house: House, path: str, method: str = "GET", **more: Any) -> tuple[int, Any]:
    """(status, the JSON body)."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{house.server.url}{path}", **more) as answer,
    ):
        return answer.status, await answer.json(content_type=None)


async def new_key(house: House, name: str, *, may_act: bool = False) -> str:
    """A key as `tocsin keys create` makes it, known to the house at once."""
    assert house.gate is not None
    access = Access(house.database)
    key, key_id, digest = make_key(await secret_of(access, None))
    await access.add_key(key_id, name, digest, house.clock(), scope=ACT if may_act else READ)
    await house.gate.load()
    return key


async def happen(
    house: House,
    episode: Episode,
    *changes: Change,
    severity: Severity = Severity.WARNING,
    facts: dict[str, object] | None = None,
) -> None:
    """These changes are decided, and written down by the house's own recorder."""
    for change in changes:
        transitions = episode.change(change, severity=severity, facts=facts).transitions
        await house.recorder.decide(lambda engine, at_ms, found=transitions: found)  # type: ignore[misc]
