"""Who scrapes, and what it took: wrk, one GET, and processor time."""

import json
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tools import environment, program

SCRIPT = Path(__file__).with_name("wrk.lua")

# between two scrapes that are not to share a rendering, in milliseconds
PAUSE = 20


@dataclass
class Load:
    """What a run of wrk saw; times in seconds."""

    p50: float
    p99: float
    requests: int
    seconds: float
    errors: int

    @property
    def rate(self):
        return self.requests / self.seconds


def wrk(url, connections=1, seconds=1, pause=None):
    """Scrapes back to back, or with a pause of so many milliseconds."""
    env = environment(PAUSE=str(pause or ""))
    command = [
        program("wrk"),
        "-t1",
        f"-c{connections}",
        f"-d{seconds}s",
        "--timeout=10s",
    ]
    out = subprocess.run(
        [*command, "-s", str(SCRIPT), url],
        env=env,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    load = Load(**json.loads(out.splitlines()[-1]))
    if load.errors or not load.requests:
        raise RuntimeError(f"{url}: {load.errors} errors in {load.requests} requests")
    return load


def get(url):
    """The bytes of a page."""
    with urllib.request.urlopen(url, timeout=60) as response:
        return response.read()


def cpu(pid):
    """Processor seconds of a process and its children.

    schedstat counts nanoseconds, where stat would count ticks of 10 ms.
    """
    task = Path(f"/proc/{pid}/task")
    total = 0.0
    for thread in task.iterdir():
        try:
            total += int((thread / "schedstat").read_text().split()[0]) / 1e9
            for child in (thread / "children").read_text().split():
                total += cpu(child)
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has ended since they were listed
    return total


def resident(pid):
    """Resident bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024
