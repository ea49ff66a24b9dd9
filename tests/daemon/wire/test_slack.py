"""Frames of Socket Mode are read as they are documented, and whatever else comes is no frame."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.wire.slack import acknowledgement, read_answer, read_click, read_frame

HELLO = '{"type":"hello","num_connections":1,"debug_info":{"host":"applink-1"},"connection_info":{"app_id":"A1"}}'
DISCONNECT = '{"type":"disconnect","reason":"refresh_requested","debug_info":{"host":"applink-1"}}'
ENVELOPE = """{"envelope_id":"e1","type":"interactive","accepts_response_payload":true,"payload":{"type":"block_actions",
"user":{"id":"U1","username":"anna","name":"anna","team_id":"T1"},"api_app_id":"A1","token":"x","trigger_id":"1.2",
"container":{"type":"message","message_ts":"1.5","channel_id":"C1","is_ephemeral":false},"team":{"id":"T1"},
"channel":{"id":"C1","name":"alerts"},"message":{"type":"message","ts":"1.5","text":"WARNING","blocks":[{"type":"header",
"block_id":"b1","text":{"type":"plain_text","text":"WARNING","emoji":true}}]},"response_url":"https://hooks.slack.com/x",
"actions":[{"action_id":"tocsin-0","block_id":"b2","text":{"type":"plain_text","text":"Acknowledge"},
"value":"ack:00ff","type":"button","action_ts":"1.9"}]}}"""


def test_a_greeting_a_goodbye_and_an_envelope_are_told_apart() -> None:
    hello, disconnect, envelope = read_frame(HELLO), read_frame(DISCONNECT), read_frame(ENVELOPE)

    assert hello is not None and ("hello", None) == (hello.type, hello.envelope_id)
    assert disconnect is not None and ("disconnect", "refresh_requested") == (disconnect.type, disconnect.reason)
    assert envelope is not None and ("interactive", "e1", True) == (
        envelope.type,
        envelope.envelope_id,
        envelope.accepts_response_payload,
    )


def test_a_press_is_read_with_all_that_is_needed() -> None:
    frame = read_frame(ENVELOPE)
    assert frame is not None
    click = read_click(frame.payload)

    assert click is not None and click.button is not None and click.message is not None
    assert ("U1", "@anna") == (click.user.id, click.user.said)
    assert ("ack:00ff", "1.9") == (click.button.value, click.button.action_ts)
    assert ("C1", "1.5", "WARNING") == (click.container.channel_id, click.container.message_ts, click.message.text)
    assert ["header"] == [block["type"] for block in click.message.blocks or []]


@pytest.mark.parametrize(
    ("username", "name", "said"),
    [
        ("anna", "x", "@anna"),
        ("", "ben", "@ben"),
        ("", "", "U1"),
        ("a\nb", "", "@a b"),
        ("x" * 99, "", "@" + "x" * 40),
    ],
)
def test_a_person_has_a_name_that_can_be_shown(username: str, name: str, said: str) -> None:
    """One line, and not too long."""
    payload = json.dumps({"type": "block_actions", "user": {"id": "U1", "username": username, "name": name}})
    click = read_click(payload.encode())

    assert click is not None and said == click.user.said


@pytest.mark.parametrize("kind", ["view_submission", "shortcut", "message_action", "block_suggestion"])
def test_what_is_no_press_has_no_button(kind: str) -> None:
    action = [{"type": "button", "value": "ack:00ff"}]
    click = read_click(json.dumps({"type": kind, "user": {"id": "U1"}, "actions": action}).encode())

    assert click is not None and click.button is None


def test_a_menu_is_no_button() -> None:
    action = [{"type": "static_select", "selected_option": {"value": "ack:00ff"}}]
    click = read_click(json.dumps({"type": "block_actions", "user": {"id": "U1"}, "actions": action}).encode())

    assert click is not None and click.button is None


@given(st.one_of(st.text(), st.binary()))
def test_anything_else_is_nothing(text: str | bytes) -> None:
    """No frame, no press, no answer, and no exception."""
    raw = text.encode("utf-8", "replace") if isinstance(text, str) else text
    for value in (read_click(raw), read_answer(raw)):
        assert value is None or raw.strip()
    read_frame(text)


@given(st.dictionaries(st.text(max_size=9), st.one_of(st.integers(), st.text(), st.lists(st.text()), st.none())))
def test_json_of_another_form_is_nothing_either(value: dict[str, object]) -> None:
    frame = read_frame(json.dumps(value))

    assert frame is None or isinstance(value.get("type"), str)


DEEP = b'"more":' + b"[" * 5_000 + b"]" * 5_000


def test_json_that_cannot_be_read_is_nothing() -> None:
    """A proxy's own words, in its own letters, or without end."""
    assert read_answer(b'{"ok":false,"error":"acc\xe8s refus\xe9"}') is None
    assert read_answer(b'{"ok":false,' + DEEP + b"}") is None
    assert read_frame(b'{"type":"hello","reason":"\xe9"}') is None
    assert read_frame(b'{"type":"hello",' + DEEP + b"}") is None
    assert read_click(b'{"type":"block_actions","user":{"id":"U1","name":"\xe9"}}') is None
    assert read_click(b'{"type":"block_actions","user":{"id":"U1"},' + DEEP + b"}") is None


def test_an_envelope_is_acknowledged_by_its_name_and_nothing_more() -> None:
    assert {"envelope_id": "e1"} == json.loads(acknowledgement("e1"))
    assert {"envelope_id": "e1", "payload": {"text": "no"}} == json.loads(acknowledgement("e1", "no"))
