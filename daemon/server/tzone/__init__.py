"""The T-Zone endpoints (spec/000 and spec/001), one module each, in the order of the documents."""

from typing import Any

from daemon.server.tzone import (
    btc_open_interest,
    comparative_price_timeseries,
    contract_comparison,
    derivative_volume_24h,
    distribution_analysis,
    dominance,
    event_logs,
    fear_greed_index,
    fund_rate_tracker,
    funding_rate_chart,
    live_liquidation_feed,
    main_table,
    marketcap_total_index,
    oi_price_chart,
    overall_market_snapshot,
    top_contracts_oi,
)
from daemon.server.tzone.endpoint import Spec

SPECS: tuple[Spec[Any], ...] = (
    contract_comparison.SPEC,
    fund_rate_tracker.SPEC,
    funding_rate_chart.SPEC,
    oi_price_chart.SPEC,
    top_contracts_oi.SPEC,
    fear_greed_index.SPEC,
    live_liquidation_feed.SPEC,
    overall_market_snapshot.SPEC,
    dominance.BITCOIN,
    dominance.ETHER,
    main_table.SPEC,
    marketcap_total_index.SPEC,
    distribution_analysis.SPEC,
    derivative_volume_24h.SPEC,
    btc_open_interest.SPEC,
    comparative_price_timeseries.SPEC,
    event_logs.SPEC,
)
