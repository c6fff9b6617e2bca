#!/usr/bin/env python3
"""Looks at the page at / as people do, and compares it with /metrics.

    check.py CHROMIUM ADDRESS [PICTURES]

The instance at ADDRESS must be quiet, with two queues at least. Prints what
it wants done to it, `remove` or `load` the module, and reads a line when that
is done. PICTURES is a folder to leave pictures in.
"""

import re
import sys
import urllib.request
from pathlib import Path

from chromium import Browser

JOBS = ["run", "cleanup", "sched", "priority", "depend"]
NODES = ["allocated", "free", "draining", "drained", "down", "excluded"]
# The numbers of the page, as they are written.
READ = """(() => {
  const text = e => e ? e.textContent : null;
  const tile = id => text(document.querySelector(`#tile-${id} b`));
  const key = (id, name) => text([...document.querySelectorAll(`#chart-${id} [data-key]`)].find(e => e.dataset.key === name));
  const table = id => [...document.querySelectorAll(`#${id} tbody tr`)].map(r => [...r.cells].map(text));
  return {
    tiles: Object.fromEntries(["running", "pending", "blocked", "nodes", "wanted"].map(id => [id, tile(id)])),
    jobs: Object.fromEntries(%s.map(k => [k, key("jobs", k)])),
    nodes: Object.fromEntries(%s.map(k => [k, key("nodes", k)])),
    queues: table("queues"), times: table("times"),
    pending: Object.fromEntries([...document.querySelectorAll("#chart-queues [data-key]")].map(e => [e.dataset.key, text(e)])),
    collectors: text(document.querySelector("[data-health=collectors]")),
    status: text(document.getElementById("status")),
  };
})()""" % (JOBS, NODES)
LIVE = "document.getElementById('status')?.className === 'live'"
BAD = "document.getElementById('status')?.className === 'bad'"


class Metrics:
    SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.M)
    LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

    def __init__(self, url):
        with urllib.request.urlopen(url, timeout=30) as response:
            text = response.read().decode()
        unescape = lambda v: re.sub(r"\\(.)", r"\1", v)
        self.samples = [
            (name, {k: unescape(v) for k, v in self.LABEL.findall(labels)}, float(value))
            for name, labels, value in self.SAMPLE.findall(text)
        ]

    def series(self, family, **labels):
        return [
            (of, value)
            for name, of, value in self.samples
            if name == family and labels.items() <= of.items()
        ]

    def sum(self, family, **labels):
        return sum(value for _, value in self.series(family, **labels))


def same(what, shown, expected):
    assert shown == expected, f"{what}: the page says {shown!r}, /metrics {expected!r}"


def number(value):
    return f"{value:,.0f}"


def compare(page, url):
    """Every number that the page shows is that of /metrics."""
    page.wait("a live page", LIVE)
    metrics = Metrics(f"{url}metrics")
    # drawn from an answer after that one, of an instance that is quiet
    before = page.run("document.getElementById('status').textContent")
    page.wait("another answer", f"{LIVE} && document.getElementById('status').textContent !== {before!r}")
    shown = page.run(READ)
    autoscale = lambda name: number(metrics.sum(f"flux_autoscale_{name}"))
    nodes = {s: metrics.sum("flux_nodes", state=s) for s in NODES}
    used, all_nodes = nodes["allocated"] + nodes["draining"], sum(nodes.values())
    same("tiles", shown["tiles"], {
        "running": number(metrics.sum("flux_jobs", state="run")),
        "pending": autoscale("pending_jobs"),
        "blocked": number(metrics.sum("flux_jobs_blocked")),
        "nodes": f"{number(used)} of {number(all_nodes)}",
        "wanted": autoscale("nodes_wanted"),
    })  # fmt: skip
    jobs = {s: number(metrics.sum("flux_jobs", state=s)) for s in JOBS}
    same("jobs", shown["jobs"], jobs)
    same("nodes", shown["nodes"], {s: number(n) for s, n in nodes.items()})
    queues = {}
    for labels, started in metrics.series("flux_queue_started"):
        of = {"queue": labels["queue"]}
        marks = [] if started else ["stopped"]
        marks += [] if metrics.sum("flux_queue_enabled", **of) else ["disabled"]
        queues[labels["queue"] + (" " + ", ".join(marks) if marks else "")] = [
            number(metrics.sum("flux_jobs", **of, state="run")),
            number(metrics.sum("flux_queue_pending_jobs", **of)),
            number(metrics.sum("flux_jobs_blocked", **of)),
            f"{number(metrics.sum('flux_queue_nodes_wanted', **of))}"
            f" of {number(metrics.sum('flux_queue_nodes', **of))}",
        ]
    # the oldest wait goes on
    rows = {row[0]: row[1:4] + row[5:] for row in shown["queues"]}
    same("queues", rows, queues)
    same("pending", shown["pending"], {
        of["queue"]: number(value) for of, value in metrics.series("flux_queue_pending_jobs")
    })  # fmt: skip
    # nothing happened since it was opened: so all that the module has seen
    counts = [
        number(metrics.sum(f"flux_job_{of}_seconds_count"))
        for of in ["wait", "eligible_wait", "launch", "run", "cleanup"]
    ]
    same("times", [row[1] for row in shown["times"]], counts)
    down = [of["collector"] for of, v in metrics.series("flux_exporter_collector_up") if not v]
    ups = len(metrics.series("flux_exporter_collector_up"))
    expected = f"down: {', '.join(down)}" if down else f"{ups} up"
    same("collectors", shown["collectors"], expected)
    print(f"the same as /metrics: {sum(map(len, [shown['tiles'], jobs, nodes]))} numbers and "
          f"{len(rows)} queues", flush=True)  # fmt: skip


def quantiles(page, url):
    """The median is Prometheus's histogram_quantile."""
    metrics = Metrics(f"{url}metrics")
    bounds = {}
    for of, value in metrics.series("flux_job_run_seconds_bucket"):
        bound = float(of["le"].replace("+Inf", "inf"))
        bounds[bound] = bounds.get(bound, 0) + value
    (*_, all_jobs) = (bounds[b] for b in sorted(bounds))
    assert all_jobs, "no job has finished: the test has to see to that"
    low = before = 0
    for bound in sorted(bounds):
        if bounds[bound] >= all_jobs / 2:
            break
        low, before = bound, bounds[bound]
    median = low + (bound - low) * (all_jobs / 2 - before) / (bounds[bound] - before)
    times = page.run(READ)["times"]
    assert median < 1, "see duration() in page.js for others"
    same("median run time", times[3][2], f"{median * 1000:.3g} ms")


def colours(page, dark):
    """Text can be read: WCAG's contrast, AA at least."""
    page.wait("the scheme", f"matchMedia('(prefers-color-scheme: dark)').matches === {str(dark).lower()}")
    parse = lambda text: [int(n) / 255 for n in re.findall(r"\d+", text)[:3]]
    line = lambda c: c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
    light = lambda rgb: sum(f * line(c) for f, c in zip((0.2126, 0.7152, 0.0722), rgb))
    for element in [".tile b", ".tile span", "figcaption h2", "#live td", "#live th", "footer"]:
        ink, card = page.run(
            f"(e => [getComputedStyle(e).color, getComputedStyle(e.closest('.tile, figure, section[id]') || document.body).backgroundColor])(document.querySelector({element!r}))"
        )
        a, b = sorted([light(parse(ink)), light(parse(card))])
        assert (b + 0.05) / (a + 0.05) > 4.5, f"{element}: {ink} on {card}"
        assert light(parse(card)) < 0.1 if dark else light(parse(card)) > 0.8, card


def ask(what):
    print(f"> {what}", flush=True)
    assert sys.stdin.readline(), "nobody there"


def main():
    program, address, *pictures = sys.argv[1:]
    url = f"http://{address}/"
    with Browser(program) as browser:
        page = browser.page()
        page.screen(1180, 1000)
        page.open(url)
        compare(page, url)
        quantiles(page, url)
        colours(page, dark=False)
        same("plots", page.run("document.querySelectorAll('figure:not([hidden]) svg path').length > 4"), True)
        if pictures:
            page.picture(Path(pictures[0], "light.png"), whole=True)

        page.screen(390, 844, dark=True, phone=True)
        colours(page, dark=True)
        wide = page.run("document.documentElement.scrollWidth")
        assert wide <= 390, f"a phone has to scroll: {wide}"
        tables = "[...document.querySelectorAll('.wide')].every(e => e.scrollWidth <= e.clientWidth)"
        same("tables fit", page.run(tables), True)
        if pictures:
            page.picture(Path(pictures[0], "phone.png"))
        page.screen(1180, 1000)
        same("complaints", page.complaints, [])
        print("no complaint of the browser, on a desk and on a phone", flush=True)

        # nobody looks: nothing is asked
        hide = "Object.defineProperty(document, 'hidden', {{ value: {}, configurable: true }}); document.dispatchEvent(new Event('visibilitychange'))"
        page.run(hide.format("true"))
        page.wait("a pause", "document.getElementById('status').textContent === 'paused'")
        page.run("new Promise(done => setTimeout(done, 500))")
        asked = page.requests
        page.run("new Promise(done => setTimeout(done, 7000))")
        same("requests while hidden", page.requests, asked)
        page.run(hide.format("false"))
        page.wait("a live page", LIVE)
        print("it pauses while nobody looks", flush=True)

        # a reader who may not
        page.call("Fetch.enable", patterns=[{"urlPattern": "*/metrics"}])
        page.answer = 401
        page.wait("a word about the login", f"{BAD} && document.getElementById('status').textContent.includes('login')")
        page.answer = None
        page.wait("a live page", LIVE)
        page.call("Fetch.disable")
        page.complaints.clear()

        ask("remove")
        page.wait("a word about the endpoint", f"{BAD} && document.getElementById('status').textContent.includes('does not answer; the numbers are those of')")
        ask("load")
        page.wait("a live page", LIVE)
        refused = [c for c in page.complaints if "ERR_CONNECTION" not in c and "ERR_EMPTY" not in c]
        same("complaints", refused, [])
        page.complaints.clear()
        compare(page, url)
        same("complaints", page.complaints, [])
        print("it recovers when the endpoint is back", flush=True)

        page.open("about:blank")
        page.wait("an empty page", "location.href === 'about:blank'")
        page.call("Emulation.setScriptExecutionDisabled", value=True)
        page.open(url)
        text = page.wait("the page", "document.querySelector('footer a') && document.body.innerText")
        for word in ["ready", "flux-prometheus", "metrics", "autoscale", "need JavaScript"]:
            assert word in text, f"without JavaScript: no {word}: {text}"
        print("without JavaScript it has the links", flush=True)


main()
