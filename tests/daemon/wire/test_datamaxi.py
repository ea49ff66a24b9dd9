"""DataMaxi+ funding, read and written."""

import json

import pytest

from daemon.wire import datamaxi
from daemon.wire.control import Accepted, Ignored, Pong, Rejected, Unreadable
from rules.events import FundingRate

NOW = 1_800_000_000_000
SETTLED, PROCESSED = 1733616000000, 1733616060000
TUTORIAL = {
    "f": 0.0001, "i": 8, "e": "binance", "s": "BTC-USDT", "b": "BTC", "q": "USDT", "d": SETTLED, "p": PROCESSED,
}  # fmt: skip
REFERENCE = {**TUTORIAL, "id": "bitcoin"}
OLD = {"e": "binance", "d": PROCESSED, "s": "BTC-USDT", "b": "BTC", "q": "USDT", "r": "0.0001"}


def rate(frame: dict[str, object], decoder: datamaxi.Decoder | None = None) -> FundingRate:
    """The one rate in a frame."""
    answer = (decoder or datamaxi.Decoder()).decode(json.dumps(frame).encode(), NOW)
    assert isinstance(answer, tuple)
    [event] = answer
    assert isinstance(event, FundingRate)
    return event


def test_datamaxi_three_shapes_say_the_same_rate() -> None:
    """With f and a token id, with f alone, with r."""
    assert rate(dict(REFERENCE)) == rate(dict(TUTORIAL))
    assert (0.0001, "binance", "BTC-USDT-PERP") == (rate(dict(OLD)).rate, rate(dict(OLD)).venue, rate(dict(OLD)).symbol)


def test_datamaxi_id_does_not_tell_data_from_answers() -> None:
    """A token's name in data, a number in acknowledgements; even a token called 1 is data."""
    assert rate({**REFERENCE, "id": 1}) == rate(dict(TUTORIAL))
    assert Accepted(("BTC-USDT@binance",), "bitcoin") == datamaxi.Decoder().decode(
        '{"result":["BTC-USDT@binance"],"id":"bitcoin"}', NOW
    )


def test_a_rate_whose_settlement_has_passed_was_paid() -> None:
    """d before p: settled; d after p: still a prediction."""
    paid, predicted = rate(dict(REFERENCE)), rate({**REFERENCE, "d": PROCESSED + 1})

    assert (True, SETTLED, PROCESSED) == (paid.is_settled, paid.settles_at_ms, paid.at_ms)
    assert (False, PROCESSED + 1) == (predicted.is_settled, predicted.settles_at_ms)


def test_the_old_shape_names_no_settlement_and_no_interval() -> None:
    """Eight hours unless we were told better, and no claim of having been paid."""
    event = rate(dict(OLD), datamaxi.Decoder({"BTC-USDT-PERP": 4.0}))

    assert (None, False, 4.0, PROCESSED) == (event.settles_at_ms, event.is_settled, event.interval_h, event.at_ms)
    assert rate(dict(OLD)).interval_h == 8.0


def test_datamaxi_partial_acknowledgement_is_a_partial_failure() -> None:
    """The list holds what was taken: the source compares it with what was asked."""
    request = datamaxi.read_request(datamaxi.subscribe(["BTC-USDT@binance", "NO-PE@bybit"], 1)[0])
    [answer] = datamaxi.refuse(request, ["NO-PE@bybit"], "")

    assert ("BTC-USDT@binance", "NO-PE@bybit") == request.topics
    assert Accepted(("BTC-USDT@binance",), "1") == datamaxi.Decoder().decode(answer, NOW)


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ('{"result":"PONG","id":0}', Pong()),
        ('{"method":"PONG"}', Pong()),
        ('{"result":null,"id":0}', Pong()),
        ('{"result":null,"id":4}', Accepted((), "4")),
        ('{"error":"unauthorised","id":4}', Rejected("unauthorised", (), "4")),
        ('{"message":"quota exceeded"}', Rejected("quota exceeded")),
        ('{"id":7}', Ignored()),
    ],
)
def test_answers_that_are_not_documented(frame: str, expected: object) -> None:
    """No error and no pong is published: every plausible form is understood."""
    assert expected == datamaxi.Decoder().decode(frame, NOW)


@pytest.mark.parametrize(
    "frame",
    [
        b"", b"{}", b"null", b"[]", b"\xff", b'{"f":"soon","e":"x","s":"BTC-USDT"}', b'{"f":0.1}', b'{"f":[1]}',
        b'{"f":0.1,"e":"binance","s":"BTC"}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_cannot_be_read_says_so(frame: bytes) -> None:
    """Unreadable, with a short sentence, and nothing else."""
    with pytest.raises(Unreadable) as caught:
        datamaxi.Decoder().decode(frame, NOW)

    assert 10 < len(str(caught.value)) < 300


def test_datamaxi_bills_each_request_so_one_carries_all() -> None:
    """1,000 topics are one credit."""
    assert 1 == len(datamaxi.subscribe([datamaxi.funding_topic("BTC-USDT-PERP", f"v{i}") for i in range(1_000)], 1))


def test_a_ping_is_answered() -> None:
    """The connection ends after 30 seconds without one."""
    assert datamaxi.PING is not None
    request = datamaxi.read_request(datamaxi.PING)

    assert request.method == "ping"
    assert [Pong()] == [datamaxi.Decoder().decode(answer, NOW) for answer in datamaxi.acknowledge(request)]
    assert datamaxi.PING_EVERY_S < 30


def test_symbols_are_discovered_over_rest() -> None:
    """A list of pairs; an error is an object."""
    assert ["BTC-USDT-PERP", "ETH-USDT-PERP"] == datamaxi.decode_symbols(b'["BTC-USDT","ETH-USDT","?"]')
    assert ["BTC-USDT-PERP"] == datamaxi.decode_symbols(datamaxi.encode_symbols(["BTC-USDT-PERP"]))
    with pytest.raises(Unreadable, match="list of symbols"):
        datamaxi.decode_symbols(b'{"error":"bad request"}')
