"""Jobs for an instance of Flux: what bench/run does inside of it.

usage: flux python jobs.py fill N          N jobs that wait
                           feed            so many jobs a second as stdin says
                           throughput N    jobs per second of N jobs
                           fresh URL N     submits N jobs and looks for each
                           record N        the journal while N jobs run
"""

import http.client
import json
import re
import select
import sys
import time
import urllib.parse

import flux
import flux.constants
import flux.job


def jobspec(queue="debug"):
    """A job that only exists on paper, for a millisecond."""
    spec = flux.job.JobspecV1.from_command(["true"], num_tasks=1)
    spec.setattr("system.exec.test.run_duration", "0.001s")
    spec.setattr("system.queue", queue)
    spec.environment = {}
    return spec.dumps()


def submit(handle, count, queue="debug", **options):
    spec = jobspec(queue)
    sent = [flux.job.submit_async(handle, spec, **options) for _ in range(count)]
    return [future.get_id() for future in sent]


def fill(handle, count):
    for start in range(0, count, 1000):
        submit(handle, min(1000, count - start), "batch", urgency=0)


def feed(handle):
    """Submits in small bunches, and waits for the replies to each."""
    print("ready", flush=True)
    rate, due = 0.0, time.monotonic()
    while True:
        ready, _, _ = select.select([sys.stdin], [], [], 0.02 if rate else None)
        if ready:
            line = sys.stdin.readline()
            if not line:
                return
            rate, due = float(line), time.monotonic()
        # what could not be sent in time is not made up for
        now = time.monotonic()
        due = max(due, now - 0.2)
        count = int((now - due) * rate)
        if count:
            due += count / rate
            submit(handle, count)


def drain(handle):
    handle.rpc("job-manager.drain").get()


def throughput(handle, count):
    start = time.monotonic()
    submit(handle, count)
    drain(handle)
    print(count / (time.monotonic() - start))


def fresh(handle, url, count):
    """Seconds from the request, and from the reply, until a scrape shows it."""
    url = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(url.netloc, timeout=10)
    total = re.compile(rb"^flux_jobs_submitted_total\{.*\} (\S+)", re.M)

    def submitted():
        connection.request("GET", url.path)
        page = connection.getresponse().read()
        return sum(map(float, total.findall(page)))

    spec, results = jobspec(), []
    for _ in range(count):
        before = submitted()
        asked = time.monotonic()
        flux.job.submit(handle, spec)
        replied = time.monotonic()
        while submitted() == before:
            if time.monotonic() > replied + 10:
                sys.exit("a job never showed")
        seen = time.monotonic()
        results.append((seen - asked, seen - replied))
        time.sleep(0.02)
    print(json.dumps(results))


def record(handle, count):
    """Prints the journal's responses, one a line, until the jobs are over."""
    topic, flags = "job-manager.events-journal", flux.constants.FLUX_RPC_STREAMING
    journal = handle.rpc(topic, {"full": False}, flags=flags)
    submit(handle, count)
    over = 0
    while over < count:
        text = journal.get_str()
        print(text)
        over += sum(event["name"] == "clean" for event in json.loads(text)["events"])
        journal.reset()


def main():
    verbs = {
        "fill": lambda handle, count: fill(handle, int(count)),
        "feed": feed,
        "throughput": lambda handle, count: throughput(handle, int(count)),
        "fresh": lambda handle, url, count: fresh(handle, url, int(count)),
        "record": lambda handle, count: record(handle, int(count)),
    }
    verbs[sys.argv[1]](flux.Flux(), *sys.argv[2:])


main()
