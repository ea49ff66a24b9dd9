"""A person sees what a reload changed, and never a secret."""

from pathlib import Path

from daemon.config.difference import Difference, difference
from daemon.config.load import load
from tests.daemon.config.test_load import config_of

RULE = "rules: [{{id: a, type: funding, symbols: [BTC], above: {above}, for: {for_}}}]"


def between(tmp_path: Path, before: str, after: str, before_token: str = "x", after_token: str = "x") -> Difference:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(before)
    new.write_text(after)
    return difference(load([old], environ={"T": before_token}), load([new], environ={"T": after_token}))


def test_a_changed_rule_names_its_fields_before_and_after(tmp_path: Path) -> None:
    found = between(tmp_path, RULE.format(above="5bp", for_="5m"), RULE.format(above="0.06%", for_="10m"))

    assert "~ rule a: above: 5bp -> 0.06%, for: 5m -> 10m" == str(found)


def test_another_spelling_is_no_change(tmp_path: Path) -> None:
    found = between(tmp_path, RULE.format(above="5bp", for_="5m"), RULE.format(above="0.05%", for_="300s"))

    assert not found


def test_sinks_are_compared_without_showing_their_addresses(tmp_path: Path) -> None:
    before = "sinks: {a: {url: 'json://${T}'}, b: {url: 'json://x'}}"
    after = "sinks: {a: {url: 'json://${T}', edit: false}, c: {url: 'json://x'}}"

    expected = "+ sink c\n- sink b\n~ sink a: url changed, edit: (not set) -> False"
    assert expected == str(between(tmp_path, before, after, "old-token", "new-token"))


def test_who_may_answer_is_compared_without_showing_the_token(tmp_path: Path) -> None:
    """Written into the file itself, or taken from the environment."""
    sink = "sinks: {{a: {{url: 'slack://xoxb-1-2-x/#a', answer: {{users: [{users}], app_token: '{token}'}}}}}}"
    anna, ben = sink.format(users="U0ANNA", token="xapp-one"), sink.format(users="U0ANNA, W0BEN", token="xapp-two")
    rotated = sink.format(users="U0ANNA", token="${T}")
    none = "sinks: {a: {url: 'slack://xoxb-1-2-x/#a'}}"

    assert "~ sink a: answer.users: [U0ANNA] -> [U0ANNA, W0BEN], answer.app_token changed" == str(
        between(tmp_path, anna, ben)
    )
    assert "~ sink a: answer.app_token changed" == str(between(tmp_path, rotated, rotated, "xapp-old", "xapp-new"))
    assert not between(tmp_path, anna, anna)
    assert "~ sink a: answer.users: (not set) -> [U0ANNA], answer.app_token changed" == str(
        between(tmp_path, none, anna)
    )


def test_what_is_only_read_at_the_start_says_so(tmp_path: Path) -> None:
    found = between(tmp_path, "server: {port: 1}", "server: {port: 2}\nstorage: {keep: 1d}")

    assert ("storage", "server") == found.at_start
    assert "! server changed; this takes effect when the daemon is started again" in str(found)


def test_going_back_to_what_runs_needs_no_start(tmp_path: Path) -> None:
    runs, other = "server: {port: 1}", "server: {port: 2}"
    one, two, again = (config_of(tmp_path, a=text) for text in (runs, other, runs))

    assert ("server",) == difference(one, two, started=one).at_start
    assert not difference(two, again, started=one)
