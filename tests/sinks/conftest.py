"""The session that the drivers under test share, and their patience."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from sinks.post import Patience, open_session
from tests.chats import Slow
from tests.patience import UNHURRIED
from tests.sinks.samples import HURRY


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_session() as session:
        yield session


@pytest.fixture
def patience(request: pytest.FixtureRequest) -> Patience:
    """Short only if the far end never answers in this test, as its `mood` says."""
    case = getattr(request.node, "callspec", None)
    return HURRY if case is not None and isinstance(case.params.get("mood"), Slow) else UNHURRIED
