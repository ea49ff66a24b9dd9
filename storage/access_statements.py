"""What is said to the database about keys, logins and their refresh tokens."""

from sqlalchemy import BindParameter, bindparam, delete, or_, select, update

from storage.schema import api_keys, refresh_tokens, token_families
from storage.sentences import insert_once

_now: BindParameter[int] = bindparam("now_ms")

# who may read: `used_ms` is written in the sentence that asks for it, so that of two that use a token at once one is late
all_keys = select(api_keys).order_by(api_keys.c.created_ms, api_keys.c.key_id)
add_key = insert_once(api_keys)
revoke_keys = (
    update(api_keys)
    .where(
        api_keys.c.revoked_ms.is_(None),
        or_(api_keys.c.key_id == bindparam("the_key"), api_keys.c.name == bindparam("the_key")),
    )
    .values(revoked_ms=_now)
)
add_family = insert_once(token_families)
one_family = select(token_families).where(token_families.c.family == bindparam("the_family"))
revoke_family = (
    update(token_families)
    .where(token_families.c.family == bindparam("the_family"), token_families.c.revoked_ms.is_(None))
    .values(revoked_ms=_now, revoked_reason=bindparam("the_reason"))
)
revoked_families = select(token_families.c.family, token_families.c.revoked_ms).where(
    token_families.c.revoked_ms >= bindparam("since_ms")
)
add_refresh = insert_once(refresh_tokens)
one_refresh = select(refresh_tokens).where(refresh_tokens.c.digest == bindparam("the_digest"))
use_refresh = (
    update(refresh_tokens)
    .where(refresh_tokens.c.digest == bindparam("the_digest"), refresh_tokens.c.used_ms.is_(None))
    .values(used_ms=_now)
)
forget_refresh = delete(refresh_tokens).where(refresh_tokens.c.expires_ms < _now)
forget_families = delete(token_families).where(  # nothing of theirs is alive any more
    ~select(refresh_tokens.c.digest).where(refresh_tokens.c.family == token_families.c.family).exists()
)
