"""One POST, against servers that are worse than HTTP allows."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest

from sinks.base import Uncertain, Undeliverable, Unreached
from sinks.post import Patience, Reply, open_session, post, post_body
from tests.patience import UNHURRIED
from tests.sinks.samples import NOWHERE

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def server(talk: Talk) -> AsyncIterator[str]:
    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    listening = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()


def answering(answer: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()

    return talk


async def send(session: aiohttp.ClientSession, url: str, patience: Patience = UNHURRIED) -> Reply:
    return await post(session, url, {"text": "hello"}, who="chat", patience=patience)


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9\r\n\r\n", b"HTTP/1.1 200", b"\x00" * 100])
async def test_an_answer_that_is_not_http_is_uncertain(session: aiohttp.ClientSession, answer: bytes) -> None:
    """The request left; what became of it nobody knows."""
    async with server(answering(answer)) as place:
        with pytest.raises(Uncertain):
            await send(session, f"http://{place}/")


async def test_half_a_body_still_has_a_status(session: aiohttp.ClientSession) -> None:
    """A 429 is a 429, even if its page breaks off."""
    answer = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 99\r\nRetry-After: 4\r\n\r\n{"
    async with server(answering(answer)) as place:
        reply = await send(session, f"http://{place}/")

    assert Reply(429, None, 4.0) == reply


async def test_a_huge_answer_is_not_read_to_its_end(session: aiohttp.ClientSession) -> None:
    """Memory is ours."""
    async with server(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 1_000_000)) as place:
        reply = await send(session, f"http://{place}/")

    assert Reply(200, None) == reply


async def test_no_tls_means_not_sent(session: aiohttp.ClientSession) -> None:
    """The handshake failed, so nothing was said yet."""

    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with server(plain) as place:
        with pytest.raises(Unreached, match="could not connect"):
            await send(session, f"https://{place}/")


async def test_a_tls_handshake_that_hangs_means_not_sent(session: aiohttp.ClientSession) -> None:
    """It counts as connecting."""
    over = asyncio.Event()

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()

    async with server(silence) as place:
        with pytest.raises(Unreached, match="no connection within"):
            await send(session, f"https://{place}/", NOWHERE)
        over.set()


async def test_an_unknown_name_means_not_sent(session: aiohttp.ClientSession) -> None:
    """A name under .invalid is never found."""
    with pytest.raises(Unreached):
        await send(session, "http://chat.invalid/", NOWHERE)


async def test_no_url_at_all_is_undeliverable(session: aiohttp.ClientSession) -> None:
    """Waiting will not mend it."""
    with pytest.raises(Undeliverable, match="not a URL"):
        await send(session, "nonsense")


async def test_a_redirect_is_not_followed(session: aiohttp.ClientSession) -> None:
    """The token would travel with it."""
    answer = b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n"
    async with server(answering(answer)) as place:
        reply = await send(session, f"http://{place}/")

    assert 307 == reply.status


@pytest.mark.parametrize("answer", ["502 Bad Gateway", "407 Proxy Authentication Required", "403 Forbidden"])
async def test_a_proxy_that_does_not_connect_has_sent_nothing(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a warning would be given up as doubtful, though it never left this network."""
    async with server(answering(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n".encode())) as place:
        for name in ("HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, f"http://{place}")
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        async with open_session(trust_env=True) as session:
            with pytest.raises(Unreached, match=rf"^chat: the proxy refused to connect \({answer[:3]}\)$"):
                await send(session, "https://chat.invalid/bot123:secret/sendMessage")


# -- bytes and forms --------------------------------------------------------------------------------------------------

FILE = bytes(range(256)) * 300


def form() -> aiohttp.FormData:
    """Words and a file."""
    made = aiohttp.FormData({"caption": "a < b"})
    made.add_field("photo", FILE, filename="picture.png", content_type="image/png")
    return made


@pytest.mark.parametrize(
    ("make", "kind"), [(lambda: FILE, b"application/octet-stream"), (form, b"multipart/form-data")]
)
async def test_a_file_arrives_as_it_is(
    session: aiohttp.ClientSession, make: Callable[[], bytes | aiohttp.FormData], kind: bytes
) -> None:
    """Alone, or as one of the fields of a form."""
    arrived = []

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        (size,) = (int(line[16:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length: "))
        arrived.append((head, await reader.readexactly(size)))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()

    async with server(listen) as place:
        reply = await post_body(session, f"http://{place}/", make(), who="chat", patience=UNHURRIED)

    ((head, body),) = arrived
    assert Reply(200, b"ok") == reply
    assert b"content-type: " + kind in head.lower()
    assert FILE in body


@pytest.mark.parametrize("make", [lambda: FILE, form])
@pytest.mark.parametrize(("answer", "trouble"), [(b"", Uncertain), (None, Unreached)])
async def test_a_file_that_does_not_get_through_is_told_of_as_words_are(
    session: aiohttp.ClientSession,
    make: Callable[[], bytes | aiohttp.FormData],
    answer: bytes | None,
    trouble: type[Exception],
) -> None:
    """A connection that breaks is a doubt, a refused one is not."""
    async with server(answering(answer or b"")) as place:
        url, patience = f"http://{place}/secret", UNHURRIED
        if answer is None:
            url, patience = "http://chat.invalid/secret", NOWHERE
        with pytest.raises(trouble) as caught:
            await post_body(session, url, make(), who="chat", patience=patience)

    assert "secret" not in str(caught.value)
