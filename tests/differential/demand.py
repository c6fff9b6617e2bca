"""What autoscalers read: what jobs have, and what pending ones ask for."""

import math
from fractions import Fraction

from words import series


class Numbers:
    def __init__(self):
        self.pending = self.running = self.impossible = 0
        self.nodes = self.cores = self.gpus = self.largest = 0
        self.impossible_nodes = 0
        self.parts = Fraction(0)
        self.ranks = set()
        self.since = []

    def has(self, job):
        self.running += 1
        if job.owns():
            _, cores, gpus = job.has()
            self.ranks |= set(job.ranks)
            self.cores += cores
            self.gpus += gpus

    def asks(self, job, ranks, node):
        """`ranks` are for the job, and `node` is the size of the largest."""
        nodes, slots, cores, gpus, whole = job.asks()
        pieces = nodes or slots
        per = (math.ceil(cores / pieces), math.ceil(gpus / pieces))
        room = min(have // part for have, part in zip(node, per) if part)
        least = nodes or math.ceil(slots / max(room, 1))
        total = [len(ranks) * have for have in node]
        fits = room and least <= len(ranks)
        if not (fits and cores <= total[0] and gpus <= total[1]):
            self.impossible += 1
            self.impossible_nodes += least
            return
        if whole:
            cores = max(cores, nodes * node[0])
            gpus = max(gpus, nodes * node[1])
        self.pending += 1
        self.cores += cores
        self.gpus += gpus
        self.largest = max(self.largest, least)
        self.since.append(job.first["priority"])
        if nodes:
            self.nodes += nodes
        else:
            self.parts += Fraction(slots, room)

    def series(self, now, base):
        oldest = 0
        if self.since:
            oldest = [now - min(self.since), 1, 0.05]
        wanted = len(self.ranks) + self.nodes + math.ceil(self.parts)
        want = {
            "pending_jobs": self.pending,
            "active_jobs": self.pending + self.running,
            "nodes_wanted": wanted,
            "cores_wanted": self.cores,
            "gpus_wanted": self.gpus,
            "largest_pending_nodes": self.largest,
            "oldest_pending_seconds": oldest,
            "impossible_jobs": self.impossible,
            "impossible_nodes": self.impossible_nodes,
        }
        # since when is not known here, but not since before the module;
        # a scrape may be some seconds later
        half = 0.5 * (now - base)
        busy = self.pending + self.running > 0
        want["idle_seconds"] = 0 if busy else [half, 0.5, half + 10]
        return want


def count(truth, of_queue, node):
    everything, base = Numbers(), truth.base[0]
    for queue, ranks in of_queue.items():
        own = Numbers()
        for job in truth.jobs:
            if job.queue != queue:
                continue
            for numbers in (own, everything):
                if job.state in ("run", "cleanup"):
                    numbers.has(job)
                elif job.state != "sched" or job.held():
                    continue
                elif truth.started[queue]:
                    numbers.asks(job, ranks, node)
        for name, value in own.series(truth.now, base).items():
            truth.want[series(f"flux_queue_{name}", queue=queue)] = value
    for name, value in everything.series(truth.now, base).items():
        truth.want[f"flux_autoscale_{name}"] = value
