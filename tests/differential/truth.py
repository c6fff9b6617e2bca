"""What Flux says of itself, turned into what /metrics has to say.

From job-list, the eventlogs, jobspecs and Rs, the resource module and the
queues; after the definitions in docs/metrics.md, and not after the module's
code.

A series is expected to have a value, or a value that grows with time:
[value, growth a second, tolerance], at the time "now".
"""

import json
import time
from collections import defaultdict

import counters
import demand
import nodes
from flux.idset import IDset
from words import CAUSES, STATES, kind, series


class Job:
    """One job, by its eventlog and what belongs to it."""

    def __init__(self, listed, events, jobspec, R):
        self.listed = listed
        self.events = events
        self.state = STATES.get(listed["state"])
        self.queue = listed.get("queue", "")
        system = jobspec["attributes"].get("system", {})
        self.first_queue = system.get("queue", "")
        self.resources = jobspec["resources"]
        self.ranks = {}
        for part in R["execution"]["R_lite"] if R else []:
            have = part["children"]
            cores, gpus = (len(IDset(have.get(k, ""))) for k in ("core", "gpu"))
            for rank in IDset(part["rank"]):
                self.ranks[rank] = (cores, gpus)
        first = {}
        for event in events:
            first.setdefault(event["name"], event["timestamp"])
        self.first = first
        freed = [e["timestamp"] for e in events if e["name"] == "free"]
        self.freed = freed[-1] if freed else None

    def has(self):
        """Nodes, cores and GPUs that it was given."""
        parts = self.ranks.values()
        return len(parts), sum(p[0] for p in parts), sum(p[1] for p in parts)

    def asks(self):
        """Nodes (or None), slots, cores, GPUs, and whether whole nodes."""
        top = self.resources[0]
        nodes = top["count"] if top["type"] == "node" else None
        slot = top["with"][0] if nodes else top
        slots = slot["count"] * (nodes or 1)
        per = {r["type"]: r["count"] for r in slot["with"]}
        gpus = slots * per.get("gpu", 0)
        whole = top["type"] == "node" and top.get("exclusive", False)
        return nodes, slots, slots * per["core"], gpus, whole

    def held(self):
        keys = ("urgency", "priority")
        return self.state == "sched" and 0 in map(self.listed.get, keys)

    def owns(self):
        return "alloc" in self.first and self.freed is None

    def cause(self):
        raised = [e["context"] for e in self.events if e["name"] == "exception"]
        fatal = [kind(c) for c in raised if c["severity"] == 0]
        if fatal:
            return CAUSES.get(fatal[0], "other")
        done = [e["context"] for e in self.events if e["name"] == "finish"]
        if not done or done[-1]["status"] == 0:
            return "other"
        code, signal = done[-1]["status"] >> 8, done[-1]["status"] & 0x7F
        return "signal" if signal or 129 <= code <= 192 else "exit"


class Truth:
    def __init__(self, h, queues):
        self.h = h
        self.queues = queues
        self.over = {}
        self.gaps = 0
        # whether the scheduler takes more for allocated than jobs have
        self.leak = False
        self.begin(time.time())

    def begin(self, before):
        """The module was loaded between `before` and now."""
        self.base = (before, time.time())
        self.stats = self.rpc("job-list.job-stats")
        self.resyncs = 0
        self.drains = {"drain": 0, "undrain": 0}

    def rpc(self, topic, payload=None):
        return self.h.rpc(topic, payload or {}).get()

    def take(self):
        """All series that are expected, and the time."""
        self.want = {}
        self.jobs = self.read()
        self.now = time.time()
        self.gauges()
        counters.count(self)
        self.ask_queues()
        demand.count(self, *nodes.count(self))
        self.exporter()
        return {"now": self.now, "want": self.want}

    def read(self):
        payload = {"max_entries": 0, "attrs": ["all"], "constraint": {}}
        listed = self.rpc("job-list.list", payload)["jobs"]
        new = [job for job in listed if job["id"] not in self.over]
        asked = [self.lookup(job["id"], "eventlog", "jobspec") for job in new]
        logs = []
        for future in asked:
            reply = future.get()
            events = [json.loads(e) for e in reply["eventlog"].splitlines()]
            logs.append((events, json.loads(reply["jobspec"])))
        asked = [
            any(e["name"] == "alloc" for e in events)
            and self.lookup(job["id"], "R")
            for job, (events, _) in zip(new, logs)
        ]
        jobs = list(self.over.values())
        for job, (events, jobspec), R in zip(new, logs, asked):
            R = json.loads(R.get()["R"]) if R else None
            known = Job(job, events, jobspec, R)
            jobs.append(known)
            if known.state is None:
                self.over[job["id"]] = known
        return jobs

    def lookup(self, jobid, *keys):
        payload = {"id": jobid, "keys": list(keys), "flags": 0}
        return self.h.rpc("job-info.lookup", payload)

    def gauges(self):
        want = self.want
        for queue in self.queues:
            for state in STATES.values():
                names = ("jobs", "job_nodes", "job_cores", "job_gpus")
                for name in names:
                    key = series(f"flux_{name}", queue=queue, state=state)
                    want[key] = 0
        for job in self.jobs:
            if job.state is None:
                continue
            asks = job.asks()
            size = (asks[0] or 0, asks[2], asks[3])
            if "alloc" in job.first:
                size = job.has() if job.owns() else (0, 0, 0)
            labels = {"queue": job.queue, "state": job.state}
            want[series("flux_jobs", **labels)] += 1
            for name, n in zip(("nodes", "cores", "gpus"), size):
                want[series(f"flux_job_{name}", **labels)] += n

    def ask_queues(self):
        self.started = {}
        for name in self.queues:
            payload = {"name": name} if name else {}
            status = self.rpc("job-manager.queue-status", payload)
            self.started[name] = status["start"]
            for key, said in (("enabled", "enable"), ("started", "start")):
                of = series(f"flux_queue_{key}", queue=name)
                self.want[of] = int(status[said])
        blocked = defaultdict(int)
        for job in self.jobs:
            if job.state == "depend":
                blocked[job.queue, "dependency"] += 1
            elif job.held():
                blocked[job.queue, "held"] += 1
            elif job.state == "sched" and not self.started[job.queue]:
                blocked[job.queue, "queue_stopped"] += 1
        for name in self.queues:
            for reason in ("dependency", "held", "queue_stopped"):
                of = series("flux_jobs_blocked", queue=name, reason=reason)
                self.want[of] = blocked[name, reason]

    def exporter(self):
        want = self.want
        for state in STATES.values():
            want[series("flux_exporter_drift_jobs", state=state)] = 0
        for kind in ("line", "event", "jobspec", "resources"):
            name = "flux_exporter_journal_malformed_total"
            want[series(name, kind=kind)] = 0
        want["flux_exporter_journal_resyncs_total"] = self.resyncs
        want["sum flux_exporter_dropped_series_total"] = 0
        if self.resyncs == 0:
            want["sum flux_exporter_collector_errors_total"] = 0
