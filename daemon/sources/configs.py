"""What people may set about each source. Light: `tocsin check` reads it without loading a single socket library."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr, StringConstraints, model_validator

from daemon.sources.settings import Every, RestUrl, Settings, StreamUrl
from daemon.wire import (
    alternative_me,
    amberdata,
    binance,
    bitget_stream,
    bybit,
    coingecko,
    coinlocally,
    datamaxi,
    defillama,
    deribit,
    deribit_stream,
    gate_stream,
    htx_stream,
    hyperliquid,
    hyperliquid_stream,
    okx,
)


class Binance(Settings):
    """Where Binance is, and how often it is asked for what it does not stream."""

    ws_url: StreamUrl = binance.WS_URL
    public_ws_url: StreamUrl = binance.PUBLIC_WS_URL
    rest_url: RestUrl = binance.REST_URL
    open_interest_every: Every = 60_000
    settled_funding_every: Every = 300_000
    intervals_every: Every = 3_600_000
    long_short_ratio_every: Every = 150_000
    insurance_fund_every: Every = 300_000


class Bybit(Settings):
    """Where Bybit is, and how often it is asked for what it does not stream."""

    ws_url: StreamUrl = bybit.WS_URL
    rest_url: RestUrl = bybit.REST_URL
    settled_funding_every: Every = 300_000
    long_short_ratio_every: Every = 300_000
    insurance_fund_every: Every = 3_600_000


class Okx(Settings):
    """Where OKX is: its streams, that of candles apart, and how often it is asked for what it does not stream."""

    ws_url: StreamUrl = okx.WS_URL
    candles_url: StreamUrl | None = None  # /business beside the /public of ws_url
    rest_url: RestUrl = okx.REST_URL
    long_short_ratio_every: Every = 300_000
    insurance_fund_every: Every = 3_600_000


class DataMaxi(Settings):
    """Where DataMaxi+ is, the key to it, and the venues whose funding and liquidations are asked for there."""

    key: SecretStr
    ws_url: StreamUrl = datamaxi.WS_URL
    liquidation_url: StreamUrl | None = None  # beside the funding stream of ws_url
    rest_url: RestUrl = datamaxi.REST_URL
    exchanges: tuple[str, ...] = ("binance", "bybit", "okx")
    liquidations: tuple[str, ...] | None = None  # of these; left out: of the exchanges that no other source brings


class Amberdata(Settings):
    """Where Amberdata is, the key to it, the exchanges that are asked for there, and how many connections it may take."""

    key: SecretStr
    ws_url: StreamUrl = amberdata.WS_URL
    exchanges: tuple[str, ...] | None = None  # left out: those that no other source brings
    connections: int = Field(default=5, ge=1, le=20)  # a trial key may have 5; each carries 100 subscriptions


class DefiLlama(Settings):
    """Where DefiLlama is, and how often it is asked. Its data is rebuilt about once an hour."""

    rest_url: RestUrl = defillama.REST_URL
    every: Every = 300_000


class CoinGecko(Settings):
    """Where CoinGecko is, a key to it if there is one, and how often it is asked."""

    rest_url: RestUrl = coingecko.REST_URL
    key: SecretStr | None = None
    every: Every | None = None  # 1m without a key, 5m with one


class Deribit(Settings):
    """Where Deribit is: its streams, and what the tables ask."""

    ws_url: StreamUrl = deribit_stream.WS_URL
    rest_url: RestUrl = deribit.REST_URL


class Hyperliquid(Settings):
    """Where Hyperliquid is: its stream, and what the tables ask."""

    ws_url: StreamUrl = hyperliquid_stream.WS_URL
    rest_url: RestUrl = hyperliquid.REST_URL


class Gate(Settings):
    """Where Gate's USDT futures are."""

    ws_url: StreamUrl = gate_stream.WS_URL
    rest_url: RestUrl = gate_stream.REST_URL


class Htx(Settings):
    """Where HTX's linear swaps are: notifications, the index, and how often the rest is asked for."""

    ws_url: StreamUrl = htx_stream.NOTIFICATION_URL
    index_url: StreamUrl = htx_stream.INDEX_URL
    rest_url: RestUrl = htx_stream.REST_URL
    open_interest_every: Every = 60_000
    insurance_fund_every: Every = 3_600_000


class Bitget(Settings):
    """Where Bitget's USDT futures are."""

    ws_url: StreamUrl = bitget_stream.WS_URL
    rest_url: RestUrl = bitget_stream.REST_URL


def _shown(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text or not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError("not a key or token; copy it as the venue shows it, without blanks")
    return secret


ShownSecret = Annotated[SecretStr, AfterValidator(_shown)]  # travels in a header
AccountName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]


class CoinlocallyAccount(Settings):
    """One account: its API key, or the token of a login."""

    key: ShownSecret | None = None
    token: ShownSecret | None = None

    @model_validator(mode="after")
    def _one_at_least(self) -> "CoinlocallyAccount":
        if self.key is None and self.token is None:
            raise ValueError("an account needs a key or a token; key: ${COINLOCALLY_KEY}")
        return self

    @property
    def credentials(self) -> tuple[coinlocally.Credential, ...]:
        """All that prove its owner; the first is what we show the venue."""
        found = []
        if self.key is not None:
            found.append(coinlocally.Credential("apiKey", self.key.get_secret_value()))
        if self.token is not None:
            found.append(coinlocally.Credential("token", self.token.get_secret_value()))
        return tuple(found)


class Coinlocally(Settings):
    """Where Coinlocally's private futures stream is, and whose accounts are followed there."""

    ws_url: StreamUrl = coinlocally.WS_URL
    broker: Annotated[int, Field(ge=0)] = coinlocally.BROKER
    key: ShownSecret | None = None  # of a single account, which is called main
    token: ShownSecret | None = None
    accounts: dict[AccountName, CoinlocallyAccount] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _somebody(self) -> "Coinlocally":
        if (self.key is not None or self.token is not None) and self.accounts:
            raise ValueError("give either one key (or token), or accounts by name; accounts: {main: {key: ...}}")
        if not self.by_name:
            raise ValueError("no account is named; key: ${COINLOCALLY_KEY}, or accounts: {main: {key: ...}}")
        shown = [one for account in self.by_name.values() for one in account.credentials]
        if len(set(shown)) < len(shown):
            raise ValueError("two accounts have the same key; give each its own")
        return self

    @property
    def by_name(self) -> dict[str, CoinlocallyAccount]:
        """Every account by the name that its owner gave it."""
        if self.key is None and self.token is None:
            return dict(self.accounts)
        return {"main": CoinlocallyAccount(key=self.key, token=self.token)}


class AlternativeMe(Settings):
    """Where the Fear and Greed Index is, and how often it is asked for. It changes once a day."""

    rest_url: RestUrl = alternative_me.REST_URL
    every: Every = 3_600_000


class CoinDesk(Settings):
    """Where CoinDesk Data is, and the key to it: since 2026-05 nothing is answered without one."""

    key: SecretStr
    rest_url: RestUrl = "https://data-api.coindesk.com"


CONFIGS: dict[str, type[Settings]] = {
    "binance": Binance,
    "bybit": Bybit,
    "okx": Okx,
    "datamaxi": DataMaxi,
    "amberdata": Amberdata,
    "defillama": DefiLlama,
    "coingecko": CoinGecko,
    "deribit": Deribit,
    "hyperliquid": Hyperliquid,
    "gate": Gate,
    "htx": Htx,
    "bitget": Bitget,
    "coinlocally": Coinlocally,
    "alternative_me": AlternativeMe,
    "coindesk": CoinDesk,
}
