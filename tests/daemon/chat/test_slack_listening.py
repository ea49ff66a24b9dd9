"""A socket to Slack is always open, or it is said why not; and no ticket goes where it should not."""

import asyncio
import json
import logging
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from daemon.chat.slack_api import SlackApi
from daemon.chat.slack_listening import RARELY_S, Send, SlackListener
from daemon.chat.slack_socket import SwitchedOff
from daemon.wire.slack import Frame, acknowledgement
from sinks.post import open_session
from tests.chats import Reply, Slack, Vanish, html_page
from tests.daemon.lanes import Clock, until
from tests.patience import UNHURRIED


class Heard(list[str]):
    """Names of envelopes, each acknowledged."""

    async def hear(self, frame: Frame, send: Send) -> None:
        assert frame.envelope_id is not None
        self.append(frame.envelope_id)
        await send(acknowledgement(frame.envelope_id))


@asynccontextmanager
async def listening(
    desk: Slack,
    heard: Heard,
    *,
    app_token: str | None = None,
    api_url: str | None = None,
    calm_s: float = 0.0,
    ping_s: float = 20.0,
) -> AsyncIterator[Clock]:
    """A listener at work. The clock says how long it has slept."""
    clock = Clock(1_000_000)
    async with open_session() as session:
        token = app_token or desk.socket_mode.app_token
        api = SlackApi(session, desk.token, token, api_url or desk.api_url, UNHURRIED)
        listener = SlackListener(
            "desk",
            api,
            heard.hear,
            sleep=clock.sleep,
            uniform=lambda low, high: high,
            calm_s=calm_s,
            ping_s=ping_s,
        )
        task = asyncio.create_task(listener.run())
        try:
            yield clock
        finally:
            task.cancel()
            await asyncio.wait({task})
    if not task.cancelled():
        task.result()


def reasons(caplog: pytest.LogCaptureFixture, level: int = logging.WARNING) -> list[str]:
    """Why the bot was not heard, as far as it was said aloud."""
    return [
        str(getattr(one, "reason", ""))
        for one in caplog.records
        if one.msg == "bot is not heard" and one.levelno >= level
    ]


@pytest.mark.parametrize("reason", ["refresh_requested", "warning"])
async def test_a_new_socket_is_open_before_the_old_one_closes(
    desk: Slack, caplog: pytest.LogCaptureFixture, reason: str
) -> None:
    """And a press that still comes by the old one is heard there."""
    caplog.set_level(logging.DEBUG)
    heard, mode = Heard(), desk.socket_mode
    async with listening(desk, heard) as clock:
        first = await mode.delivers(None)
        await until(lambda: len(heard) == 1)
        await mode.disconnects(reason)
        await until(lambda: len(mode.live) == 2)
        late = await mode.delivers(None, by=0)
        new = await mode.delivers(None, by=1)
        await until(lambda: len(mode.acknowledged) == 3)
        await mode.sockets[0].close()
        last = await mode.delivers(None)
        await until(lambda: len(mode.acknowledged) == 4)

    assert {first, late, new, last} == set(heard)
    assert {first: 0, late: 0, new: 1, last: 1} == {one.envelope_id: one.connection for one in mode.acknowledged}
    assert [] == clock.slept_s
    assert [] == reasons(caplog)
    assert [] == mode.live


async def test_a_broken_socket_is_replaced_and_both_are_said_once(
    desk: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    heard, mode = Heard(), desk.socket_mode
    mode.refusals.extend([html_page(502), Reply(200, '{"ok": false, "error": "internal_error"}')])
    async with listening(desk, heard) as clock:
        await mode.socket()
        slept = list(clock.slept_s)
        await mode.drops()
        await until(lambda: len(mode.sockets) == 2)
        again = await mode.delivers(None)
        await until(lambda: len(mode.acknowledged) == 1)

    assert [1.0, 2.0] == slept
    assert [1.0] == clock.slept_s[2:]
    assert [again] == heard
    assert ["Slack: apps.connections.open was answered 502 without an answer", "Slack: the socket broke"] == reasons(
        caplog
    )
    assert 2 == sum(one.msg == "bot is heard" for one in caplog.records)


async def test_without_a_network_it_asks_less_and_less_and_says_it_once(
    desk: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with listening(desk, Heard(), api_url="http://127.0.0.1:9") as clock:
        await until(lambda: len(clock.slept_s) >= 8)

    assert [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] == clock.slept_s[:8]
    assert 1 == len(reasons(caplog))
    assert desk.socket_mode.app_token not in str([one.__dict__ for one in caplog.records])


async def test_a_socket_that_is_closed_at_once_every_time_is_no_reason_to_hurry(desk: Slack) -> None:
    """Else we would ask for a thousand in a minute."""
    mode = desk.socket_mode
    async with listening(desk, Heard(), calm_s=60.0) as clock:
        for number in range(4):
            await until(lambda: len(mode.sockets) == number + 1)  # noqa: B023 - it is awaited here
            await mode.disconnects("refresh_requested", closes=True)
            await until(lambda: len(clock.slept_s) == number + 1)  # noqa: B023 - it is awaited here

    assert [1.0, 2.0, 4.0, 8.0] == clock.slept_s[:4]


async def test_socket_mode_switched_off_is_said_once_and_tried_rarely(
    desk: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    mode = desk.socket_mode
    async with listening(desk, Heard(), calm_s=60.0) as clock:
        for number in range(3):
            await mode.disconnects("link_disabled", closes=True)
            await until(lambda: len(clock.slept_s) == number + 1)  # noqa: B023 - it is awaited here
            await until(lambda: len(mode.sockets) == number + 2)  # noqa: B023 - it is awaited here

    assert {RARELY_S} == set(clock.slept_s)
    (said,) = reasons(caplog, logging.ERROR)
    assert str(SwitchedOff()) == said
    assert "switch it on" in said


@pytest.mark.parametrize(
    ("word", "advice"),
    [
        ("invalid_auth", "make one with the scope connections:write"),
        ("token_revoked", "make one with the scope connections:write"),
        ("not_allowed_token_type", "it begins with xapp-"),
        ("missing_scope", "lacks the scope connections:write"),
        ("no_permission", "lacks the scope connections:write"),
        ("forbidden_team", "forbidden_team"),
    ],
)
async def test_a_wrong_app_level_token_is_said_with_what_to_do(
    desk: Slack, caplog: pytest.LogCaptureFixture, word: str, advice: str
) -> None:
    """Once, aloud, and then it is tried rarely."""
    caplog.set_level(logging.DEBUG)
    desk.socket_mode.refusals.extend([Reply(200, json.dumps({"ok": False, "error": word}))] * 2)
    async with listening(desk, Heard()) as clock:
        await desk.socket_mode.socket()

    assert [RARELY_S, RARELY_S] == clock.slept_s
    (said,) = reasons(caplog, logging.ERROR)
    assert advice in said


@pytest.mark.parametrize(("token", "advice"), [("xapp-1-other", "does not know"), ("xoxb-11-22-loopback", "xapp-")])
async def test_the_loopback_refuses_another_token(
    desk: Slack, caplog: pytest.LogCaptureFixture, token: str, advice: str
) -> None:
    """As the real one would, and neither is repeated."""
    async with listening(desk, Heard(), app_token=token) as clock:
        await until(lambda: len(clock.slept_s) == 1)

    (said,) = reasons(caplog, logging.ERROR)
    assert advice in said
    assert token not in str([one.__dict__ for one in caplog.records])


async def test_slack_says_when_to_come_back(desk: Slack) -> None:
    """429 with its header, and without one as long as after any trouble."""
    busy = '{"ok": false, "error": "ratelimited"}'
    desk.socket_mode.refusals.extend([Reply(429, busy, headers={"Retry-After": "34"}), Reply(429, busy)])
    async with listening(desk, Heard()) as clock:
        await desk.socket_mode.socket()

    assert [34.0, 1.0] == clock.slept_s


async def test_a_socket_that_gives_no_sign_of_life_is_replaced(desk: Slack, caplog: pytest.LogCaptureFixture) -> None:
    """A line that is only half open says nothing for ever."""
    heard, mode = Heard(), desk.socket_mode
    async with listening(desk, heard, ping_s=0.5):
        await mode.falls_silent()
        await until(lambda: len(mode.sockets) == 2)
        await mode.delivers(None)
        await until(lambda: len(mode.acknowledged) == 1)

    assert ["Slack: its socket gave no sign of life"] == reasons(caplog)


async def test_what_is_no_frame_is_passed_by(desk: Slack, caplog: pytest.LogCaptureFixture) -> None:
    """And said once; it holds no words of the frame."""
    heard, mode = Heard(), desk.socket_mode
    async with listening(desk, heard):
        for text in (
            "",
            "{",
            "[]",
            '"hello"',
            '{"type": 7}',
            '{"envelope_id": {}}',
            "\x00" * 1000,
            '{"type": "new"}',
            b"\xff\xfe",
        ):
            await mode.says(text)
        await mode.delivers({"nested": [[[[{}]]]] * 100})
        await until(lambda: len(mode.acknowledged) == 1)

    assert 1 == len(mode.sockets)
    (record,) = [one for one in caplog.records if one.msg == "a frame of Slack's cannot be read"]
    assert logging.WARNING == record.levelno


async def test_a_frame_beyond_all_measure_costs_one_socket(desk: Slack) -> None:
    heard, mode = Heard(), desk.socket_mode
    async with listening(desk, heard):
        await mode.delivers("x" * 2_000_000)
        await until(lambda: len(mode.sockets) == 2)
        last = await mode.delivers(None)
        await until(lambda: len(mode.acknowledged) == 1)

    assert [last] == heard


async def test_presses_are_heard_beside_each_other(desk: Slack) -> None:
    """One that takes long keeps nobody waiting."""
    mode, release = desk.socket_mode, asyncio.Event()

    class Slow(Heard):
        async def hear(self, frame: Frame, send: Send) -> None:
            if not self:
                self.append("first")
                await release.wait()
            await super().hear(frame, send)

    heard = Slow()
    async with listening(desk, heard):
        first = await mode.delivers(None)
        second = await mode.delivers(None)
        await until(lambda: len(mode.acknowledged) == 1)
        release.set()
        await until(lambda: len(mode.acknowledged) == 2)

    assert [second, first] == [one.envelope_id for one in mode.acknowledged]


async def test_a_press_whose_socket_breaks_meanwhile_is_dealt_with(desk: Slack) -> None:
    """Slack will not tell it again, so it is done although nobody can be told that it came."""
    mode, release, sent = desk.socket_mode, asyncio.Event(), []

    class Slow(Heard):
        async def hear(self, frame: Frame, send: Send) -> None:
            self.append(frame.envelope_id or "")
            await release.wait()
            sent.append(await send(acknowledgement(frame.envelope_id or "")))

    heard = Slow()
    async with listening(desk, heard):
        await mode.delivers(None)
        await until(lambda: len(heard) == 1)
        await mode.drops()
        await until(lambda: len(mode.sockets) == 2)
        release.set()
        await until(lambda: len(sent) == 1)

    assert [False] == sent
    assert [] == mode.acknowledged


async def test_whoever_stops_listening_closes_every_socket(desk: Slack) -> None:
    async with listening(desk, Heard()):
        await desk.socket_mode.disconnects("warning")
        await until(lambda: len(desk.socket_mode.live) == 2)

    await until(lambda: desk.socket_mode.live == [])


async def test_an_address_that_is_not_slack_s_is_no_socket(desk: Slack, caplog: pytest.LogCaptureFixture) -> None:
    desk.socket_mode.address = "http://127.0.0.1:9"
    async with listening(desk, Heard()) as clock:
        await until(lambda: len(clock.slept_s) == 1)

    assert ["Slack: apps.connections.open named an address that is not Slack's"] == reasons(caplog)
    assert "ticket" not in str([one.__dict__ for one in caplog.records if one.name.startswith("daemon")])


async def test_an_answer_that_breaks_off_is_asked_for_again(desk: Slack) -> None:
    desk.moods_of["apps.connections.open"] = deque((Vanish(after_taking=True),))
    async with listening(desk, Heard()) as clock:
        await desk.socket_mode.socket()

    assert [1.0] == clock.slept_s
