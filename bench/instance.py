"""An instance to measure in: of Flux, or simulated, by the same words."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import plan
from client import cpu
from feeder import Feeder
from tools import ROOT

MODULE = Path(os.environ.get("FLUX_PROMETHEUS_MODULE", ROOT / "target/prometheus.so"))
STANDIN = ROOT / "target/release/standin"
JOBS = Path(__file__).with_name("jobs.py")

FLUX = shutil.which("flux")
SKIPPED = "no `flux` on PATH"

CONFIG = """
[queues.batch]
[fake-resources]
nnodes = 64
cores-per-node = 16
[ingest.validator]
disable = true
"""

# The jobs that there are stay in one queue, those that make events flow pass
# through the other, which is new.
PASSING = "[queues.debug]\n"

# `cat` ends when this program closes its stdin, or dies in whatever way
SCRIPT = "echo $FLUX_URI; exec cat >/dev/null"

PATIENCE = 600


class Instance:
    """An instance for the length of a `with` block, with so many active jobs."""

    def __init__(self, jobs=0):
        self.jobs = jobs
        self.rate = None  # of jobs, by which the wanted rate of events comes

    def __enter__(self):
        self.log = tempfile.TemporaryFile("w+")
        self.config = tempfile.NamedTemporaryFile("w", suffix=".toml")
        self.config.write(CONFIG)
        self.config.flush()
        env = {k: v for k, v in os.environ.items() if k != "FLUX_URI"}
        self.process = subprocess.Popen(
            [*self.start(), f"--config-path={self.config.name}", "sh", "-c", SCRIPT],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        uri = self.process.stdout.readline().strip()
        self.env = {**env, "FLUX_URI": uri}
        try:
            if not uri:
                raise RuntimeError("the instance did not start")
            self.run("config", "load", text=CONFIG + PASSING)
            self.run("queue", "start", "debug")
            self.fill()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, kind, *_):
        if self.loaded():
            self.run("module", "remove", "prometheus")
        self.process.stdin.close()
        try:
            failed = self.process.wait(PATIENCE) != 0
        except subprocess.TimeoutExpired:
            self.process.kill()
            failed = True
        if failed and kind is None:
            self.log.seek(0)
            raise RuntimeError(f"the instance failed:\n{self.log.read()}")

    def run(self, *args, text=""):
        done = subprocess.run(
            [self.program, *args],
            env=self.env,
            input=text,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(args)}: {done.stderr.strip()}")
        return done.stdout

    def loaded(self):
        """Whether the module is loaded, as far as the instance still talks."""
        try:
            return bool(re.search(r"^prometheus\s", self.run("module", "list"), re.M))
        except RuntimeError:
            return False

    def load(self):
        """Loads the module; returns the seconds until it has caught up."""
        start = time.monotonic()
        # all of the load comes from one address, which by default may have less
        args = [str(MODULE), "listen=127.0.0.1:0", "connections-per-address=64"]
        self.run("module", "load", *self.options, *args)
        self.wait_for_sync()
        taken = time.monotonic() - start
        self.url = f"http://{self.stats()['listeners'][0]['address']}/metrics"
        return taken

    def wait_for_sync(self):
        until = time.monotonic() + PATIENCE
        while not self.stats()["journal"]["synced"]:
            if time.monotonic() > until:
                raise RuntimeError("the module does not catch up")
            time.sleep(0.02)

    def unload(self):
        self.run("module", "remove", "prometheus")

    def stats(self):
        return json.loads(self.run("module", "stats", "prometheus"))

    def events(self):
        """How many events the module has applied since it was loaded."""
        return self.stats()["journal"]["events"]

    def cpu(self):
        """Processor seconds of the process that the module is in, so far."""
        return self.cpu_of_all()

    def cpu_of_all(self):
        """The same of the instance, the module included."""
        return cpu(self.pid())

    def settle(self):
        """Waits until it has done what it was told, or half a minute."""
        for _ in range(60):
            before = self.cpu_of_all()
            time.sleep(0.5)
            if self.cpu_of_all() - before < 0.025:
                return

    def flow(self, wanted):
        """Has about so many events come each second; returns the rate seen."""
        if self.rate is None:
            self.rate = wanted / 10  # a life has about ten events
            for _ in range(plan.CALIBRATIONS):
                # one that cannot keep up is not to be buried in jobs
                rate = self.rate * wanted / max(self.seen(1.5), 1.0)
                self.rate = min(rate, wanted / 4)
        seen = self.seen(1.0)
        if seen < wanted / 2:
            print(f"  only {seen:,.0f} of {wanted:,} events/s come", file=sys.stderr)
        return seen

    def seen(self, seconds):
        self.traffic(self.rate)
        time.sleep(0.5)
        before, start = self.events(), time.monotonic()
        time.sleep(seconds)
        return (self.events() - before) / (time.monotonic() - start)


class Simulated(Instance):
    """One of the stand-in, which is not Flux."""

    name = "simulated"
    program = str(STANDIN)
    options = []
    feeder = None

    def start(self):
        return [self.program, "start", f"--jobs={self.jobs}", "--rate=0", "--seed=1"]

    def fill(self):
        """They were there from the start; those that run come to their end."""
        self.run("queue", "stop", "batch")

    def calm(self):
        if self.feeder:
            self.feeder.stop()

    def traffic(self, rate):
        if not self.feeder:
            self.feeder = Feeder(self)
        self.feeder.rate = rate
        self.feeder.go()

    def pid(self):
        return self.process.pid

    def __exit__(self, *args):
        self.calm()
        super().__exit__(*args)


class Flux(Instance):
    """One of Flux, with invented nodes; the module is a process of its own, so
    that what it takes is known, or where `threads`, as sites load it."""

    name = "Flux"
    program = FLUX
    feeder = None

    def __init__(self, jobs=0, threads=False):
        super().__init__(jobs)
        self.options = [] if threads else ["--exec"]

    def start(self):
        return [self.program, "start", "--test-size=1"]

    def fill(self):
        if self.jobs:
            self.python("fill", self.jobs)

    def __exit__(self, *args):
        if self.feeder:
            self.feeder.stdin.close()
            self.feeder.wait(PATIENCE)
        if self.process.poll() is None and self.jobs:
            self.run("cancel", "--all", "--quiet")
        super().__exit__(*args)

    def python(self, *args):
        """What bench/jobs.py prints in this instance."""
        return self.run("python", str(JOBS), *map(str, args))

    def calm(self):
        if self.feeder:
            self.traffic(0)
            self.run("queue", "idle", "--quiet")

    def traffic(self, rate):
        if not self.feeder:
            self.feeder = subprocess.Popen(
                [self.program, "python", str(JOBS), "feed"],
                env=self.env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            if not self.feeder.stdout.readline():
                raise RuntimeError("bench/jobs.py feed does not start")
        self.feeder.stdin.write(f"{rate}\n")
        self.feeder.stdin.flush()

    def pid(self):
        """Of the broker."""
        return int(self.run("getattr", "broker.pid"))

    def cpu(self):
        return cpu(self.module)

    def load(self):
        taken = super().load()
        self.module = self.find_module() if self.options else self.pid()
        return taken

    def find_module(self):
        """The broker's child that the module is in."""
        for thread in Path(f"/proc/{self.pid()}/task").iterdir():
            for child in (thread / "children").read_text().split():
                if b"prometheus" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
        raise RuntimeError("the module's process is not there")
