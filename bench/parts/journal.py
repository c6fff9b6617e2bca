"""Journal events parsed and applied per second of processor time, beside what
one would write in C and in Python. All read the same recorded lines from a
file, by turns, and must come to the same totals."""

import json
import math
import subprocess
import sys
from pathlib import Path

import instance
import plan
import recording
from table import Row, Target, at_least, per_second
from tools import ROOT

HERE = Path(__file__).resolve().parent.parent
REPLAY = ROOT / "target/release/replay"
WORK = ROOT / "target/bench"


def ours(lines, passes):
    return run(str(REPLAY), str(lines), str(passes), "0")


def in_c(lines, passes):
    return run(str(WORK / "journal"), str(lines), str(passes))


def in_python(lines, passes):
    return run(
        "flux", "python", str(HERE / "peers/journal.py"), str(lines), str(passes)
    )


def rows():
    WORK.mkdir(parents=True, exist_ok=True)
    others = {}
    if instance.FLUX:
        lines = record()
        others = {"C + jansson": in_c, "Python": in_python}
        try:
            compile_c()
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"SKIPPED: the consumer in C: {error}", file=sys.stderr)
            del others["C + jansson"]
    else:
        lines = recording.golden(WORK / "golden.jsonl")
        why = f"consumers of the journal in C and Python: {instance.SKIPPED}"
        print(f"SKIPPED: {why}", file=sys.stderr)
    return compare(lines, others)


def compare(lines, others):
    consumers = {"here": ours, **others}
    passes = {name: calibrate(run, lines) for name, run in consumers.items()}
    rates = {name: [] for name in consumers}
    for _ in range(plan.ROUNDS):
        for name, run in consumers.items():
            result = run(lines, passes[name])
            rates[name].append(result["events"] / result["cpu"])
    mine = rates.pop("here")
    what = "journal events applied per second of processor time"
    table = [
        Row(what, mine, per_second, name, theirs, TARGETS[name], headline=True)
        for name, theirs in rates.items()
    ] or [Row(what, mine, per_second)]
    return [*table, finished(lines)]


TARGETS = {"C + jansson": at_least(5), "Python": at_least(30)}


def calibrate(run, lines):
    """How many passes take long enough; also checks the totals of one."""
    wanted, result = ours(lines, 1)["totals"], run(lines, 1)
    for key, value in result["totals"].items():
        same = value == wanted[key]
        if isinstance(value, float):
            same = math.isclose(value, wanted[key], abs_tol=1e-3)
        if not same:
            raise RuntimeError(f"consumers disagree on {key}: {value}, {wanted[key]}")
    return max(1, int(plan.JOURNAL_SECONDS / max(result["cpu"], 1e-4)))


def finished(lines):
    """Memory that stays behind; of so many that pages of 4 KiB do not matter."""
    jobs = ours(lines, 1)["totals"]["submitted"]
    passes = max(2, plan.FINISHED // jobs)
    grown = ours(lines, passes)["grown"] / (jobs * (passes - 1))
    target = Target(0.5, absolute=True, text="0.5 B")
    what = f"memory of a finished job, after {jobs * passes:,}"
    return Row(what, [grown], lambda value: f"{value:.2f} B", target=target)


def run(*command):
    out = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(out.stdout)


def record():
    """The journal of jobs that Flux runs now."""
    with instance.Flux() as one:
        lines = one.python("record", plan.RECORDED_JOBS).splitlines()
    path = WORK / "recorded.jsonl"
    path.write_text("".join(f"{line}\n" for line in recording.whole_lives(lines)))
    return path


def compile_c():
    rpath = [f"-Wl,-rpath,{folder[2:]}" for folder in pkg_config("--libs-only-L")]
    source = str(HERE / "peers/journal.c")
    command = ["cc", "-O2", "-o", str(WORK / "journal"), source]
    subprocess.run([*command, *pkg_config("--cflags", "--libs"), *rpath], check=True)


def pkg_config(*what):
    packages = ["flux-core", "flux-idset", "flux-hostlist", "jansson"]
    command = ["pkg-config", *what, *packages]
    out = subprocess.run(command, check=True, capture_output=True, text=True)
    return out.stdout.split()
