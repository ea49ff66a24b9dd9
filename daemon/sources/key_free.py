"""The sources that are on when nothing is configured. Apart from the registry: `tocsin check` asks, and must be fast."""

# gate, htx and bitget need no key either, and are there for those who name them
KEY_FREE = ("binance", "bybit", "okx", "defillama", "coingecko", "deribit", "hyperliquid", "alternative_me")
