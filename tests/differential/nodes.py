"""Nodes, cores and GPUs by state, by the resource module's own words."""

import time
from collections import defaultdict

from flux.idset import IDset
from words import NODE_STATES, series


def parts(R):
    """Cores and GPUs by rank."""
    have = {}
    for part in R["execution"]["R_lite"]:
        children = part["children"]
        for rank in IDset(part["rank"]):
            cores, gpus = have.get(rank, (0, 0))
            cores += len(IDset(children.get("core", "")))
            gpus += len(IDset(children.get("gpu", "")))
            have[rank] = (cores, gpus)
    return have


def allocated(truth):
    """Cores and GPUs in use by rank, by the jobs and by the scheduler."""
    jobs = defaultdict(lambda: (0, 0))
    for job in truth.jobs:
        for rank, (cores, gpus) in job.ranks.items() if job.owns() else ():
            c, g = jobs[rank]
            jobs[rank] = (c + cores, g + gpus)
    until = time.time() + 2
    while True:
        sched = parts(truth.rpc("resource.sched-status")["allocated"])
        truth.leak = sched != jobs
        if not truth.leak or time.time() > until:
            return jobs
        time.sleep(0.1)


def time_busy(truth, used):
    """The time that nodes had a job, by the eventlogs."""
    before, base = truth.base
    spans = defaultdict(list)
    for job in truth.jobs:
        if "alloc" in job.first:
            begin = max(job.first["alloc"], base)
            end = job.freed or truth.now
            for rank in job.ranks if begin < end else ():
                spans[rank].append((begin, end))
    total = 0
    for of_rank in spans.values():
        until = 0
        for begin, end in sorted(of_rank):
            total += max(0, end - max(begin, until))
            until = max(end, until)
    # since when it is kept is known as well as when the module was loaded
    unsure = len(spans) * (base - before) + 0.05
    return [total, len(used), unsure]


def count(truth):
    """Returns the ranks of each queue, and the sizes of the largest node."""
    want = truth.want
    status = truth.rpc("resource.status")
    every, used = parts(status["R"]), allocated(truth)

    drained = {r for idset in status["drain"] for r in IDset(idset)}
    down = set(IDset(status["offline"])) | set(IDset(status["torpid"]))
    excluded = set(IDset(status["exclude"]))
    states = {}
    n = {what: defaultdict(int) for what in ("nodes", "cores", "gpus")}
    for rank, (cores, gpus) in every.items():
        busy = rank in used
        state = rest = "free"
        if rank in excluded:
            state = rest = "excluded"
        elif rank in down:
            state = rest = "down"
        elif rank in drained:
            state, rest = ("draining" if busy else "drained"), "drained"
        elif busy:
            state = "allocated"
        states[rank] = state
        c, g = used.get(rank, (0, 0))
        n["nodes"][state] += 1
        n["cores"][state] += c
        n["gpus"][state] += g
        n["cores"][rest] += cores - c
        n["gpus"][rest] += gpus - g
    for what, by_state in n.items():
        for state in NODE_STATES:
            want[series(f"flux_{what}", state=state)] = by_state[state]

    properties = status["R"]["execution"].get("properties", {})
    of_queue = {}
    for queue in truth.queues:
        ranks = set(every)
        for name in truth.queues[queue]:
            ranks &= set(IDset(properties.get(name, "")))
        of_queue[queue] = ranks - excluded
        for state in NODE_STATES:
            labels = {"queue": queue, "state": state}
            all_of_it = sum(states[rank] == state for rank in ranks)
            want[series("flux_queue_nodes", **labels)] = all_of_it

    before, base = truth.base
    total = len(every) * (truth.now - base)
    unsure = len(every) * (base - before + 2)
    seconds = "sum flux_node_state_seconds_total"
    want[seconds] = [total, len(every), unsure]
    want[f"{seconds} allocated draining"] = time_busy(truth, used)
    for event, times in truth.drains.items():
        want[series("flux_node_transitions_total", event=event)] = times
    want["flux_autoscale_free_nodes"] = n["nodes"]["free"]
    return of_queue, [max(sizes) for sizes in zip(*every.values())]
