"""Drives an instance at random, and says at quiet points what it then is.

usage: flux python drive.py SEED JOBS ROUNDS MODULE QUEUES

Prints a line of JSON for each quiet point, and goes on when it reads "ok";
"again" asks for the same point again, anything else ends it. QUEUES is JSON:
each queue's name, empty for the anonymous one, with what it requires.
"""

import json
import random
import subprocess
import sys
import time

import flux
from operations import Operations
from truth import Truth

PATIENCE = 90
# polls without a change, after which a job that should go on is stuck
CALM = 60


def main():
    seed, jobs, rounds = map(int, sys.argv[1:4])
    queues = json.loads(sys.argv[5])
    driver = Driver(random.Random(seed), sys.argv[4], queues)
    driver.point("loaded")
    for n in range(rounds):
        driver.round(n, jobs // rounds)
        driver.point(f"round {n + 1}")
        if driver.random.random() < 0.25:
            driver.reload()
            driver.point("module reload")
    driver.ops.clear(1.0)
    driver.point("end")


class Driver:
    def __init__(self, rng, module, queues):
        self.random = rng
        self.module = module
        self.h = flux.Flux()
        self.ops = Operations(self.h, rng, list(queues))
        run("flux queue start --quiet --all")
        before = time.time()
        self.load()
        self.truth = Truth(self.h, queues)
        self.ops.truth = self.truth
        self.truth.begin(before)

    def load(self):
        run(f"flux module load {self.module} listen=127.0.0.1:0")
        # counting begins when the backlog is over
        for _ in range(100):
            stats = self.h.rpc("prometheus.stats-get", {}).get()
            if stats["journal"]["synced"]:
                return
            time.sleep(0.05)
        raise RuntimeError(f"not synced: {stats}")

    def reload(self):
        before = time.time()
        run("flux module remove prometheus")
        self.load()
        self.truth.begin(before)

    def round(self, n, jobs):
        """A number of submissions, with other operations between."""
        ops = self.ops
        ops.clear(1.0 if n % 2 == 0 else 0.5)
        ops.moves = True
        gap = self.random.random() < 0.25
        bursts = self.random.randint(3, 8)
        for burst in range(bursts):
            ops.submit(jobs // bursts)
            for _ in range(self.random.randint(0, 5)):
                ops.any()
            if gap and burst == bursts // 2:
                self.gap()
            time.sleep(self.random.choice([0, 0, 0.1, 0.3]))

    def gap(self):
        """The job manager is loaded again."""
        # what moves in the gap counts in its new queue from the beginning
        self.ops.moves = False
        run(
            # or else an allocation may get lost in the scheduler for good
            "flux queue stop --quiet --all; "
            "flux module remove job-manager; sleep "
            + str(self.random.choice([0, 0.3, 0.7]))
            + "; flux module load job-manager; flux module reload -f job-ingest"
            "; flux module reload -f job-exec"
            "; flux module reload -f sched-simple"
            "; until flux module list | grep -q job-list; do "
            "flux module load job-list || sleep 0.1; done"
            "; flux queue start --quiet --all"
        )
        self.truth.resyncs += 1
        self.truth.gaps += 1

    def events(self):
        """A number that changes with everything that happens to a job."""
        stats = self.h.rpc("job-manager.stats-get", {}).get()
        listed = self.h.rpc("job-list.job-stats", {}).get()["job_states"]
        over = listed["inactive"]
        told = (over, listed["total"] - over)
        # on a busy machine job-list hears of things much later
        behind = told != (stats["inactive_jobs"], stats["active_jobs"])
        return stats["journal"]["events"], self.ops.active(), behind

    def quiet(self):
        """Waits until no job will change by itself, or none has for long."""
        until = time.time() + PATIENCE
        calm, last = 0, None
        while calm < CALM:
            time.sleep(0.12)
            now = self.events()
            calm, last = (calm + 1 if now == last else 0), now
            if calm >= 3 and not now[2] and not self.ops.restless(now[1]):
                return last
            if time.time() > until:
                raise RuntimeError(f"never quiet: {now}")
        for jobid, state, *_ in last[1]:
            if state in (1, 4, 16, 32) and jobid not in self.ops.long:
                print("stuck:", jobid, state, file=sys.stderr)
                run(f"flux job eventlog {jobid}")
        return last

    def point(self, what):
        """Tells the truth, until it is believed."""
        repairs = 0
        while True:
            at = self.quiet()
            answer = self.truth.take()
            if self.truth.leak and repairs < 2:
                self.repair()
                repairs += 1
                continue
            if self.events() != at:
                continue
            answer["what"] = what
            answer["jobs"] = len(self.truth.jobs)
            print(json.dumps(answer), flush=True)
            said = sys.stdin.readline().strip()
            if said == "ok":
                return
            if said != "again":
                sys.exit(1)

    def repair(self):
        """Has the scheduler ask again what jobs have.

        When it is loaded again while requests are on their way to it, what
        it gives is refused, and it holds on to that ("already allocated").
        """
        assert self.truth.gaps, "the scheduler is wrong about jobs"
        print("the scheduler is wrong about jobs", file=sys.stderr)
        started = self.truth.started
        run("flux queue stop --quiet --all; flux module reload -f sched-simple")
        for name in started:
            if started[name]:
                run(f"flux queue start --quiet {name}")


def run(command):
    subprocess.run(["sh", "-ec", command], check=True, stdout=sys.stderr)


if __name__ == "__main__":
    main()
