"""Names of alerts: the same for the same thing, others for others."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from rules.alerts import AlertState, Change, Severity, episode_id, fingerprint, notice_key

TEXTS = st.text(max_size=8)
KEYS = st.dictionaries(TEXTS, TEXTS, max_size=3)


@given(TEXTS, KEYS)
def test_a_fingerprint_does_not_depend_on_the_order_of_the_key(rule_id: str, key: dict[str, str]) -> None:
    assert fingerprint(rule_id, key) == fingerprint(rule_id, dict(reversed(key.items())))


@given(TEXTS, KEYS, TEXTS, KEYS)
def test_two_keys_have_two_fingerprints(
    rule_id: str, key: dict[str, str], other_id: str, other: dict[str, str]
) -> None:
    assert ((rule_id, key) == (other_id, other)) is (fingerprint(rule_id, key) == fingerprint(other_id, other))


@given(st.integers(0, 10**13 - 1), st.integers(0, 10**13 - 1))
def test_episodes_of_one_key_sort_by_time(one: int, other: int) -> None:
    assert (one < other) is (episode_id("x", one) < episode_id("x", other))


def test_each_message_has_a_name_of_its_own() -> None:
    names = {
        notice_key(episode, change, sequence, sink)
        for episode in ("a", "b")
        for change in Change
        for sequence in (0, 1)
        for sink in ("desk", "phone")
    }

    assert 2 * len(Change) * 4 == len(names)


def test_severities_are_ordered() -> None:
    assert [Severity.INFO, Severity.WARNING, Severity.CRITICAL] == sorted(Severity, key=lambda severity: severity.rank)


def test_a_state_survives_the_database() -> None:
    state = AlertState(fingerprint="f", rule_id="r", spec_hash="h", key={"venue": "okx"}, told_ms=5)

    assert state == msgspec.json.decode(msgspec.json.encode(state), type=AlertState)
