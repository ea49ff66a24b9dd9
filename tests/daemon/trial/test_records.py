"""Rows of a file as events, or as mistakes with their line."""

import gzip
from pathlib import Path

import pytest

from daemon.cli.examples import EXAMPLES
from daemon.trial.records import Asked, Unreadable, Wrong, read
from rules.events import FundingRate, Liquidation, OpenInterest, StablecoinQuote, to_json

FUNDING = Asked(type="funding_rate")
HEAD = "time,venue,symbol,rate,interval_h"


def rows(folder: Path, text: str, asked: Asked = FUNDING, *, name: str = "a.csv") -> list[object]:
    (folder / name).write_text(text, encoding="utf-8")
    found = list(read(folder / name, asked))
    return [f"{row}".replace(f"{folder}/", "") if isinstance(row, Wrong) else row for row in found]


def test_a_row_is_an_event(tmp_path: Path) -> None:
    (event,) = rows(tmp_path, f"{HEAD}\n2025-01-01T08:00:00Z,bybit,BTC-USDT-PERP,0.01%,8\n")

    at_ms = 1_735_718_400_000
    assert event == FundingRate(
        venue="bybit", symbol="BTC-USDT-PERP", rate=0.0001, interval_h=8, at_ms=at_ms, received_ms=at_ms
    )


@pytest.mark.parametrize("time", ["1735718400000", "1735718400", "2025-01-01 08:00", "2025-01-01T09:00:00+01:00"])
def test_times_are_numbers_or_dates(tmp_path: Path, time: str) -> None:
    (event,) = rows(tmp_path, f"{HEAD}\n{time},bybit,BTC-USDT-PERP,1e-4,8\n")

    assert isinstance(event, FundingRate)
    assert 1_735_718_400_000 == event.at_ms


def test_columns_may_be_called_otherwise_be_the_same_in_all_rows_or_be_left_out(tmp_path: Path) -> None:
    asked = Asked(
        type="funding_rate",
        columns={"time": "ts", "rate": "fr"},
        same={"venue": "bybit", "symbol": "BTC-USDT-PERP", "interval_h": "8", "is_settled": "true"},
        ignored=frozenset({"note"}),
    )
    (event,) = rows(tmp_path, "ts,fr,note\n1735718400000,3.4e-05,x\n", asked)

    assert isinstance(event, FundingRate)
    assert (3.4e-05, True, 1_735_718_400_000) == (event.rate, event.is_settled, event.settles_at_ms)


def test_a_settled_rate_has_the_name_by_which_it_is_counted_once(tmp_path: Path) -> None:
    text = f"{HEAD},is_settled\n" + "".join(f"{hour * 3600},b,BTC-USDT-PERP,1e-4,8,true\n" for hour in (8, 16))
    names = {event.once_key for event in rows(tmp_path, text) if isinstance(event, FundingRate)}

    assert 2 == len(names)


def test_a_liquidation_needs_two_of_its_three_sizes(tmp_path: Path) -> None:
    asked = Asked(type="liquidation")
    text = "time,venue,symbol,side,price,quantity,notional_usd\n1735718400,b,X-USDT-PERP,long,50,2,\n"
    one, other = rows(tmp_path, text + "1735718401,b,X-USDT-PERP,short,50,,200\n", asked)

    assert isinstance(one, Liquidation) and isinstance(other, Liquidation)
    assert (2.0, 100.0, "fill") == (one.quantity, one.notional_usd, one.price_kind)
    assert (4.0, 200.0) == (other.quantity, other.notional_usd)


def test_a_stablecoin_says_its_target_or_that_there_is_none(tmp_path: Path) -> None:
    """Without one a depeg rule would never fire, and nothing would say why."""
    text = "time,venue,coin,price\n1735718400,x,USDT,0.97\n"
    quotes = Asked(type="stablecoin_quote")
    (missing,) = rows(tmp_path, text, quotes)
    (dollar,) = rows(tmp_path, text, Asked(type="stablecoin_quote", same={"target": "1"}))
    (none,) = rows(tmp_path, text, Asked(type="stablecoin_quote", same={"target": ""}))

    assert "target is missing: say --set target=1 for US dollars, or --set target= if there is none" in str(missing)
    assert isinstance(dollar, StablecoinQuote)
    assert isinstance(none, StablecoinQuote)
    assert (1.0, None) == (dollar.target, none.target)


def test_what_has_not_happened_yet_is_no_past(tmp_path: Path) -> None:
    asked = Asked(type="funding_rate", until_ms=1_735_718_400_000)
    (future,) = rows(tmp_path, f"{HEAD}\n2030-01-01,bybit,BTC-USDT-PERP,1e-4,8\n", asked)

    assert str(future).startswith("a.csv:2: the time is in the future")


def test_what_events_prints_is_what_import_reads(tmp_path: Path) -> None:
    """`tocsin events --json` of one machine is a past for another."""
    text = b"\n".join(to_json(event) for event in EXAMPLES.values()).decode()

    assert list(EXAMPLES.values()) == rows(tmp_path, text, Asked(), name="a.jsonl")


def test_a_packed_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(f"{HEAD}\n1735718400,b,X-USDT-PERP,1e-4,8\n".encode()))

    assert 1 == len(list(read(tmp_path / "a.csv.gz", FUNDING)))


def test_a_column_says_what_each_row_is(tmp_path: Path) -> None:
    text = "type,time,venue,symbol,rate,interval_h,oi_base\n"
    text += "funding_rate,1735718400,b,X-USDT-PERP,1e-4,8,\nopen_interest,1735718400,b,X-USDT-PERP,,,5\n"

    assert [FundingRate, OpenInterest] == [type(row) for row in rows(tmp_path, text, Asked())]


def test_mistakes_name_their_line_and_what_would_be_right(tmp_path: Path) -> None:
    found = rows(
        tmp_path,
        f"{HEAD}\n"
        "2025-13-01,b,X-USDT-PERP,1e-4,8\n"
        "1735718400,b,X-USDT-PERP,high,8\n"
        "1735718400,b,8\n"
        "1735718400,b,X-USDT-PERP,,8\n"
        ",b,X-USDT-PERP,1e-4,8\n"
        "1735718400,b,X-USDT-PERP,1e-4,8\n",
    )

    assert [
        "a.csv:2: time: '2025-13-01' is no time; 1763700000000, 1763700000 or 2025-11-21T04:40:00Z",
        "a.csv:3: rate: 'high' is not a number; write 0.05%, $1.5m or 1500",
        "a.csv:4: 3 cells under 5 columns; one cell a column",
        "a.csv:5: rate is missing; add a column rate, or say --set rate=...",
        "a.csv:6: time is missing; add a column time, or say --column time=...",
    ] == found[:5]
    assert isinstance(found[5], FundingRate)


def test_mistakes_of_json_lines(tmp_path: Path) -> None:
    found = [str(row) for row in rows(tmp_path, '{"type": \n5\n{}\n{"type": "funding"}\n', Asked(), name="a.jsonl")]

    assert found[0].startswith("a.jsonl:1: this is not JSON:")
    assert "a.jsonl:2: this is not an object; write one object a line" == found[1]
    assert found[2].startswith("a.jsonl:3: it does not say what it is; add --type")
    assert found[3].startswith("a.jsonl:4: 'funding' is no type of event; one of funding_rate")


@pytest.mark.parametrize(
    ("text", "asked", "what"),
    [
        ("", FUNDING, "it is empty"),
        ("time,price\n1,2\n", FUNDING, "the column 'price' is not known"),
        ("time,price\n1,2\n", Asked(), "no column says what the rows are"),
        (f"{HEAD}\n", Asked(type="funding_rate", columns={"rate": "fr"}), "there is no column 'fr'"),
        (f"{HEAD}\n", Asked(type="funding_rate", columns={"rte": "rate"}), r"has a field 'rte'; did you mean rate\?"),
        (f"{HEAD}\n", Asked(same={"venu": "okx"}), r"--set venu=...: no event has a field 'venu'; did you mean venue"),
        ("time,rate\n1,2\n", FUNDING, r"venue is missing; say --column venue=COLUMN, or --set venue=... for all rows"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused_at_once(tmp_path: Path, text: str, asked: Asked, what: str) -> None:
    with pytest.raises(Unreadable, match=what):
        rows(tmp_path, text, asked)


@pytest.mark.parametrize(
    ("symbol", "right"),
    [
        ("BTCUSDT", "BTC-USDT-PERP"),
        ("btc-usdt-perp", "BTC-USDT-PERP"),
        ("ETH/USDC", "ETH-USDC-PERP"),
        ("BTC-USDT", "BTC-USDT-PERP"),
        ("bitcoin", "BTC-USDT-PERP"),
    ],
)
def test_a_venues_spelling_of_an_instrument_is_refused_with_ours(tmp_path: Path, symbol: str, right: str) -> None:
    """It would be stored, and no rule would ever look at it."""
    (wrong,) = rows(tmp_path, f"{HEAD}\n1735718400,b,{symbol},1e-4,8\n")

    assert f"a.csv:2: symbol: '{symbol}' is not how it is spelled here; write {right}" == wrong


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"call it \.csv or \.jsonl"):
        rows(tmp_path, "x", name="a.xlsx")
    with pytest.raises(Unreadable, match="this is a directory; name the files in it"):
        list(read(tmp_path, FUNDING))
    with pytest.raises(Unreadable, match="No such file"):
        list(read(tmp_path / "none.csv", FUNDING))
