"""How soon a submitted job shows in a scrape.

The reply to a submission comes after the job's first event, and later the more
jobs come in at once; from the reply on, only the module counts.
"""

import json
import re
import sys
import time

import instance
import plan
from client import get
from table import Row, Target, seconds

TARGET = Target(0.010, absolute=True, text="10 ms")


def rows():
    with instance.Simulated() as one:
        one.load()
        table = show(one, [submit(one) for _ in range(plan.FRESH_JOBS)])
    if not instance.FLUX:
        print(f"SKIPPED: freshness in Flux: {instance.SKIPPED}", file=sys.stderr)
        return table
    with instance.Flux() as one:
        one.load()
        return table + show(
            one, json.loads(one.python("fresh", one.url, plan.FRESH_JOBS))
        )


def submit(one):
    """Seconds from the command, and from its end, until a scrape shows it."""
    before = submitted(one)
    asked = time.monotonic()
    one.run("submit", "-n1", "--queue=debug", "true")
    replied = time.monotonic()
    while submitted(one) == before:
        if time.monotonic() > replied + 10:
            raise RuntimeError("a job never showed")
    seen = time.monotonic()
    return seen - asked, seen - replied


def submitted(one):
    page = get(one.url).decode()
    counts = re.findall(r"^flux_jobs_submitted_total\{.*\} (\S+)", page, re.M)
    return sum(map(float, counts))


def worst(times):
    """The 99th percentile of what is sorted."""
    return times[min(len(times) - 1, int(len(times) * 0.99))]


def show(one, times):
    asked, replied = map(sorted, zip(*times))
    table = [
        Row(f"{one.name}: a job shows, after the reply, p50", replied, seconds),
        Row(
            f"{one.name}: a job shows, after the reply, p99",
            [worst(replied)],
            seconds,
            target=TARGET,
            headline=True,
        ),
    ]
    if one.name == "Flux":
        what = f"{one.name}: a job shows, after the request, p50"
        table.append(Row(what, asked, seconds, note=f"p99 {seconds(worst(asked))}"))
    return table
