"""`tocsin silences` beside a daemon's database."""

from pathlib import Path

from rules.alerts import Change
from rules.delivery import Matchers
from storage.database import Database
from storage.journal import Journal
from storage.silences import Silences
from tests.daemon.cli.test_remembered import answered, remembered
from tests.storage.episodes import Episode


async def test_a_silence_is_added_listed_and_ended(tmp_path: Path) -> None:
    """By the first letters of its name."""
    url = await remembered(tmp_path)
    words = ("--symbol", "BTC", "--severity", "warning", "--label", "team=desk", "--for", "4h", "--reason", "a test")
    code, said, _ = await answered(tmp_path, "silences", "--db", url, "add", *words)
    name = said.partition(":")[0]
    _, listed, _ = await answered(tmp_path, "silences", "--db", url)
    ended = await answered(tmp_path, "silences", "--db", url, "end", name[:5])
    again = await answered(tmp_path, "silences", "--db", url, "end", name)

    assert (0, f"{name}: symbol BTC, severity warning, team desk quiet for 4h\n") == (code, said)
    assert [True, True] == ["a test" in listed, "(command line)" in listed]
    assert (0, f"{name}: ended\n") == ended[:2]
    assert (1, "", f"tocsin: {name}: it has ended already\n") == again
    assert "no silence counts now\n" == (await answered(tmp_path, "silences", "--db", url, "list"))[1]
    assert name in (await answered(tmp_path, "silences", "--db", url, "list", "--all"))[1]


async def test_a_silence_of_a_chat_is_shown_by_as_much_of_its_id_as_it_shows_itself(tmp_path: Path) -> None:
    """And ends by that."""
    url = await remembered(tmp_path)
    database = await Database.open(url, create=False)
    meant = Matchers(symbols=("BTC",))
    until_ms = database.clock() + 3_600_000
    await Silences(database).add(author="anna", matchers=meant, until_ms=until_ms, silence_id="22cd6418aa00ff11")
    await database.close()
    _, listed, _ = await answered(tmp_path, "silences", "--db", url)
    ended = await answered(tmp_path, "silences", "--db", url, "end", "22cd6418")

    assert "22cd6418" == listed.splitlines()[1].split()[0]
    assert (0, "22cd6418: ended\n") == ended[:2]


async def test_one_alert_is_quiet_until_it_clears(tmp_path: Path) -> None:
    """No time is needed then."""
    url = await remembered(tmp_path)
    episode = Episode("BTC-USDT-PERP")
    database = await Database.open(url)
    await Journal(database).commit(episode.change(Change.FIRED), episode.started_ms)
    await database.close()
    name = episode.episode_id
    code, said, _ = await answered(tmp_path, "silences", "--db", url, "add", "--alert", name)
    database = await Database.open(url, exclusive=False, create=False)
    try:
        (silence,) = await Silences(database).active(0)
    finally:
        await database.close()

    assert (0, True) == (code, f"alert {name} quiet until it clears" in said)
    assert (name, None) == (silence.episode_id, silence.until_ms)


async def test_what_there_is_not_is_not_silenced(tmp_path: Path) -> None:
    """It would keep nothing quiet. Which rules there are says the configuration, and nobody else."""
    url = await remembered(tmp_path)
    (tmp_path / "a.yaml").write_text(
        f"storage: {{url: '{url}'}}\nrules: [{{id: hot, type: funding, symbols: [BTC], above: 0.05%}}]\n"
    )
    slips = [("--rule", "hott", "--for", "1h"), ("--kind", "fundin", "--for", "1h"), ("--alert", "ab12")]
    answers = [await answered(tmp_path, "silences", "-c", "a.yaml", "add", *slip) for slip in slips]
    right = await answered(tmp_path, "silences", "-c", "a.yaml", "add", "--rule", "hot", "--for", "1h")
    unknown = await answered(tmp_path, "silences", "--db", url, "add", "--rule", "hott", "--for", "1h")

    assert [2, 2, 2, 0, 0] == [code for code, _, _ in (*answers, right, unknown)]
    assert [
        "Error: there is no rule 'hott'; did you mean hot?",
        "Error: there is no kind of rule 'fundin'; did you mean funding?",
        "Error: there is no alert 'ab12'; /api/alerts lists them",
    ] == [said.strip().splitlines()[-1] for _, _, said in answers]


async def test_a_coin_that_nobody_has_heard_of_is_not_silenced(tmp_path: Path) -> None:
    """One that everybody knows is, with a doubt, and so is an instrument in full: it may be listed tomorrow."""
    url = await remembered(tmp_path)
    (tmp_path / "a.yaml").write_text(
        f"storage: {{url: '{url}'}}\nrules: [{{id: hot, type: funding, symbols: [WEN], above: 0.05%, labels: {{team: desk}}}}]\n"
    )
    slips = [("--symbol", "FOO"), ("--symbol", "WENN"), ("--venue", "okxx"), ("--label", "team=dsk")]
    fine = [("--symbol", "wen"), ("--symbol", "BTC"), ("--symbol", "SOL"), ("--symbol", "FOO-USDT-PERP")]
    answers = [
        await answered(tmp_path, "silences", "-c", "a.yaml", "add", *words, "--for", "1h") for words in (*slips, *fine)
    ]

    assert [2] * 4 + [0] * 4 == [code for code, _, _ in answers]
    assert [
        "Error: no rule or venue speaks of 'FOO'",
        "Error: no rule or venue speaks of 'WENN'; did you mean WEN?",
        "Error: there is no venue 'okxx'; did you mean okx?",
        "Error: no rule has the label team: dsk; did you mean team: desk?",
    ] == [said.strip().splitlines()[-1] for _, _, said in answers[:4]]
    assert ["", "", "tocsin: SOL was not heard of lately", "tocsin: FOO-USDT-PERP was not heard of lately"] == [
        said.strip() for _, _, said in answers[4:]
    ]


async def test_a_file_without_rules_knows_none(tmp_path: Path) -> None:
    """The operator's settings are enough for a symbol, not for a rule."""
    url = await remembered(tmp_path)
    (tmp_path / "a.yaml").write_text(f"storage: {{url: '{url}'}}\n")
    symbol, *wrong = [
        await answered(tmp_path, "silences", "-c", "a.yaml", "add", *words, "--for", "4h")
        for words in (("--symbol", "BTC"), ("--rule", "hot"), ("--label", "team=desk"))
    ]

    assert (0, "symbol BTC quiet for 4h\n") == (symbol[0], symbol[1].partition(": ")[2])
    assert [
        "Error: there is no rule 'hot'; the files that were read have no rules",
        "Error: no rule has the label team: desk; the files that were read have no rules",
    ] == [said.strip().splitlines()[-1] for _, _, said in wrong]


async def test_without_a_file_it_is_said_whose_rules_were_looked_at(tmp_path: Path) -> None:
    """Those of the shipped example are nobody's own."""
    _, _, silenced = await answered(tmp_path, "silences", "add", "--rule", "fund-hot", "--for", "1h")
    _, _, explained = await answered(tmp_path, "explain", "xyzzy")

    for said in (silenced, explained):
        assert said.strip().endswith("; without -c only the shipped example is read")


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


async def test_what_would_silence_nothing_or_more_than_was_meant_is_refused(tmp_path: Path) -> None:
    """A venue's spelling, a venue that is none, no time at all, and everything beside something."""
    url = await remembered(tmp_path)
    slips = [
        ("--symbol", "BTCUSDT", "--for", "1h"),
        ("--venue", "binanse", "--for", "1h"),
        ("--symbol", "BTC", "--for", "0s"),
        ("--symbol", "BTC", "--everything", "--for", "1h"),
    ]
    answers = [await answered(tmp_path, "silences", "--db", url, "add", *slip) for slip in slips]

    assert [
        "Error: 'BTCUSDT' is not how it is spelled here; write BTC, or BTC-USDT-PERP",
        "Error: there is no venue 'binanse'; did you mean binance?",
        "Error: a silence lasts for some time; write --for 4h",
        "Error: --everything means all alerts; leave it out, or the others",
    ] == [said.strip().splitlines()[-1] for _, _, said in answers]
    assert [2, 2, 2, 2] == [code for code, _, _ in answers]


async def test_the_database_is_named_before_or_behind_the_subcommand(tmp_path: Path) -> None:
    """People write it where they think of it; what stands behind counts."""
    url = await remembered(tmp_path)
    code, said, _ = await answered(tmp_path, "silences", "add", "--symbol", "BTC", "--for", "4h", "--db", url)
    name = said.partition(":")[0]
    listed = await answered(tmp_path, "silences", "--db", "elsewhere.db", "list", "--db", url)
    ended = await answered(tmp_path, "silences", "end", name, "--db", url)
    unknown = await answered(tmp_path, "outbox", "retry", "abc", "--db", url)

    assert (0, 0, 0, 1) == (code, listed[0], ended[0], unknown[0])
    assert name in listed[1]
    assert "tocsin: abc: no message has this ID; `tocsin outbox --all` lists them\n" == unknown[2]
