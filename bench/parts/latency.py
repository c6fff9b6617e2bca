"""Scrapes: how long one takes, how many there can be, and what they cost,
beside nginx with the same bytes, node_exporter, and the exporters of PyPI.

Instances with few and with many jobs run side by side, and take turns with
the servers. `back to back` is as fast as one connection can ask; what is asked
`20 ms apart` is not shared with the scrape before.
"""

import sys
from contextlib import ExitStack
from time import sleep

import instance
import plan
from client import PAUSE, get, wrk
from servers import FluxMetricsApi, Nginx, NodeExporter, PrometheusFlux
from table import Row, at_least, at_most, per_second, seconds

KINDS = {
    "back to back": {},
    f"{PAUSE} ms apart": {"pause": PAUSE},
    "50 connections": {"connections": 50},
}


class Samples:
    """What the rounds saw of one server, by kind of load."""

    def __init__(self, server):
        self.server = server
        self.url = server.url
        self.loads = {kind: [] for kind in KINDS}
        self.cost = []

    def take(self, kind, length, cost):
        """A run of wrk; if asked, with what a scrape costs the processor."""
        idle = 0.0
        if cost:
            idle = -self.server.cpu()
            sleep(length)
            idle += self.server.cpu()
        before = self.server.cpu()
        load = wrk(self.url, seconds=length, **KINDS[kind])
        busy = self.server.cpu() - before
        self.loads[kind].append(load)
        if cost:
            idle *= load.seconds / length
            self.cost.append((busy - idle) / load.requests)

    def p50(self, kind="back to back"):
        return [load.p50 for load in self.loads[kind]]

    def rates(self):
        return [load.rate for load in self.loads["50 connections"]]

    def note(self, kind):
        """The 99th percentile."""
        worst = [load.p99 for load in self.loads[kind]]
        return f"p99 {seconds(Row('', worst).value)}"


def take_turns(all_samples, kinds=KINDS, length=plan.SECONDS, cost=True):
    """One round: what is compared follows each other."""
    for kind in kinds:
        for samples in all_samples:
            samples.take(kind, length, cost and "pause" in KINDS[kind])


def rows():
    table = measure(instance.Simulated, plan.SIMULATED)
    if not instance.FLUX:
        print(f"SKIPPED: scrapes in Flux: {instance.SKIPPED}", file=sys.stderr)
        return table
    return table + measure(instance.Flux, plan.FLUX)


def measure(kind, counts):
    with ExitStack() as stack:
        instances = [stack.enter_context(kind(jobs)) for jobs in counts]
        nginx = stack.enter_context(Nginx())
        for one in instances:
            one.load()
            one.settle()
        table = quiet(instances, nginx) + flowing(instances, nginx)
        return table + beside(instances[-1])


def quiet(instances, nginx):
    """Rows for each instance while nothing happens."""
    pairs = [(Samples(one), Samples(nginx)) for one in instances]
    for turn in range(plan.ROUNDS):
        for ours, theirs in pairs:
            theirs.url = nginx.serve(f"quiet-{id(ours)}-{turn}", get(ours.url))
        take_turns([samples for pair in pairs for samples in pair])
        progress("quiet", turn)
    table = []
    for ours, theirs in pairs:
        what = f"{label(ours)}, quiet"
        table += compare(what, ours, theirs, at_most(1.1), told(ours, pairs))
    return table + flat("quiet", pairs)


def flowing(instances, nginx):
    """Rows for each instance while events flow in it, and not in the others."""
    pairs = [(Samples(one), Samples(nginx)) for one in instances]
    flows = [[] for _ in instances]
    for turn in range(plan.ROUNDS):
        for (ours, theirs), one, flow in zip(pairs, instances, flows):
            flow.append(one.flow(plan.FLOW))
            theirs.url = nginx.serve(f"flowing-{id(ours)}-{turn}", get(ours.url))
            # the events cost too: what a scrape does cannot be told
            take_turns([ours, theirs], cost=False)
            progress(f"{label(ours)}, {flow[-1]:,.0f} events/s", turn)
            one.calm()
    table = []
    for (ours, theirs), flow in zip(pairs, flows):
        what = f"{label(ours)}, {Row('', flow).value:,.0f} events/s"
        table += compare(what, ours, theirs, at_most(1.5), told(ours, pairs))
    return table + flat("flowing", pairs, headline=False)


def told(ours, pairs):
    """Whether the README has the rows of this one: that with the most jobs, in
    Flux if there is one."""
    is_real = ours.server.name == "Flux" or not instance.FLUX
    return is_real and ours is pairs[-1][0]


def progress(what, turn):
    print(f"  {what}: round {turn + 1} of {plan.ROUNDS}", file=sys.stderr)


def label(samples):
    return f"{samples.server.name}, {samples.server.jobs:,} jobs"


def flat(condition, pairs, headline=True):
    """A row that compares the most jobs with the fewest."""
    few, many = pairs[0][0], pairs[-1][0]
    if few is many:
        return []
    what = f"{label(many)}, {condition}: scrape, back to back"
    others = f"{few.server.jobs:,} jobs"
    return [
        Row(
            what,
            many.p50(),
            seconds,
            others,
            few.p50(),
            at_most(1.1),
            headline=headline,
        )
    ]


def compare(what, ours, theirs, target, headline):
    """Rows for the module and nginx."""
    table = []
    for kind in KINDS:
        if kind == "50 connections":
            continue
        table.append(
            Row(
                f"{what}: scrape, {kind}",
                ours.p50(kind),
                seconds,
                "nginx",
                theirs.p50(kind),
                target,
                ours.note(kind),
                headline,
            )
        )
    table.append(
        Row(
            f"{what}: scrapes, 50 connections",
            ours.rates(),
            per_second,
            "nginx",
            theirs.rates(),
            at_least(1.0),
            headline=headline,
        )
    )
    return table + cost(what, ours, "nginx", theirs)


def cost(what, ours, name, theirs):
    """Without what is used when nobody asks.

    The module's is that of its process, which asks the broker nothing; that of
    the exporters of PyPI has in it what they have the broker do.
    """
    if not ours.cost:
        return []
    what = f"{what}: processor time of a scrape"
    return [Row(what, ours.cost, seconds, name, theirs.cost)]


def beside(one):
    """Rows for the other exporters, quiet."""
    peers = [(NodeExporter, list(KINDS))]
    if one.name == "Flux":
        # the first of them crashes when asked by two at a time
        single = ["back to back", f"{PAUSE} ms apart"]
        peers = [
            (lambda: PrometheusFlux(one), single),
            (lambda: FluxMetricsApi(one), single),
        ]
    table = []
    for make, kinds in peers:
        try:
            with make() as peer:
                table += alternate(one, peer, kinds)
        except (FileNotFoundError, RuntimeError) as error:
            print(f"SKIPPED: a peer: {error}", file=sys.stderr)
    return table


def alternate(one, peer, kinds):
    """Rows for the module and one of those."""
    ours, theirs = Samples(one), Samples(peer)
    for _ in range(plan.ROUNDS):
        take_turns([ours, theirs], kinds, plan.SLOW_SECONDS)
    what = f"{label(ours)}, quiet"
    table = []
    for kind in kinds:
        if kind == "50 connections":
            rates = (ours.rates(), per_second, peer.name, theirs.rates())
            table.append(Row(f"{what}: scrapes, {kind}", *rates))
        else:
            times = (ours.p50(kind), seconds, peer.name, theirs.p50(kind))
            headline = kind == "back to back"
            table.append(Row(f"{what}: scrape, {kind}", *times, headline=headline))
    return table + cost(what, ours, peer.name, theirs)
