"""What has been said to alerts already, in whichever chat, and whether it still counts."""

from collections.abc import Sequence

from daemon.chat.deeds import LASTING, Action, can_be_answered, deed, ends_ms, is_lasting, touched
from rules.alerts import Alert
from storage.answers import Answer
from storage.buttons import Buttons

LINES_MAX = 3  # under one message


def stands(answer: Answer, episode_id: str, now_ms: int) -> bool:
    """Whether a press still counts for this alert: until it got worse, or the silence is over."""
    if episode_id not in answer.episodes or answer.panel.action not in set(Action):
        return False  # another version may know more
    if answer.panel.action == Action.SEEN:
        return episode_id not in answer.worse
    until_ms = ends_ms(answer.panel)
    return episode_id not in answer.lifted and (until_ms is None or until_ms > now_ms)


def is_answered(alerts: Sequence[Alert], answers: Sequence[Answer], now_ms: int, action: Action | None = None) -> bool:
    """Whether all of these that can be answered, or that this could be said to, have been: nothing is left to say."""
    can = is_lasting if action in LASTING else can_be_answered
    meant = [alert.episode_id for alert in alerts if can(alert)]
    return bool(meant) and all(any(stands(one, name, now_ms) for one in answers) for name in meant)


def standing(answers: Sequence[Answer], now_ms: int) -> list[Answer]:
    """Those that still count for one of the alerts that they are about."""
    return [one for one in answers if any(stands(one, name, now_ms) for name in one.episodes)]


def meant(answer: Answer, alerts: Sequence[Alert], answers: Sequence[Answer]) -> list[Alert]:
    """Those of these alerts that a press is about, and that nobody has ended the silence of.

    To have seen what somebody had seen before says nothing new.
    """
    about = [alert for alert in alerts if alert.episode_id in answer.episodes - answer.lifted]
    found = touched(answer.panel, about)
    if answer.panel.action != Action.SEEN:
        return found
    first = answers[: answers.index(answer)]  # oldest first
    earlier = [one for one in first if one.panel.action == Action.SEEN]
    return [alert for alert in found if not any(alert.episode_id in one.episodes - one.worse for one in earlier)]


def with_the_rest(pressed: Answer, answers: Sequence[Answer]) -> list[Answer]:
    """A press, and what its message does not tell of the alerts that it does not count: seen elsewhere since it was sent.

    The press comes first, because a chat may cut what is behind it.
    """
    if pressed.panel.action != Action.SEEN:
        return [pressed]
    since = [
        one
        for one in answers[: answers.index(pressed)]
        if one.panel.action == Action.SEEN
        and one.episodes - one.worse
        and (one.panel.pressed_ms or 0) >= pressed.panel.created_ms
    ]
    return [pressed, *since[1 - LINES_MAX :]]


async def say(
    buttons: Buttons,
    shown: Sequence[Answer],
    alerts: Sequence[Alert],
    answers: Sequence[Answer],
    now_ms: int,
    chat: str,
) -> list[str]:
    """A line for each of the latest that are `shown`, as it reads in this chat. What came too late for these is none."""
    lines = []
    for one in shown:
        if one.panel.action not in set(Action) or not (about := meant(one, alerts, answers)):
            continue
        if one.panel.action == Action.MUTE:  # of all that the message told, which may be more than these
            about = await buttons.about(one.panel)
        lines.append(deed(one.panel, about, now_ms, chat=chat, among=len(alerts)))
    return lines[-LINES_MAX:]
