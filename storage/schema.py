"""The tables, each declared once; the sentences about them are in `statements.py`."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={  # batch migrations on SQLite can only change what has a name
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Row = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER is SQLite's own row number, and counts by itself

events = Table(
    "events",
    metadata,
    Column("id", Row, primary_key=True),  # in the order in which we learned of them
    Column("type", Text, nullable=False),
    Column("venue", Text, nullable=False),
    Column("symbol", Text, nullable=False),  # the second half of the event's place: instrument, coin or feed
    Column("at_ms", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("once_key", Text, unique=True),  # a replay after a reconnect is counted once
    Column("payload", Text, nullable=False),  # the event as JSON
    Index(None, "received_ms"),
    Index(None, "type", "received_ms"),
    Index(None, "symbol", "received_ms"),
)

alerts = Table(  # one row per episode, as it stands now
    "alerts",
    metadata,
    Column("episode_id", Text, primary_key=True),
    Column("rule_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("key", Text, nullable=False),  # JSON
    Column("severity", Text, nullable=False),
    Column("is_firing", Boolean, nullable=False),
    Column("is_momentary", Boolean, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("started_ms", BigInteger, nullable=False),
    Column("held_since_ms", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("value", Double),  # empty where a number was not finite
    Column("threshold", Double),
    Column("peak", Double),
    Column("facts", Text, nullable=False),  # JSON
    Column("template", Text),
    Column("worst", Text),  # JSON: how it stood at its peak; empty: of one moment, or of an older program
    Index(None, "at_ms"),
    Index(None, "is_firing", "at_ms"),
)

transitions = Table(
    "transitions",
    metadata,
    Column("id", Row, primary_key=True),
    Column("episode_id", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("change", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("value", Double),
    Column("at_ms", BigInteger, nullable=False),
    Column("muted", Text),  # why nobody was told; empty: they were
    Column("alert", Text),  # JSON: the alert as it stood then; empty: of an older program, or a number was not finite
    UniqueConstraint("episode_id", "sequence", "change"),  # deciding the same thing twice is deciding it once
    Index(None, "at_ms"),
)

states = Table(  # what the engine remembers of each rule and key
    "states",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("rule_id", Text, nullable=False),
    Column("phase", Text, nullable=False),
    Column("payload", Text, nullable=False),  # the whole AlertState as JSON
)

outbox = Table(  # every message that was decided, and what became of it
    "outbox",
    metadata,
    Column("id", Row, primary_key=True),  # a lane's order
    Column("key", Text, unique=True, nullable=False),  # the same message can be decided only once
    Column("lane", Text, nullable=False),
    Column("episode_id", Text),  # empty: our own words
    Column("change", Text),
    Column("severity", Text, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("text", Text),  # our own words as JSON
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("muted", Text),  # why it was suppressed
    Column("attempts", Integer, nullable=False),  # tries that certainly did not arrive
    Column("repeats", SmallInteger, nullable=False),  # 1: a copy may have arrived before, the next one says so
    Column("not_before_ms", BigInteger),
    Column("send_started_ms", BigInteger),
    Column("finished_ms", BigInteger),
    Column("message_id", Text),  # its name at the far end
    Column("edit_of", Text),  # the far end's name of the message that it was to replace
    Column("merged_into", Text),  # key of the row that told this one
    Column("last_error", Text),
    Column("due_ms", BigInteger),  # decided: it leaves no earlier; `not_before_ms` is what the far end makes us wait
    Column("group_key", Text),  # those with the same may leave as one message
    Column("form", Text),  # alert, summary, digest or words
    Column("is_urgent", Boolean),  # quiet hours do not count for it
    Column("over_ms", BigInteger),  # it told several: 0 while one fires, then since when it is to say that none does
    Index(None, "lane", "status", "id"),
    Index(None, "lane", "over_ms"),
    Index(None, "episode_id", "lane"),
    Index(None, "status", "finished_ms"),
    Index(None, "merged_into"),
)

lanes = Table(  # the queue of one sink
    "lanes",
    metadata,
    Column("lane", Text, primary_key=True),
    Column("address_hash", Text, nullable=False),
    Column("not_before_ms", BigInteger),
    Column("failures", Integer, nullable=False),  # in a row
    Column("held_reason", Text),
    Column("disabled_reason", Text),
    Column("disabled_ms", BigInteger),
    Column("window_since_ms", BigInteger),  # the stretch in which messages are counted, for a cap
    Column("window_count", Integer),
)

standings = Table(  # what is remembered of an alert while it fires: who was told, and who is told again when
    "standings",
    metadata,
    Column("episode_id", Text, primary_key=True),
    Column("payload", Text, nullable=False),  # the whole Standing as JSON
)

silences = Table(  # what people do not want to be told for a while
    "silences",
    metadata,
    Column("silence_id", Text, primary_key=True),
    Column("matchers", Text, nullable=False),  # JSON
    Column("episode_id", Text),  # of this one alert only
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger),
    Column("ended_ms", BigInteger),
    Column("ended_by", Text, nullable=False),
    Index(None, "ended_ms", "until_ms"),
)

acknowledgements = Table(  # who has seen an alert; the first to say so
    "acknowledgements",
    metadata,
    Column("episode_id", Text, primary_key=True),
    Column("who", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

buttons = Table(  # under the messages about alerts: each message's give one result
    "buttons",
    metadata,
    Column("token", Text, primary_key=True),  # what a press brings back
    Column("key", Text, unique=True, nullable=False),  # of the outbox row: sent again, a message has the same buttons
    Column("lane", Text, nullable=False),
    Column("episode_id", Text),  # empty: a message about several, which the outbox knows
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("press", Text),  # the chat's name of the press that counts, which is the first
    Column("action", Text),
    Column("who", Text),
    Column("pressed_ms", BigInteger),
    Column("place", Text),  # JSON: what the chat needs to edit the message, as it stood when it was pressed
    Column("shown_ms", BigInteger),  # the message says who did what
    Column("chat", Text),  # where it was pressed: Telegram, Slack, HTTP
    Column("behind_ms", BigInteger),  # its alert was answered under another message then, and this one does not say so
    Index(None, "episode_id", "lane"),
    Index(None, "expires_ms"),
    Index(  # nearly all of them lag behind nothing
        None,
        "lane",
        "behind_ms",
        postgresql_where=text("behind_ms IS NOT NULL"),
        sqlite_where=text("behind_ms IS NOT NULL"),
    ),
)

bots = Table(  # who listens to a bot, and how far
    "bots",
    metadata,
    Column("bot", Text, primary_key=True),  # a hash of its token
    Column("holder", Text, nullable=False),  # which process
    Column("until_ms", BigInteger, nullable=False),
    Column("next_update", BigInteger, nullable=False),  # the first that is not dealt with
    Column("heard_ms", BigInteger),  # when the latest was
)

api_keys = Table(  # who may read, beyond this machine
    "api_keys",
    metadata,
    Column("key_id", Text, primary_key=True),  # its first letters, shown in listings
    Column("name", Text, nullable=False),
    Column("digest", Text, unique=True, nullable=False),  # HMAC of the key; the key itself is nowhere
    Column("created_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
    Column("scope", Text, nullable=False, server_default="read"),  # or act
)

token_families = Table(  # one login: all refresh tokens that came from it
    "token_families",
    metadata,
    Column("family", Text, primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
    Column("revoked_reason", Text),
)

refresh_tokens = Table(  # each can be used once
    "refresh_tokens",
    metadata,
    Column("digest", Text, primary_key=True),  # HMAC of the token
    Column("family", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
    Index(None, "family"),
    Index(None, "expires_ms"),
)

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)
LAST_ALIVE = "last_alive_ms"  # the latest batch
LAST_OPENED = "last_opened_ms"  # the latest start of a daemon
