"""Several alerts told by one message: a summary of those that came at once, or the digest of a night."""

from collections.abc import Sequence
from datetime import time

from msgspec.structs import replace

from rules.alerts import Change, Severity
from rules.delivery import Form, SinkPolicy
from rules.delivery.hours import Quiet
from storage.deliveries import Delivery
from storage.journal import Batch, Journal
from storage.outbox import Outbox
from tests.storage.episodes import NOW, Episode

LASTS_MS = 400 * 86_400_000
PHONE = SinkPolicy(name="phone", can_edit=True, expire_ms=LASTS_MS)
SLEEPER = SinkPolicy(
    name="phone", can_edit=True, expire_ms=LASTS_MS, quiet=Quiet(starts=time(0), ends=time(23, 59), zone="UTC")
)


def alike(batch: Batch) -> Batch:
    """Its letters may leave together with others."""
    batch.notices = [replace(letter, group="alike") for letter in batch.notices]
    return batch


async def summary(
    journal: Journal, outbox: Outbox, count: int = 4, names: Sequence[str] = ()
) -> tuple[list[Episode], Delivery]:
    """So many that fire at once, and the one message about them, on its way."""
    episodes = [Episode(name) for name in names or [f"C{number}-USDT-PERP" for number in range(count)]]
    for episode in episodes:
        await journal.commit(alike(episode.change(Change.FIRED, "phone", lasts_ms=LASTS_MS)), NOW)
    sent = await outbox.claim("phone", NOW, sink=PHONE)
    assert sent is not None and sent.form is Form.SUMMARY
    return episodes, sent


async def digest(journal: Journal, outbox: Outbox, count: int = 2) -> tuple[list[Episode], Delivery]:
    """So many that fired while somebody slept, and the message at wake-up, on its way."""
    episodes = [Episode(f"C{number}-USDT-PERP") for number in range(count)]
    for episode in episodes:
        await journal.commit(episode.change(Change.FIRED, "phone", severity=Severity.WARNING, lasts_ms=LASTS_MS), NOW)
    assert None is await outbox.claim("phone", NOW, sink=SLEEPER)
    sent = await outbox.claim("phone", NOW + 86_400_000, sink=PHONE)
    assert sent is not None and sent.form is Form.DIGEST
    return episodes, sent
