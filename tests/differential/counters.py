"""What is counted since the module was loaded, by the eventlogs."""

from collections import defaultdict

from words import BOUNDS, CAUSES, RESULTS, TYPES, kind, series

TIMES = ("wait", "eligible_wait", "launch", "run", "cleanup")


def count(truth):
    want, since = truth.want, truth.base[1]
    n = defaultdict(int)
    seconds = defaultdict(list)
    for job in truth.jobs:
        one(job, since, n, seconds)
    for (name, severity), times in exceptions(truth.jobs, since).items():
        labels = {"type": name, "severity": severity}
        want[series("flux_job_exceptions_total", **labels)] = times
    for queue in truth.queues:
        for name in ("submitted", "allocated"):
            of = series(f"flux_jobs_{name}_total", queue=queue)
            want[of] = n[name, queue]
        for cause in set(CAUSES.values()) | {"exit", "signal", "other"}:
            of = series("flux_job_failures_total", queue=queue, cause=cause)
            want[of] = n[cause, queue]
        for name in TIMES:
            histogram(want, name, queue, seconds[name, queue])
    results(truth, n)
    integrals(truth)


def one(job, since, n, seconds):
    """Counts what became of one job."""
    queue = job.first_queue
    first = {}
    end = None
    for event in job.events:
        at, name = event["timestamp"], event["name"]
        new = name not in first
        first.setdefault(name, at)
        context = event.get("context", {})
        if name == "jobspec-update":
            queue = context.get("attributes.system.queue", queue)
        fatal = name == "exception" and context["severity"] == 0
        if (fatal or name == "finish") and end is None:
            end = at
        if at <= since:
            continue

        def took(what, begin, until=at, queue=queue):
            if begin is not None:
                seconds[what, queue].append(until - begin)

        if name == "validate":
            n["submitted", queue] += 1
        elif name == "alloc" and new:
            n["allocated", queue] += 1
            took("wait", first["submit"])
            took("eligible_wait", first.get("priority"))
        elif name == "start" and new:
            took("launch", first.get("alloc"))
        elif name == "finish" and new:
            took("run", first.get("start"))
        elif name == "clean":
            if "alloc" in first:
                took("cleanup", end)
            if "start" in first and "finish" not in first:
                took("run", first["start"], end)
            result = RESULTS[job.listed["result"]]
            n[result, queue] += 1
            if result == "failed":
                n[job.cause(), queue] += 1


def exceptions(jobs, since):
    n = defaultdict(int)
    for job in jobs:
        for event in job.events:
            if event["name"] == "exception" and event["timestamp"] > since:
                context = event["context"]
                n[kind(context), context["severity"]] += 1
    for name in TYPES | {"other"}:
        n[name, 0] += 0
    return n


def histogram(want, name, queue, times):
    name = f"flux_job_{name}_seconds"
    # times are kept as microseconds, none less than 0
    times = [max(0.0, round(t, 6)) for t in times]
    for bound in BOUNDS:
        of = series(f"{name}_bucket", queue=queue, le=bound)
        want[of] = sum(t <= float(bound) for t in times)
    want[series(f"{name}_bucket", queue=queue, le="+Inf")] = len(times)
    want[series(f"{name}_count", queue=queue)] = len(times)
    tolerance = 2e-6 * (1 + len(times))
    want[series(f"{name}_sum", queue=queue)] = [sum(times), 0, tolerance]


def results(truth, n):
    """By job-list's own counts; the eventlogs have to say the same."""
    stats, since = truth.rpc("job-list.job-stats"), truth.stats

    def of(stats, queue):
        named = {q["name"]: q for q in stats["queues"]}
        return named[queue] if queue else stats

    want, finished = truth.want, "flux_jobs_finished_total"
    for queue in truth.queues:
        now, then = of(stats, queue), of(since, queue)
        for result in RESULTS.values():
            key = "successful" if result == "completed" else result
            labels = {"queue": queue, "result": result}
            over = now[key] - then[key]
            assert over == n[result, queue], (queue, result, over, n)
            want[series(finished, **labels)] = over
            want[series("flux_jobs_retained", **labels)] = now[key]
        want[series(finished, queue=queue, result="unknown")] = 0


def integrals(truth):
    """Node-seconds and siblings: what went on at the base began there."""
    (before, base), now = truth.base, truth.now
    for i, name in enumerate(("node", "core", "gpu")):
        for queue in truth.queues:
            total = growth = unsure = 0
            for job in truth.jobs:
                begin = job.first.get("alloc")
                if job.queue != queue or begin is None:
                    continue
                end = job.freed or now
                n = job.has()[i]
                total += n * max(0.0, end - max(begin, base))
                growth += n if job.freed is None else 0
                if begin < base < end:
                    unsure += n * (base - before)
            of = series(f"flux_job_{name}_seconds_total", queue=queue)
            truth.want[of] = [total, growth, 0.02 + unsure + 0.005 * growth]
