"""What people say is heard by the running house, whoever wrote it down."""

from pathlib import Path

from storage.database import Database
from storage.silences import Silences
from tests.chats import Telegram
from tests.daemon.lanes import became, until
from tests.daemon.town import Home, Venue, at_phone


async def test_a_silence_of_another_process_is_heard_and_its_end_told_once(
    tmp_path: Path, venue: Venue, phone: Telegram
) -> None:
    """As from the command line: written beside the daemon, through a connection of its own."""
    home = Home(tmp_path, venue, sinks={"phone": at_phone(phone)})
    async with home.living() as house:
        await until(lambda: house.recorder.events_seen > 0)
        beside = await Database.open(str(home.database), exclusive=False, create=False)
        try:
            acts = Silences(beside)
            silence = await acts.add(author="anna", until_ms=house.clock() + 3_600_000, reason="a test")
            await until(lambda: len(house.post.silences) == 1)
            venue.prices["USDT"] = 0.97
            (muted,) = await became(house.outbox, "phone", "suppressed")
            assert not phone.texts
            assert await acts.end(silence.silence_id, "anna")
        finally:
            await beside.close()
        await phone.wait_for(lambda chat: len(chat.shown) == 1)
        await became(house.outbox, "phone", "suppressed", "sent")

    assert (muted.reason or "").startswith("muted: silenced by anna until ")
    assert phone.texts[0].startswith("STILL WARNING  ")
