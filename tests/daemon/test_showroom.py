"""What the house shows is folded beside the rules, and must never hold them."""

import asyncio
from typing import Any, cast

from daemon.bus import BATCHES_MAX, Mailbox
from daemon.server.limits import Limits
from daemon.server.topics import Hub
from daemon.showroom import Showroom
from daemon.views.all import Views
from tests.storage.episodes import liquidation


async def test_a_full_mailbox_is_folded_in_one_turn() -> None:
    """While clients keep the loop busy turns are long: a batch a turn would make feeds wait, and with them the rules."""
    views, mailbox = Views(), Mailbox("views")
    for number in range(BATCHES_MAX):
        await mailbox.put([liquidation(number)])
    async with Hub([], Limits(), clock=lambda: 0) as hub:
        folding = asyncio.create_task(Showroom(views, hub, cast(Any, None), cast(Any, None)).run(mailbox), name="views")
        await asyncio.sleep(0)
        folded = views.liquidations.version
        folding.cancel()
        await asyncio.wait({folding})

    assert BATCHES_MAX == folded
    assert 0 == mailbox.waiting
