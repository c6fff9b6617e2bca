"""Everything at once, inside an instance: see tests/chaos.rs.

usage: flux python chaos.py SECONDS SEED MODULE PORT CLOCK

Without a module (an empty word) it does all the same but what is about it.

Prints a line of JSON for each phase, and goes on when it reads "go". Jobs,
queues, nodes and what is true are those of tests/differential.
"""

import json
import os
import random
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "differential"))

import flux
import flux.constants
import flux.job
from drive import Driver
from flux.idset import IDset
from flux.job import JobspecV1
from operations import NODES, Operations
from truth import Truth
from words import series

QUEUES = {"batch": [], "debug": ["low"]}
TIMES = ("wait", "eligible_wait", "launch", "run", "cleanup")

BAD = [
    "prot = 1",
    'listen = "nowhere"',
    'port = "http"',
    "buckets = [2, 1]",
    'collectors = ["none", "nothing"]',
]


class Chaos(Driver):
    def __init__(self, seed, module, port, clock):
        self.random = random.Random(seed)
        self.module, self.port, self.clock = module, port, clock
        self.h = flux.Flux()
        self.ops = Operations(self.h, self.random, list(QUEUES))
        self.config = open(self.attr("config.path")).read()
        self.table = self.config.index("[prometheus]")
        self.did = {}
        self.wrong = []
        self.flux("queue", "start", "--quiet", "--all")
        self.fresh(Truth(self.h, QUEUES))
        self.load()

    def attr(self, name):
        return self.h.attr_get(name)

    def flux(self, *args, stdin=None):
        """Runs a command; what it says is for the log."""
        done = subprocess.run(
            ["flux", *args], input=stdin, text=True, capture_output=True
        )
        if done.returncode:
            sys.stderr.write(f"flux {args}: {done.stderr}")
        return done

    def must(self, *args):
        if "prometheus" in args and not self.module:
            return
        if self.flux(*args).returncode:
            self.wrong.append(f"flux {' '.join(args)} failed")

    # phases

    def say(self, phase, **more):
        """Tells the other side, and waits for its word."""
        more["phase"] = phase
        print(json.dumps(more), flush=True)
        return sys.stdin.readline().strip()

    def run(self, seconds):
        # what malloc and Flux's own modules keep, they keep from now on
        self.say("warm-up")
        self.busy(max(5, seconds / 10), [])
        for act in self.acts(True):
            self.act(act)
        self.step_clock(0)
        self.say("calm")
        self.rest()
        self.say("rest")
        self.busy(max(8, min(60, seconds / 6)), [])
        self.say("chaos")
        self.busy(seconds / 2, self.acts(True))
        self.step_clock(0)
        # brokers that seem to have been silent for a day
        time.sleep(6)
        # what is counted from here on is compared in the end; what a process
        # of its own comes to hold, the module holds and not Flux
        self.ops.clear(1.0)
        self.quiet()
        self.reload_as_process()
        self.busy(seconds / 2, self.acts(False))
        self.restore()
        self.say("calm")
        if self.module:
            self.catch_up()
            self.point("end")
        self.rest()
        self.say("rest", did=self.did, wrong=self.wrong)

    def busy(self, seconds, acts):
        """Jobs all the time, and now and then an act."""
        until = time.time() + seconds
        following = time.time()
        while time.time() < until:
            try:
                self.ops.submit(self.random.randint(1, 12))
                self.ops.any()
            except OSError as error:
                sys.stderr.write(f"jobs: {error}\n")
            if acts and time.time() > following:
                self.act(self.random.choice(acts))
                following = time.time() + self.random.uniform(0.1, 1.5)
            time.sleep(self.random.uniform(0, 0.4))
            if len(self.ops.active()) > 60:
                self.ops.clear(0.5)

    def act(self, act):
        name = act.__name__
        self.did[name] = self.did.get(name, 0) + 1
        before = self.memory()
        act()
        more = self.memory() - before
        sys.stderr.write(f"{time.time():.1f} {name}: {more:+d} KiB\n")

    def memory(self):
        """What the broker has, in KiB."""
        with open(f"/proc/{self.attr('broker.pid')}/status") as status:
            lines = dict(line.split(":", 1) for line in status)
        return int(lines["VmRSS"].split()[0])

    def acts(self, all_of_them):
        """What is done to Flux. After some of it not all can be compared."""
        acts = [
            self.config_good,
            self.config_good,
            self.config_bad,
            self.config_bad,
            self.gap,
            self.reload_job_list,
            self.reload_scheduler,
        ]
        if all_of_them:
            acts += [self.reload_us, self.cancel_us, self.reload_as_process]
            acts += [self.reload_resource]
            acts += [self.step_clock] if self.clock else []
        return acts

    def restore(self):
        self.must_load_config("")
        self.ops.clear(1.0)

    def catch_up(self):
        """A scrape may be before the news of a job's end, and time that was
        shown is not taken back: what comes next makes up for that."""
        for queue, nodes in (("batch", NODES), ("debug", 2)):
            spec = JobspecV1.from_command(
                ["true"], num_tasks=nodes, num_nodes=nodes, exclusive=True
            )
            spec.queue, spec.environment, spec.cwd = queue, {}, "/"
            spec.setattr("system.exec.test.run_duration", "1s")
            flux.job.submit(self.h, spec)

    def rest(self):
        """Nothing to do and nothing to remember."""
        self.reload_us()
        self.ops.clear(1.0)
        until = time.time() + 60
        while self.ops.active():
            if time.time() > until:
                self.wrong.append(f"jobs that do not end: {self.ops.active()}")
                return
            time.sleep(0.1)
        self.must("job", "purge", "--force", "--num-limit=0")
        self.truth.over.clear()
        # what is polled has been polled
        time.sleep(6)

    # the module

    def load(self, *options):
        if not self.module:
            return
        before = time.time()
        self.must("module", "load", *options, self.module)
        self.synced()
        self.truth.begin(before)
        self.truth.spoilt = set()

    def synced(self):
        for _ in range(200):
            try:
                stats = self.h.rpc("prometheus.stats-get", {}).get()
                if stats["journal"]["synced"]:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        self.wrong.append("the module is not synced")

    def reload_us(self, *options):
        self.must("module", "remove", "prometheus")
        self.load(*options)

    def reload_as_process(self):
        self.reload_us("--exec")

    def cancel_us(self):
        self.must("module", "remove", "--cancel", "prometheus")
        # returns before it has happened
        until = time.time() + 10
        while "prometheus" in self.flux("module", "list").stdout:
            if time.time() > until:
                self.wrong.append("cancel did not remove the module")
                return
            time.sleep(0.05)
        self.load()

    def load_config(self, lines):
        conf = self.config[: self.table] + "[prometheus]\n"
        if not lines.startswith(("listen", "port")):
            conf += f'listen = ["127.0.0.1:{self.port}"]\n'
        return self.flux("config", "load", stdin=conf + lines + "\n")

    def config_good(self):
        lines = self.random.choice(
            [
                f'listen = ["127.0.0.1:{self.port}", "127.0.0.1:0"]',
                "buckets = [1, 60]",
                'buckets = ["10ms", "1s", "1h"]\nstrict = true',
                "",
            ]
        )
        self.must_load_config(lines)
        self.truth.spoilt.add("histograms")

    def must_load_config(self, lines):
        """While the other load's certificate cannot be used, Flux refuses
        any configuration, as it should; that passes."""
        until = time.time() + 60
        while (done := self.load_config(lines)).returncode:
            passes = "updating secure: prometheus.tls-" in done.stderr
            if not passes or time.time() > until:
                self.wrong.append(f"{lines} was refused: {done.stderr}")
                return
            time.sleep(0.2)

    def config_bad(self):
        lines = self.random.choice(BAD)
        done = self.load_config(lines)
        if not self.module:
            return
        if not done.returncode or "prometheus." not in done.stderr:
            self.wrong.append(f"{lines} was not refused: {done.stderr}")

    # Flux's own modules

    def quiesce(self):
        """Or an allocation on its way would be lost in the scheduler."""
        self.flux("queue", "stop", "--quiet", "--all")
        for _ in range(200):
            query = self.h.rpc("job-manager.alloc-query", {}).get()
            if query["alloc_pending"] == 0:
                return
            time.sleep(0.02)
        self.wrong.append(f"allocations never end: {query}")

    def start(self):
        self.flux("queue", "start", "--quiet", "--all")

    def ensure(self, name):
        """Others may have taken it along, or brought it back."""
        for _ in range(50):
            if name in self.flux("module", "list").stdout.split():
                return
            self.flux("module", "load", name)
            time.sleep(0.1)
        self.wrong.append(f"{name} cannot be loaded")

    def gap(self):
        self.quiesce()
        super().gap()
        self.truth.spoilt.add("errors")
        for name in ("job-list", "sched-simple", "job-exec"):
            self.ensure(name)

    def reload_job_list(self):
        self.must("module", "reload", "-f", "job-list")
        self.ensure("job-list")
        self.truth.spoilt.add("errors")

    def reload_scheduler(self):
        self.quiesce()
        self.must("module", "reload", "-f", "sched-simple")
        self.start()
        self.truth.spoilt.add("errors")

    def reload_resource(self):
        self.quiesce()
        # the scheduler goes with it
        self.must("module", "remove", "resource")
        self.must("module", "load", "resource")
        self.ensure("sched-simple")
        self.start()
        self.truth.spoilt |= {"errors", "transitions"}

    def step_clock(self, to=None):
        """The brokers' clock jumps, theirs alone."""
        if self.clock:
            if to is None:
                to = self.random.choice([-7200, 0, 0, 3600, 86400])
            with open(self.clock + ".new", "w") as file:
                file.write(f"{to:+d}\n")
            os.rename(self.clock + ".new", self.clock)
            self.truth.spoilt.add("times")

    # what is true

    def fresh(self, truth):
        truth.spoilt = set()
        take = truth.take

        def less():
            answer = take()
            want = answer["want"]
            for event, times in self.transitions(*truth.base).items():
                of = series("flux_node_transitions_total", event=event)
                want[of] = times
            for of in list(want):
                if any(part in of for part in self.spoilt(truth)):
                    del want[of]
            return answer

        truth.take = less
        self.truth = self.ops.truth = truth

    def transitions(self, _, base):
        """Nodes that came and went, by the journal of the resource module."""
        streaming = flux.constants.FLUX_RPC_STREAMING
        journal = self.h.rpc("resource.journal", {}, flags=streaming)
        times = dict.fromkeys(("online", "offline", "torpid", "lively"), 0)
        while events := journal.get()["events"]:
            for event in events:
                when, name = event["timestamp"], event["name"]
                if name in times and base < when < time.time():
                    times[name] += len(IDset(event["context"]["idset"]))
            journal.reset()
        return times

    def spoilt(self, truth):
        """Parts of the names of what was not seen, or counted anew."""
        of = {
            "histograms": [f"flux_job_{t}_seconds_" for t in TIMES],
            "errors": ["flux_exporter_collector_errors_total"],
            "transitions": ["flux_node_transitions_total"],
        }
        return [part for what in truth.spoilt for part in of.get(what, [])]


if __name__ == "__main__":
    seconds, seed, module, port, clock = sys.argv[1:6]
    Chaos(int(seed), module, port, clock).run(float(seconds))
