"""`tocsin sinks test`: a message to a real chat on loopback, and the truth about it."""

import asyncio
from pathlib import Path

from tests.chats import Telegram, telegram_error
from tests.daemon.cli.typed import typed


async def asked(tmp_path: Path, chat: Telegram, name: str) -> tuple[int, str, str]:
    file = tmp_path / "a.yaml"
    file.write_text(f"sinks: {{phone: {{url: '{chat.address()}', api_url: '{chat.url}'}}}}\nlabel: STAGING\n")
    done = await asyncio.to_thread(typed, "sinks", "test", name, "-c", str(file), cwd=tmp_path)
    return done.returncode, done.stdout, done.stderr


async def test_a_message_arrives_and_says_so(tmp_path: Path) -> None:
    async with Telegram() as chat:
        code, said, _ = await asked(tmp_path, chat, "phone")
        texts = chat.texts

    assert (0, "phone: the message was taken\n") == (code, said)
    assert 1 == len(texts)
    assert "STAGING" in texts[0]
    assert "the sink 'phone' works" in texts[0]


async def test_a_refusal_is_a_sentence_without_the_token(tmp_path: Path) -> None:
    async with Telegram() as chat:
        chat.moods.append(telegram_error(403, "Forbidden: bot was blocked by the user"))
        code, _, said = await asked(tmp_path, chat, "phone")

    assert 1 == code
    assert said.startswith("phone: not delivered: ")
    assert "loopback_token" not in said


async def test_an_unknown_sink_is_answered_with_the_nearest(tmp_path: Path) -> None:
    async with Telegram() as chat:
        code, _, said = await asked(tmp_path, chat, "fone")

    assert 2 == code
    assert "there is no sink 'fone'; did you mean phone?" in said
