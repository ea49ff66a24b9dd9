"""Where the upstreams are, and the keys to those that want one."""

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class MarketConfig:
    """Base addresses by upstream (all settable: the simulator answers for everybody) and keys as plain text.

    An upstream that is missing in `urls` is asked at its own address. Keys never show in texts.
    """

    urls: dict[str, str] = field(default_factory=dict)  # binance, bybit, ..., coingecko, coindesk -> https://...
    only: frozenset[str] | None = None  # upstreams that may be asked; None: all
    coindesk_key: str = field(default="", repr=False)
    coingecko_key: str = field(default="", repr=False)

    def url(self, upstream: str, usual: str) -> str:
        """Where this upstream is asked, without a slash at the end."""
        return self.urls.get(upstream, usual).rstrip("/")

    def asks(self, upstream: str) -> bool:
        """Whether the configuration allows asking this upstream: a `sources` section means exactly those it names."""
        return self.only is None or upstream in self.only
