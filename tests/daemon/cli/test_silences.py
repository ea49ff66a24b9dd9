"""`tocsin silences` beside a daemon's database."""

from pathlib import Path

from storage.database import Database
from storage.silences import Silences
from tests.daemon.cli.test_remembered import answered, remembered


async def test_a_silence_is_added_listed_and_ended(tmp_path: Path) -> None:
    """By the first letters of its name."""
    url = await remembered(tmp_path)
    words = ("--symbol", "BTC", "--severity", "warning", "--label", "team=desk", "--for", "4h", "--reason", "a test")
    code, said, _ = await answered(tmp_path, "silences", "--db", url, "add", *words)
    name = said.partition(":")[0]
    _, listed, _ = await answered(tmp_path, "silences", "--db", url)
    ended = await answered(tmp_path, "silences", "--db", url, "end", name[:5])
    again = await answered(tmp_path, "silences", "--db", url, "end", name)

    assert (0, f"{name}: symbol BTC, severity warning, team desk quiet for 3h59m") == (
        code,
        said.strip()[: len(name) + 62],
    )
    assert [True, True] == ["a test" in listed, "(command line)" in listed]
    assert (0, f"{name}: ended\n") == ended[:2]
    assert (1, "", f"tocsin: {name}: it has ended already\n") == again
    assert "no silence counts now\n" == (await answered(tmp_path, "silences", "--db", url, "list"))[1]
    assert name in (await answered(tmp_path, "silences", "--db", url, "list", "--all"))[1]


async def test_one_alert_is_quiet_until_it_clears(tmp_path: Path) -> None:
    """No time is needed then."""
    url = await remembered(tmp_path)
    code, said, _ = await answered(tmp_path, "silences", "--db", url, "add", "--alert", "ab12-1790000000000")
    database = await Database.open(url, exclusive=False, create=False)
    try:
        (silence,) = await Silences(database).active(0)
    finally:
        await database.close()

    assert (0, True) == (code, "alert ab12-1790000000000 quiet until it clears" in said)
    assert ("ab12-1790000000000", None) == (silence.episode_id, silence.until_ms)


async def test_a_silence_without_an_end_or_a_meaning_is_refused(tmp_path: Path) -> None:
    """Nobody silences everything by a slip of the keys."""
    url = await remembered(tmp_path)
    slips = [("--symbol", "BTC"), ("--for", "1h"), ("--for", "1h", "--label", "team"), ("--alert", "x", "--rule", "y")]
    answers = [await answered(tmp_path, "silences", "--db", url, "add", *slip) for slip in slips]

    assert [2, 2, 2, 2] == [code for code, _, _ in answers]
    assert ["say how long", "silence everything", "write NAME=VALUE", "names one alert"] == [
        next(
            (
                word
                for word in ("say how long", "silence everything", "write NAME=VALUE", "names one alert")
                if word in said
            ),
            "",
        )
        for _, _, said in answers
    ]
