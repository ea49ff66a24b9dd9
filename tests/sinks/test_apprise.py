"""Everything else, through Apprise to a json:// receiver: what its words and exceptions really mean."""

import asyncio
import logging
import socket
import threading
from collections.abc import AsyncIterator

import pytest

from sinks import address
from sinks.apprise import AppriseSink
from sinks.base import Busy, Gone, Uncertain, Undeliverable, Unreached
from sinks.outcome import EditLost
from sinks.overheard import Overheard
from tests.chats import JsonHook, Mood, Reply, Slow, Vanish
from tests.patience import PATIENCE_S
from tests.sinks.samples import CLEARED, HOSTILE, WARNING


@pytest.fixture
async def hook() -> AsyncIterator[JsonHook]:
    async with JsonHook() as hook:
        yield hook


@pytest.fixture
async def sink(hook: JsonHook) -> AsyncIterator[AppriseSink]:
    sink = sink_for(hook.address)
    yield sink
    hook.release()
    await sink.aclose()


def sink_for(url: str, *, patience_s: float = 2 * PATIENCE_S, read_s: float = 2 * PATIENCE_S) -> AppriseSink:
    place = address.parse(url)
    assert isinstance(place, address.AppriseUrl)
    return AppriseSink("other", place, patience_s=patience_s, read_s=read_s)


async def test_a_message_arrives_word_for_word(hook: JsonHook, sink: AppriseSink) -> None:
    """The headline is the title, the rest the body."""
    receipt = await sink.deliver(WARNING)

    assert [
        "WARNING  binance BTC-USDT-PERP: longs pay shorts 0.0812% per 8 h (limit 0.05%)\n"
        "held 5m, next settlement in 1h12m\n"
        "rule hot-funding"
    ] == hook.texts
    assert "warning" == hook.shown[0].raw["type"]
    assert receipt.message_id is None


async def test_a_headline_alone_and_hostile_text_arrive(hook: JsonHook, sink: AppriseSink) -> None:
    """Text is text, whatever it looks like."""
    await sink.deliver(HOSTILE)
    await sink.deliver(CLEARED)

    assert ["<b>1 < 2 & 3 > 2</b> <!channel>\na [31m b\n&lt;\n</i>", hook.texts[1]] == hook.texts
    assert "success" == hook.shown[1].raw["type"]


@pytest.mark.parametrize(
    ("mood", "trouble"),
    [
        (Reply(429), Busy),
        (Reply(500), Unreached),
        (Reply(503), Unreached),
        (Reply(502), Uncertain),
        (Reply(504), Uncertain),
        (Reply(401), Gone),
        (Reply(403), Gone),
        (Reply(404), Gone),
        (Reply(410), Gone),
        (Reply(400), Undeliverable),
        (Vanish(after_taking=True), Uncertain),
        (Vanish(after_taking=False), Uncertain),
    ],
)
async def test_each_answer_is_what_it_is(
    hook: JsonHook, sink: AppriseSink, mood: Mood, trouble: type[Exception]
) -> None:
    """The rows of the outcome table; one request each, because Apprise's own retries are blind."""
    hook.moods.append(mood)

    with pytest.raises(trouble) as caught:
        await sink.deliver(WARNING)

    assert trouble is type(caught.value)
    assert 1 == len(hook.requests)


async def test_nobody_listening_means_not_sent() -> None:
    """Apprise says the same of a refused connection and of a lost answer; the exception behind it tells them apart."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        sink = sink_for(f"json://127.0.0.1:{held.getsockname()[1]}/x")
        with pytest.raises(Unreached):
            await sink.deliver(WARNING)
    await sink.aclose()


async def test_a_lost_answer_is_uncertain(hook: JsonHook) -> None:
    """Apprise itself gives up waiting; the message stands in the chat all the same."""
    hook.moods.append(Slow())
    sink = sink_for(hook.address, read_s=0.2)

    with pytest.raises(Uncertain):
        await sink.deliver(WARNING)

    assert 1 == len(hook.shown)
    await sink.aclose()


async def test_a_hang_is_uncertain_and_keeps_its_own_lane_busy(hook: JsonHook) -> None:
    """A thread cannot be stopped, so the next message waits for it instead of overtaking it."""
    hook.moods.append(Slow())
    sink = sink_for(hook.address, patience_s=0.2)

    with pytest.raises(Uncertain, match="may still arrive"):
        await sink.deliver(WARNING)
    with pytest.raises(Busy, match="still on its way"):
        await sink.deliver(CLEARED)

    hook.release()
    await sink.aclose()


async def test_a_hang_elsewhere_delays_nobody(hook: JsonHook) -> None:
    """More hung lanes than any shared pool has threads, and another lane goes through."""
    async with JsonHook() as stuck:
        stuck.always = Slow()
        lanes = [sink_for(stuck.address) for _ in range(12)]
        free = sink_for(hook.address)
        hung = [asyncio.create_task(lane.deliver(WARNING), name=f"hung-{n}") for n, lane in enumerate(lanes)]
        await stuck.wait_for(lambda chat: len(chat.requests) == 12)

        async with asyncio.timeout(PATIENCE_S):
            await free.deliver(WARNING)

        assert 1 == len(hook.shown)
        stuck.release()
        await asyncio.gather(*hung)
    for lane in [*lanes, free]:
        await lane.aclose()


def test_advice_in_apprise_s_words_is_heeded() -> None:
    """Some services repeat the far end's sentence; the number in it is all that Apprise leaves of Retry-After."""
    with Overheard() as overheard:
        logging.getLogger("apprise").warning("Failed: Too Many Requests: retry after 3, error=429.")

    trouble = overheard.meaning("no")

    assert isinstance(trouble, Busy)
    assert 3 == trouble.retry_after_s


def test_other_threads_are_not_overheard() -> None:
    """Two lanes fail at once, and each hears its own reason."""
    with Overheard() as overheard:
        thread = threading.Thread(target=logging.getLogger("apprise").warning, args=("error=401",))
        thread.start()
        thread.join()

    assert [] == overheard.lines


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("discord://too-short", "does not understand"),
        ("ntfy://127.0.0.1/one/two", "recipients"),
    ],
)
async def test_an_address_apprise_cannot_use_is_gone(url: str, says: str) -> None:
    """Found when it is first used, because asking Apprise takes half a second."""
    sink = sink_for(url)

    with pytest.raises(Gone, match=says):
        await sink.deliver(WARNING)
    await sink.aclose()


async def test_it_cannot_edit(sink: AppriseSink, hook: JsonHook) -> None:
    """And says so without sending."""
    with pytest.raises(EditLost):
        await sink.deliver(CLEARED, edits="1")

    assert [] == hook.requests
