"""The page at `/`: how the house is, the latest alerts, and every endpoint with its stream. It loads nothing else."""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daemon.server.health import health
from daemon.server.tzone import SPECS
from daemon.server.tzone.endpoint import Spec
from rules.alerts import Alert
from rules.kinds import say
from rules.units import say_duration
from storage.episodes import query_alerts
from storage.trouble import StorageTrouble

if TYPE_CHECKING:
    from daemon.house import House

ALERTS = 30
PLAIN = (
    ("/healthz", "each source and sink: state, last frame, last error (JSON; 503 while something is down)"),
    ("/metrics", "the same as numbers, for Prometheus"),
)
_WHOLE = Path(__file__).with_name("page.html").read_text(encoding="utf-8")


async def page(house: "House") -> str:
    """The whole page as it is now; its script asks for it again and takes the element `state` out of it."""
    label = f' <span class="label">{escape(house.config.label)}</span>' if house.config.label else ""
    parts = {"label": label, "state": await _state(house), "endpoints": _endpoints(house)}
    before, *rest = _WHOLE.split("<!--")
    # one pass: what a part says is never read as a place for another
    return before + "".join(_filled(piece, parts) for piece in rest)


def _filled(piece: str, parts: dict[str, str]) -> str:
    name, _, after = piece.partition("-->")
    return parts[name] + after


async def _state(house: "House") -> str:
    report = health(house)
    now_ms = report["now_ms"]
    feeds = "".join(
        f'<tr><td>{escape(feed["name"])}</td><td class="{feed["state"]}">{feed["state"]}</td>'
        f'<td class="n">{_ago(feed["last_frame_ms"], now_ms)}</td><td class="n">{_ago(feed["last_event_ms"], now_ms)}</td>'
        f"<td>{escape(feed['last_error'] or '')}</td></tr>"
        for feed in report["sources"]
    )
    lanes = "".join(
        f'<tr><td>{escape(lane["name"])}</td><td class="{lane["state"]}">{lane["state"]}</td>'
        f'<td class="n">{lane["sent"]} sent</td><td class="n">{_ago(lane["last_sent_ms"], now_ms)}</td>'
        f"<td>{escape(lane['held'] or lane['last_error'] or '')}</td></tr>"
        for lane in report["lanes"]
    )
    held = report["storage"]["held"]
    trouble = f'<p class="down">{escape(held)}</p>' if held else ""
    if mistakes := report["mistakes"]:
        words = f"The saved files have {mistakes} mistake{'' if mistakes == 1 else 's'}, so what ran before runs on."
        trouble += f'<p class="warning">{words}</p>'
    return f"""
<p>{report["rules"]} rules, {report["firing"]} firing, {report["events"]:,} events in
{say_duration(now_ms - report["started_ms"])}.
<small>Remembered in {escape(report["storage"]["place"])}.</small></p>{trouble}
<h2 id="alerts">Latest alerts</h2><div class="alerts"><table>{await _alerts(house, now_ms)}</table></div>
<h2 id="sources">Sources</h2><div class="wide"><table><tr><th>feed</th><th>state</th><th>last frame</th><th>last event</th>
<th>last error</th></tr>{feeds}</table></div>
<h2>Sinks</h2><div class="wide"><table>{lanes}</table></div>"""


def _endpoints(house: "House") -> str:
    streams = [
        f"<article><p><code>{escape(spec.path)}</code><br>{escape(spec.about)}</p>"
        f"{_opener(spec.path, _plainly(spec), 'open')}<br>{_opener(spec.path, spec.example, 'as in the documents')}</article>"
        for spec in (SPECS if house.showroom is not None else ())
    ]
    plain = [
        f'<article><p><a href="{path}"><code>{path}</code></a><br>{escape(words)}</p></article>'
        for path, words in PLAIN
    ]
    return "".join((*streams, *plain))


def _opener(path: str, query: str, words: str) -> str:
    """What opens a stream in the page; without scripts it does nothing, and says so elsewhere."""
    asked = f" <code>?{escape(query)}</code>" if query else ""
    return f'<button class="open" data-path="{escape(path)}" data-query="{escape(query)}">{words}</button><small>{asked}</small>'


def _plainly(spec: Spec[Any]) -> str:
    """The documents' example without filters, pages and times, which were right once and hide today's rows."""
    own = spec.own - {"start_time", "end_time"}
    return "&".join(part for part in spec.example.split("&") if part.partition("=")[0] in own)


async def _alerts(house: "House", now_ms: int) -> str:
    try:
        alerts = await query_alerts(house.database, limit=ALERTS)  # nobody's own account is among them
    except StorageTrouble as exc:
        return f'<tr><td class="down">{escape(str(exc))}</td></tr>'
    return "".join(_row(alert, now_ms) for alert in alerts) or "<tr><td>none yet</td></tr>"


def _row(alert: Alert, now_ms: int) -> str:
    sentences = say(alert, now_ms)
    state = "" if alert.is_momentary else "firing" if alert.is_firing else "cleared" if alert.ended_ms else "pending"
    details = escape(" · ".join(part for part in (", ".join(sentences.details), f"rule {alert.rule_id}") if part))
    return (
        f'<tr class="{"over" if state in ("cleared", "pending") else ""}"><td class="n">{_ago(alert.at_ms, now_ms)}</td>'
        f'<td class="{alert.severity}">{alert.severity}</td><td>{state}</td>'
        f"<td>{escape(sentences.headline)}<br><small>{details}</small></td></tr>"
    )


def _ago(at_ms: int | None, now_ms: int) -> str:
    return f"{say_duration(max(1000, now_ms - at_ms - (now_ms - at_ms) % 1000))} ago" if at_ms is not None else "-"
