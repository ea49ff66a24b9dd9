"""One socket to Slack: opened and greeted, or it is said why not; and its ticket goes nowhere else."""

import pytest

from daemon.chat.slack_api import SlackApi, may_connect
from daemon.chat.slack_socket import Socket
from sinks.base import Unreached
from sinks.post import open_session
from tests.chats import Slack
from tests.daemon.lanes import until
from tests.patience import UNHURRIED


async def ticket(desk: Slack) -> str:
    async with open_session() as session:
        api = SlackApi(session, desk.token, desk.socket_mode.app_token, desk.api_url, UNHURRIED)
        return await api.open_socket()


async def test_a_socket_without_hello_is_none(desk: Slack) -> None:
    desk.socket_mode.greets = False
    with pytest.raises(Unreached, match="said no hello within"):
        await Socket.open(await ticket(desk), hello_s=0.1)

    await until(lambda: desk.socket_mode.live == [])


@pytest.mark.parametrize("status", [403, 408, 429, 500, 503])
async def test_a_socket_that_turns_us_away_says_the_status_and_no_ticket(desk: Slack, status: int) -> None:
    desk.socket_mode.status = status
    with pytest.raises(Unreached, match=f"answered {status}") as caught:
        await Socket.open(await ticket(desk))

    assert "ticket" not in repr(caught.value)
    assert caught.value.__cause__ is None


async def test_a_ticket_is_not_carried_elsewhere(desk: Slack) -> None:
    """Wherever a redirect leads."""
    async with Slack() as other:
        desk.socket_mode.redirects_to = (await ticket(other)).partition("/link")[0]
        with pytest.raises(Unreached, match="answered 302"):
            await Socket.open(await ticket(desk))

        assert [] == other.socket_mode.sockets


@pytest.mark.parametrize("url", ["ws://127.0.0.1:9/?ticket=t", "ws://[::1", "http://x/?ticket=t", "wss://?ticket=t"])
async def test_an_address_that_leads_nowhere_is_not_repeated(url: str) -> None:
    with pytest.raises(Unreached) as caught:
        await Socket.open(url)

    assert "ticket" not in f"{caught.value} {caught.value.__cause__}"


@pytest.mark.parametrize(
    ("url", "is_slack"),
    [
        ("wss://wss-primary.slack.com/link/?ticket=1", True),
        ("wss://slack.com/link", True),
        ("wss://wss.slack.com:443/link", True),
        ("ws://wss-primary.slack.com/link", False),
        ("https://wss-primary.slack.com/link", False),
        ("wss://notslack.com/link", False),
        ("wss://slack.com.evil.example/link", False),
        ("wss://evil.example/slack.com", False),
        ("wss://wss.slack.com@evil.example/link", False),
        ("wss://wss.slack.com:8443/link", False),
        ("wss://[::1", False),
        ("", False),
    ],
)
def test_only_slack_s_own_hosts_get_the_ticket(url: str, is_slack: bool) -> None:
    """Unless another API was given, which may stand anywhere."""
    assert is_slack == may_connect(url, None)


def test_another_api_may_name_any_socket() -> None:
    assert may_connect("ws://127.0.0.1:9/link", "http://127.0.0.1:8")
    assert not may_connect("http://127.0.0.1:9/link", "http://127.0.0.1:8")
    assert not may_connect("", "http://127.0.0.1:8")
