"""A consumer of the job journal as one would write it in Python.

usage: flux python journal.py FILE PASSES

Applies the responses in FILE, one a line, so often, and prints as JSON what
that cost and came to: the same totals as bench/replay.rs, which also keeps
others. Events are flux.job's own class, as its JournalConsumer makes them.
"""

import bisect
import json
import sys
import time
from collections import Counter

from flux.hostlist import Hostlist
from flux.idset import IDset
from flux.job.journal import JournalEvent

BOUNDS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 1800, 3600, 7200]
BOUNDS += [14400, 28800, 43200, 86400, 172800, 604800]

NEXT = {"validate": "depend", "depend": "priority", "finish": "cleanup"}


class Histogram:
    def __init__(self):
        self.counts = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0

    def observe(self, value):
        self.counts[bisect.bisect_left(BOUNDS, value)] += 1
        self.sum += value


class Job:
    def __init__(self, queue):
        self.queue = queue
        self.state = "new"
        self.submit = self.start = None
        self.success = False
        self.severity, self.exception = 8, None
        self.nodes = self.cores = 0

    def result(self):
        if self.success:
            return "completed"
        known = {"cancel": "canceled", "timeout": "timeout"}
        return known.get(self.exception, "failed")


class Consumer:
    def __init__(self):
        self.jobs = {}
        self.events = 0
        self.active = Counter()
        self.submitted, self.allocated = Counter(), Counter()
        self.finished = Counter()
        self.nodes, self.cores = Counter(), Counter()
        self.wait, self.run = Histogram(), Histogram()

    def respond(self, line):
        response = json.loads(line)
        jobid, spec, R = (response.get(k) for k in ("id", "jobspec", "R"))
        job = self.jobs.get(jobid)
        if job is None:
            system = spec["attributes"]["system"]
            job = self.jobs[jobid] = Job(system.get("queue", ""))
        else:
            self.active[job.queue, job.state] -= 1
        for entry in response["events"]:
            self.apply(job, JournalEvent(jobid, entry, jobspec=spec, R=R))
            self.events += 1
        if job.state == "inactive":
            del self.jobs[jobid]
        else:
            self.active[job.queue, job.state] += 1

    def apply(self, job, event):
        name, t = event.name, event.timestamp
        job.state = NEXT.get(name, job.state)
        if name == "submit":
            job.submit = t
        elif name == "validate":
            self.submitted[job.queue] += 1
        elif name == "priority":
            job.state = "sched" if job.state == "priority" else job.state
        elif name == "alloc":
            job.state = "run" if job.state == "sched" else job.state
            self.allocated[job.queue] += 1
            self.wait.observe(max(0, t - job.submit))
            execution = event.R["execution"]
            for lite in execution["R_lite"]:
                cores = len(IDset(lite["children"]["core"]))
                job.cores += len(IDset(lite["rank"])) * cores
            job.nodes = sum(len(Hostlist(h)) for h in execution["nodelist"])
            self.nodes[job.queue] += job.nodes
            self.cores[job.queue] += job.cores
        elif name == "start":
            job.start = t
        elif name == "finish":
            if event.context["status"] == 0 and job.severity > 0:
                job.success = True
            if job.start is not None:
                self.run.observe(max(0, t - job.start))
        elif name == "exception":
            severity = event.context["severity"]
            if severity < job.severity:
                job.severity, job.exception = severity, event.context["type"]
            if severity == 0:
                job.state = "cleanup"
        elif name == "free":
            self.nodes[job.queue] -= job.nodes
            self.cores[job.queue] -= job.cores
        elif name == "clean":
            self.finished[job.result()] += 1
            job.state = "inactive"
        elif name == "invalidate":
            job.state = "inactive"
        elif name == "jobspec-update":
            update = event.context.get("attributes.system.queue")
            job.queue = job.queue if update is None else update

    def totals(self):
        results = ["completed", "failed", "canceled", "timeout", "unknown"]
        return {
            "active": sum(n for (_, s), n in self.active.items() if s != "new"),
            "submitted": sum(self.submitted.values()),
            "allocated": sum(self.allocated.values()),
            "finished": {result: self.finished[result] for result in results},
            "wait": sum(self.wait.counts),
            "wait_sum": self.wait.sum,
            "run": sum(self.run.counts),
            "run_sum": self.run.sum,
        }


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        lines = file.readlines()
    consumer = Consumer()
    before = time.process_time()
    for _ in range(int(sys.argv[2])):
        for line in lines:
            consumer.respond(line)
    cpu = time.process_time() - before
    result = {"events": consumer.events, "cpu": cpu, "totals": consumer.totals()}
    print(json.dumps(result))


main()
