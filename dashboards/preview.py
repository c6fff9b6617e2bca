#!/usr/bin/env python3
"""Draws the dashboards without Grafana, from what a Prometheus server has:

    dashboards/preview.py http://localhost:9090 overview >overview.html

A page of its own, to see what there would be to see before Grafana is there;
plainer than Grafana draws it. Options: --job, --instance (the first there is),
--minutes (10), --interval (what $__rate_interval stands for, 1m).
"""

import argparse
import json
import math
import re
import sys
import time
from html import escape
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

HERE = Path(__file__).parent
# what Grafana's names stand for
COLORS = {
    "super-light-blue": "#c0d8ff", "light-blue": "#8ab8ff", "blue": "#5794f2",
    "semi-dark-blue": "#3274d9", "semi-dark-yellow": "#e0b400",
    "yellow": "#fade2a", "light-green": "#96d98d", "green": "#73bf69",
    "semi-dark-green": "#56a64b", "purple": "#b877d9", "orange": "#ff9830",
    "semi-dark-orange": "#ff780a", "red": "#f2495c",
    "semi-dark-red": "#e02f44", "text": "#ccccdc",
}  # fmt: skip
OTHERS = ["#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff"]
W, H = 300, 110  # of a plot, in its own units
STYLE = """
body { background: #111217; color: #ccccdc; font: 13px sans-serif; margin: 8px }
main { display: grid; grid-template-columns: repeat(24, 1fr); grid-auto-rows: 26px;
       gap: 6px }
section { background: #181b1f; border: 1px solid #2c3035; border-radius: 2px;
          padding: 4px 8px; overflow: hidden; display: flex; flex-direction: column }
section.row { background: none; border: none; padding: 4px 0 }
h1 { font-size: 18px; margin: 4px 0 8px }
h2 { font-size: 13px; font-weight: 600; margin: 0 0 2px; white-space: nowrap }
.row h2 { font-size: 15px }
b { font-size: 22px; margin: auto 0; white-space: nowrap }
svg { flex: 1; min-height: 0; width: 100% }
small { font-size: 10.5px; max-height: 2.6em; overflow: hidden }
i { display: inline-block; width: 9px; height: 3px; margin: 3px 3px 3px 8px }
table { font-size: 11.5px; text-align: right; width: 100% } th { font-weight: 400 }
td:first-child, th:first-child { text-align: left }
text { fill: #9fa0a8; font-size: 8px }
"""


class Server:
    def __init__(self, url, options):
        self.url, self.options = url.rstrip("/"), options
        self.end = time.time()
        self.start = self.end - 60 * options.minutes
        self.step = max(1, round((self.end - self.start) / 200))

    def get(self, path, **query):
        with urlopen(f"{self.url}/api/v1/{path}?{urlencode(query, True)}") as answer:
            return json.load(answer)["data"]

    def values(self, label, selector):
        return self.get(f"label/{label}/values", **{"match[]": selector})

    def fill(self, expr):
        """The variables of a dashboard, for all queues."""
        for name, value in [
            ("$__rate_interval", self.options.interval),
            ("$job", self.options.job),
            ("$instance", self.options.instance),
            ("$queue", ".*"),
        ]:
            expr = expr.replace(name, value)
        return expr

    def series(self, target):
        """The series of a query over time, by what the legend says of them."""
        found = self.get(
            "query_range",
            query=self.fill(target["expr"]),
            start=self.start,
            end=self.end,
            step=self.step,
        )["result"]
        for each in found:
            points = [(float(t), float(v)) for t, v in each["values"]]
            points = [(t, v) for t, v in points if math.isfinite(v)]
            if points:
                yield legend(target["legendFormat"], each["metric"]), points

    def now(self, target):
        found = self.get("query", query=self.fill(target["expr"]), time=self.end)
        return found["result"]


def legend(form, labels):
    if form == "__auto":
        kept = {k: v for k, v in labels.items() if k not in ("job", "instance")}
        return ", ".join(kept.values()) or "value"
    return re.sub(r"{{(\w+)}}", lambda m: labels.get(m[1]) or '""', form)


def amount(value, unit):
    """A number with its unit, short."""
    if unit == "percentunit":
        return f"{100 * value:.3g} %"
    if unit == "s":
        for size, name in [(86400, "d"), (3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms")]:
            if abs(value) >= size:
                return f"{value / size:.3g} {name}"
        return f"{1e6 * value:.3g} µs" if value else "0 s"
    for size, name in [(1e9, "G"), (1e6, "M"), (1e3, "k")]:
        if abs(value) >= size:
            value, unit = value / size, name + {"bytes": "B"}.get(unit, "")
            return f"{value:.3g} {unit}"
    return f"{value:.3g}" + {"bytes": " B", "cps": " /s"}.get(unit, "")


def color_of_step(panel, value):
    color = None
    for step in panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", []):
        if step["value"] is None or value >= step["value"]:
            color = step["color"]
    return COLORS.get(color, "#5794f2")


def color_of_name(panel, name, i):
    for each in panel["fieldConfig"]["overrides"]:
        if each["matcher"]["options"] == name:
            for it in each["properties"]:
                if it["id"] == "color":
                    return COLORS[it["value"]["fixedColor"]]
    return OTHERS[i % len(OTHERS)]


def nothing():
    return '<b style="color:#6e7078;font-size:13px">No data</b>'


def stat(server, panel):
    defaults = panel["fieldConfig"]["defaults"]
    for target in panel["targets"]:
        for name, points in server.series(target):
            value = points[-1][1]
            text = amount(value, defaults["unit"])
            if panel["options"].get("textMode") == "name":
                text = name
            for mapping in defaults.get("mappings", []):
                text = mapping["options"].get(f"{value:g}", {}).get("text", text)
            return f'<b style="color:{color_of_step(panel, value)}">{escape(text)}</b>'
    return nothing()


def plot(server, panel, shapes, low, high, unit, names):
    """Shapes in a frame with two axes, and what is what below it."""
    marks = [
        f'<text x="0" y="{y + 3}">{escape(amount(value, unit))}</text>'
        f'<path d="M38 {y}H{W}" stroke="#2c3035"/>'
        for value, y in [(low, H - 12), ((low + high) / 2, H / 2 - 4), (high, 5)]
    ]
    for i in range(3):
        at = server.start + (server.end - server.start) * i / 2
        x, side = 38 + (W - 38) * i / 2, ["start", "middle", "end"][i]
        clock = time.strftime("%H:%M", time.localtime(at))
        marks.append(f'<text x="{x}" y="{H}" text-anchor="{side}">{clock}</text>')
    keys = "".join(f'<i style="background:{c}"></i>{escape(n)}' for n, c in names)
    return (
        f'<svg viewBox="0 0 {W} {H}" preserveAspectRatio="none">'
        f"{''.join(marks)}{''.join(shapes)}</svg><small>{keys}</small>"
    )


def x_of(server, t):
    return 38 + (W - 38) * (t - server.start) / (server.end - server.start)


def timeseries(server, panel):
    all_series = [s for target in panel["targets"] for s in server.series(target)]
    if not all_series:
        return nothing()
    defaults = panel["fieldConfig"]["defaults"]
    stacked = defaults["custom"]["stacking"]["mode"] == "normal"
    below, lines, names = {}, [], []
    for i, (name, points) in enumerate(all_series):
        if stacked:
            bottom = [(t, below.get(t, 0.0)) for t, _ in points]
            points = [(t, v + below.get(t, 0.0)) for t, v in points]
            below.update(points)
        else:
            bottom = []
        names.append((name, color_of_name(panel, name, i)))
        lines.append((points, bottom))
    values = [v for points, _ in lines for _, v in points]
    low = defaults.get("min", min(values))
    high = defaults.get("max", max(values) if max(values) > low else low + 1)

    def path(points):
        def y(v):
            return H - 12 - (H - 17) * (v - low) / ((high - low) or 1)

        return "L".join(f"{x_of(server, t):.1f} {y(v):.1f}" for t, v in points)

    shapes = []
    for (points, bottom), (_, color) in zip(lines, names):
        line = f"M{path(points)}"
        if stacked:
            area = f"{line}L{path(bottom[::-1])}Z"
            shapes.append(f'<path d="{area}" fill="{color}" fill-opacity=".6"/>')
        shapes.append(
            f'<path d="{line}" fill="none" stroke="{color}"'
            ' vector-effect="non-scaling-stroke"/>'
        )
    return plot(server, panel, shapes, low, high, defaults["unit"], names)


def state_timeline(server, panel):
    rows = [s for target in panel["targets"] for s in server.series(target)]
    if not rows:
        return nothing()
    height, shapes = (H - 12) / len(rows), []
    for i, (name, points) in enumerate(rows):
        for t, v in points:
            shapes.append(
                f'<rect x="{x_of(server, t):.1f}" y="{i * height:.1f}"'
                f' width="{(W - 38) * server.step / (server.end - server.start):.1f}"'
                f' height="{height * 0.8:.1f}" fill="{color_of_step(panel, v)}"/>'
            )
        shapes.append(
            f'<text x="0" y="{(i + 0.7) * height:.1f}"'
            f' style="font-size:{min(8, 0.9 * height):.1f}px">{escape(name)}</text>'
        )
    return f'<svg viewBox="0 0 {W} {H}" preserveAspectRatio="none">{"".join(shapes)}</svg>'


def heatmap(server, panel):
    rows = {}
    for target in panel["targets"]:
        for name, points in server.series(target):
            rows[float(name)] = dict(points)
    if not rows:
        return nothing()
    bounds = sorted(rows)
    # cumulative as they come; what is in each alone
    cells = [
        (i, t, value - (rows[bounds[i - 1]].get(t, 0.0) if i else 0.0))
        for i, bound in enumerate(bounds)
        for t, value in rows[bound].items()
    ]
    most = max(v for *_, v in cells) or 1
    height = (H - 17) / len(bounds)
    shapes = [
        f'<rect x="{x_of(server, t):.1f}" y="{H - 12 - (i + 1) * height:.1f}"'
        f' width="{(W - 38) * server.step / (server.end - server.start):.1f}"'
        f' height="{height:.1f}" fill="#ff9830" fill-opacity="{v / most:.2f}"/>'
        for i, t, v in cells
        if v > 0
    ]
    finite = [b for b in bounds if math.isfinite(b)]
    unit = panel["fieldConfig"]["defaults"]["unit"]
    return plot(server, panel, shapes, finite[0], finite[-1], unit, [])


def table(server, panel):
    headings = panel["transformations"][1]["options"]["renameByName"]
    units = {
        o["matcher"]["options"]: o["properties"][0]["value"]
        for o in panel["fieldConfig"]["overrides"]
    }
    rows, columns = {}, []
    for target in panel["targets"]:
        heading = headings[f"Value #{target['refId']}"]
        columns.append(heading)
        for each in server.now(target):
            labels = {
                k: v
                for k, v in each["metric"].items()
                if k not in ("job", "instance", "__name__")
            }
            key = ", ".join(labels.values()) or '""'
            rows.setdefault(key, {})[heading] = float(each["value"][1])
    if not rows:
        return nothing()
    head = "".join(f"<th>{escape(c)}</th>" for c in ["", *columns])
    body = [
        f"<tr><td>{escape(key)}</td>"
        + "".join(
            f"<td>{escape(amount(row[c], units[c])) if c in row else ''}</td>"
            for c in columns
        )
        for key, row in sorted(rows.items())
    ]
    return f"<table><tr>{head}</tr>{''.join(body)}</table>"


KINDS = {
    "stat": stat, "timeseries": timeseries, "state-timeline": state_timeline,
    "heatmap": heatmap, "table": table,
}  # fmt: skip


def page(server, dashboard):
    parts = []
    for panel in dashboard["panels"]:
        at = panel["gridPos"]
        place = (
            f"grid-column:{at['x'] + 1}/span {at['w']};"
            f"grid-row:{at['y'] + 1}/span {at['h']}"
        )
        title = f"<h2>{escape(panel['title'])}</h2>"
        if panel["type"] == "row":
            parts.append(f'<section class="row" style="{place}">{title}</section>')
        else:
            inside = KINDS[panel["type"]](server, panel)
            parts.append(
                f'<section data-panel="{panel["id"]}" style="{place}">'
                f"{title}{inside}</section>"
            )
    return (
        f'<!doctype html><meta charset="utf-8"><title>{escape(dashboard["title"])}</title>'
        f"<style>{STYLE}</style><h1>{escape(dashboard['title'])}</h1>"
        f"<main>{''.join(parts)}</main>"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("prometheus")
    parser.add_argument("dashboard")
    parser.add_argument("--job")
    parser.add_argument("--instance")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--interval", default="1m")
    options = parser.parse_args()
    server = Server(options.prometheus, options)
    known = "flux_exporter_build_info"
    options.job = options.job or (server.values("job", known) or [""])[0]
    if not options.job:
        sys.exit(f"{options.prometheus} knows no {known}: has it scraped yet?")
    selector = f'{known}{{job="{options.job}"}}'
    options.instance = options.instance or server.values("instance", selector)[0]
    dashboard = json.loads((HERE / f"{options.dashboard}.json").read_text())
    print(page(server, dashboard))


main()
