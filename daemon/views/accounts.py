"""Traders' own accounts as they stand: what a newcomer with the right key is told. Nobody else may read this view."""

from rules.events import AccountUpdate, AdlUpdate, Balance, Event

FRESH_MS = 3_000  # rows come every second; older ones are not passed off as this second's
MOST = 1_000  # coins, positions or rows of one account


class Account:
    """One account, folded from what the venue said since the start."""

    def __init__(self) -> None:
        self.uid: int | None = None
        self.balances: dict[str, Balance] = {}
        self.latest: AccountUpdate | None = None
        self.positions: dict[str, AccountUpdate] = {}  # by position, the update that told it last
        self.rows: dict[str, AdlUpdate] = {}

    def told(self, update: AccountUpdate) -> None:
        """Balances by coin; a position until it is empty."""
        self.uid, self.latest = update.uid or self.uid, update
        for balance in update.balances:
            if balance.coin in self.balances or len(self.balances) < MOST:
                self.balances[balance.coin] = balance
        position = update.position
        if position is None:
            return
        if position.quantity == 0:
            self.positions.pop(position.position_id, None)
        elif position.position_id in self.positions or len(self.positions) < MOST:
            self.positions[position.position_id] = update

    def ranked(self, row: AdlUpdate) -> None:
        """A position's newest row; one that is closed is forgotten, here and above."""
        self.uid = row.uid or self.uid
        if not row.is_open:
            self.rows.pop(row.position_id, None)
            self.positions.pop(row.position_id, None)
        elif row.position_id in self.rows or len(self.rows) < MOST:
            self.rows[row.position_id] = row


class Accounts:
    """All accounts by the names that the configuration gives them."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}

    @property
    def names(self) -> list[str]:
        """Those of which something was heard."""
        return list(self._accounts)

    def observe(self, event: Event) -> None:
        """One event, in the order of arrival."""
        match event:
            case AccountUpdate():
                self._accounts.setdefault(event.account, Account()).told(event)
            case AdlUpdate():
                self._accounts.setdefault(event.account, Account()).ranked(event)

    def forget(self, account: str) -> None:
        """Nobody has listened meanwhile: what was known may be over."""
        self._accounts.pop(account, None)

    def uid(self, account: str) -> int | None:
        """The account's number at the venue, once it was told."""
        known = self._accounts.get(account)
        return None if known is None else known.uid

    def updates(self, account: str) -> list[AccountUpdate]:
        """What tells the account as it stands: an update for each open position, or one without; each with all coins.

        Each keeps the time at which the venue said it.
        """
        known = self._accounts.get(account)
        if known is None or known.latest is None:
            return []
        balances = tuple(known.balances.values())
        told = list(known.positions.values())
        if not told:
            latest = known.latest
            told = [
                AccountUpdate(
                    venue=latest.venue,
                    account=account,
                    uid=known.uid,
                    cause=latest.cause,
                    at_ms=latest.at_ms,
                    received_ms=latest.received_ms,
                )
            ]
        return [_with(update, balances) for update in told]

    def rows(self, account: str, now_ms: int) -> list[AdlUpdate]:
        """The rows of this second; none when they have ended, or have grown old."""
        known = self._accounts.get(account)
        return [] if known is None else [row for row in known.rows.values() if now_ms - row.received_ms <= FRESH_MS]


def _with(update: AccountUpdate, balances: tuple[Balance, ...]) -> AccountUpdate:
    return AccountUpdate(
        venue=update.venue,
        account=update.account,
        uid=update.uid,
        cause=update.cause,
        balances=balances,
        position=update.position,
        at_ms=update.at_ms,
        received_ms=update.received_ms,
    )
