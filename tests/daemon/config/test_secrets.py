"""Secrets come from the environment and from files, in secret fields only, and are never shown."""

from pathlib import Path

import pytest

from daemon.config.load import load
from daemon.config.mistakes import ConfigError
from daemon.config.model import Config

TOKEN = "s3cr3t-never-shown"


def config_of(tmp_path: Path, text: str, **environ: str) -> Config:
    file = tmp_path / "c.yaml"
    file.write_text(text)
    return load([file], environ=environ)


def refusal_of(tmp_path: Path, text: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        config_of(tmp_path, text, **environ)
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_variables_are_filled_into_an_address(tmp_path: Path) -> None:
    config = config_of(tmp_path, 'sinks: {a: {url: "tgram://${BOT}/${CHAT}"}}', BOT="12:AAE", CHAT="-100")

    assert "tgram://12:AAE/-100" == config.sinks["a"].url.get_secret_value()


def test_a_file_is_read_without_its_last_newline(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("json://localhost/x\n")
    config = config_of(tmp_path, f'sinks: {{a: {{url: "file:{tmp_path}/url"}}}}')

    assert "json://localhost/x" == config.sinks["a"].url.get_secret_value()


def test_a_file_may_be_written_as_an_address(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\r\n")
    config = config_of(tmp_path, f"server: {{token: 'file://{tmp_path}/token', host: 0.0.0.0}}")

    assert config.server.token is not None
    assert TOKEN == config.server.token.get_secret_value()


def test_elsewhere_a_dollar_is_a_dollar(tmp_path: Path) -> None:
    """A label or a message may well speak of ${money}; only secret fields are read."""
    assert "${HOME}" == config_of(tmp_path, 'label: "${HOME}"', HOME="/root").label


NAMELESS = "'${' begins a name that does not end; write ${NAME} with letters, digits and _"


@pytest.mark.parametrize(
    ("url", "mistake"),
    [
        ("json://${NOPE}", "the environment variable NOPE is not set; export NOPE=... before starting"),
        ("a://${A}/${B}/${A}", "the environment variables A, B are not set; export them before starting"),
        ("json://${VOID}", "the environment variable VOID is empty; give VOID a value"),
        ("json://${NOPE", NAMELESS),
        ("json://${a b}", NAMELESS),
        ("file:/no/such", "there is no file /no/such; create it with the secret inside, or correct the path"),
        ("file:/etc", "there is no file /etc; create it with the secret inside, or correct the path"),
    ],
)
def test_a_secret_that_cannot_be_had_is_one_mistake_with_its_place(tmp_path: Path, url: str, mistake: str) -> None:
    expected = f"c.yaml:2:12: sinks.a.url: {mistake}"

    assert expected == refusal_of(tmp_path, f"sinks:\n  a: {{url: '{url}'}}\n", VOID="")


def test_an_empty_secret_file_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("\n")

    assert "is empty; put the secret into it" in refusal_of(tmp_path, f"sinks: {{a: {{url: 'file:{tmp_path}/url'}}}}")


def test_a_file_that_is_not_text_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "url").write_bytes(b"\xff\xfe")

    assert "cannot be read (not text)" in refusal_of(tmp_path, f"sinks: {{a: {{url: 'file:{tmp_path}/url'}}}}")


@pytest.mark.parametrize(
    "text",
    [
        f"sinks: {{a: 'slack://{TOKEN}/x/y'}}",
        f"sinks: {{a: [{TOKEN}]}}",
        f"sinks: {{a: {{url: [{TOKEN}]}}}}",
        f"sinks: {{a: {{url: '{TOKEN}'}}}}",
        f"sinks: {{a: {{url: 'nope://{TOKEN}'}}}}",
        f"sinks: {{a: {{url: 'tgram://{TOKEN}'}}}}",
        f"sinks: {{a: {{url: 'slack://{TOKEN}'}}}}",
        f"sinks: {{a: {{url: 'json://x', api_url: 'https://u:{TOKEN}@x'}}}}",
        f"sinks: {{a: {{ulr: '{TOKEN}'}}}}",
        f"sinks: {{a: {{url: 'json://x', min_severity: 'slack://{TOKEN}'}}}}",
        f"sinks: '{TOKEN}'",
        f"server: {{token: [{TOKEN}]}}",
        f"server: '{TOKEN}'",
        f"storage: {{url: 'mysql://u:{TOKEN}@h/d'}}",
        f"storage: {{url: {{password: {TOKEN}}}}}",
        f"storage: 'postgresql://u:{TOKEN}@h/d'",
        f"rules: [{{id: a, type: feed_health, notify: 'slack://{TOKEN}/x'}}]",
        f"rules: [{{id: 'slack://{TOKEN}/x', type: feed_health}}]",
        "sinks: {a: {url: '${TOKEN}'}}",
        "sinks: {a: {url: 'nope://${TOKEN}/x'}}",
    ],
)
def test_no_mistake_ever_shows_a_secret(tmp_path: Path, text: str) -> None:
    assert TOKEN not in refusal_of(tmp_path, text, TOKEN=TOKEN)


def test_a_configuration_does_not_show_its_secrets(tmp_path: Path) -> None:
    text = 'sinks: {a: {url: "json://${T}"}}\nserver: {token: "${T}"}\nstorage: {url: "postgresql://u:${T}@h/d"}'
    config = config_of(tmp_path, text, T=TOKEN)

    assert TOKEN not in repr(config)
    assert TOKEN not in str(config)


def test_what_was_written_is_kept_unread(tmp_path: Path) -> None:
    """Differences are shown from it."""
    assert (
        "json://${T}" == config_of(tmp_path, 'sinks: {a: {url: "json://${T}"}}', T=TOKEN).written["sinks"]["a"]["url"]
    )
