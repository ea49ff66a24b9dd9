"""What Slack says: its answers, and what each of its words means for the message it answers to."""

import msgspec

from sinks.base import Busy, Gone, SinkTrouble, Uncertain, Unreached
from sinks.outcome import trouble
from sinks.post import Reply

# The far end's own words: api.slack.com/messaging/webhooks, and the error tables of chat.postMessage and chat.update
_BUSY = {"rate_limited", "ratelimited", "message_limit_exceeded", "team_added_to_org", "accesslimited"}
_LATER = {"service_unavailable", "request_timeout"}
_MAYBE = {"fatal_error", "internal_error", "rollup_error"}  # `some aspect of the operation may have succeeded`
FORMAT_WORDS = {  # plain words may pass where these blocks did not
    "invalid_payload",
    "invalid_blocks",
    "invalid_blocks_format",
    "msg_blocks_too_long",
    "msg_too_long",
    "invalid_attachments",
    "block_mismatch",
    "markdown_text_conflict",
}
_ARGUMENT_WORDS = {"invalid_arguments", "invalid_arg_name", "invalid_array_arg"}
LATER_WORDS = _BUSY | _LATER | _MAYBE  # the same call may work later
LOST_WORDS = {"message_not_found", "cant_update_message", "edit_window_closed", "is_inactive"}
_THREAD_WORDS = {
    "cannot_reply_to_message",
    "invalid_thread_ts",
    "restricted_action_non_threadable_channel",
    "restricted_action_thread_locked",
    "thread_not_found",
}
GONE_WORDS = {
    "access_denied",
    "account_inactive",
    "action_prohibited",
    "channel_is_archived",
    "channel_not_found",
    "ekm_access_denied",
    "enterprise_is_restricted",
    "invalid_auth",
    "invalid_token",
    "is_archived",
    "missing_scope",
    "no_active_hooks",
    "no_permission",
    "no_service",
    "no_service_id",
    "no_team",
    "not_allowed_token_type",
    "not_authed",
    "not_in_channel",
    "org_login_required",
    "posting_to_general_channel_denied",
    "restricted_action",
    "restricted_action_non_threadable_channel",
    "restricted_action_read_only_channel",
    "restricted_action_thread_only_channel",
    "team_access_not_granted",
    "team_disabled",
    "token_expired",
    "token_revoked",
    "two_factor_setup_required",
    "user_not_found",
}


class Answer(msgspec.Struct, gc=False):
    """Every answer of the Web API, and a webhook's when it is too busy."""

    ok: bool = False
    error: str = ""
    ts: str | None = None
    channel: str | None = None
    retry_after: float | None = None
    upload_url: str = ""  # where a file may be brought
    file_id: str = ""


_decoder = msgspec.json.Decoder(Answer)


def read_answer(reply: Reply) -> Answer | None:
    """The answer, or None for what is none: a proxy's page, or half of something."""
    try:
        return _decoder.decode(reply.body or b"")
    except (ValueError, RecursionError):  # also letters that are no UTF-8, and brackets without end
        return None


def bare_word(text: str) -> str:
    """An error is one bare word. Whatever else stands there (a proxy's page, an address) is not repeated."""
    return text if len(text) <= 64 and text.replace("_", "").isalnum() else ""


def is_about_files(word: str) -> bool:
    """Whether the form or a file was refused. [inferred]: no document says which words an edit that names files gets."""
    return word in FORMAT_WORDS or "file" in word


def is_about_thread(word: str) -> bool:
    """Whether the thread was refused: its first message is gone or of another chat, or the channel has no threads."""
    return word in _THREAD_WORDS or word in LOST_WORDS


def may_pass_without_files(word: str) -> bool:
    """Whether the same edit may be taken if it names no files."""
    return is_about_files(word) or word in _ARGUMENT_WORDS


def meaning(status: int, word: str, text: str, retry_after_s: float | None) -> SinkTrouble:
    """What Slack's word means, told in `text`; the status decides where we do not know the word."""
    if status == 429 or word in _BUSY:
        return Busy(text, retry_after_s=retry_after_s)
    if word in GONE_WORDS:
        return Gone(text)
    if word in _LATER:
        return Unreached(text)
    if word in _MAYBE:
        return Uncertain(text)
    # the bot's refusals come with status 200, and are refusals all the same
    return trouble(400 if status == 200 else status, text, retry_after_s=retry_after_s)
