"""What active jobs cost, simulated: memory, and time to load the module.

The instance's memory is the simulator's too. What loading adds with many jobs
is compared with what it adds with none, and the rest is the jobs'.
"""

import time

import instance
import plan
from client import resident
from table import Row, Target, seconds, size


def rows():
    base, _ = load(0)
    held, _ = load(plan.HELD)
    target = Target(100, absolute=True, text="100 B")
    memory = [(held - base) / plan.HELD]
    what = f"memory of an active job, of {plan.HELD:,}"
    table = [Row(what, memory, size, target=target, headline=True)]
    table.append(load_times(instance.Simulated, plan.LOADED))
    if instance.FLUX:
        table.append(load_times(instance.Flux, plan.FLUX[-1]))
    return table


def load(jobs):
    """Bytes that loading adds, and the seconds it takes."""
    with instance.Simulated(jobs) as one:
        before = settled(one.pid())
        taken = one.load()
        return settled(one.pid()) - before, taken


def settled(pid):
    """Resident bytes once they change no more, or after ten seconds."""
    last = None
    for _ in range(20):
        now = resident(pid)
        if last is not None and abs(now - last) < 1 << 20:
            break
        last = now
        time.sleep(0.5)
    return now


def load_times(kind, jobs):
    with kind(jobs) as one:
        times = []
        for _ in range(plan.ROUNDS):
            times.append(one.load())
            one.unload()
    what = f"{one.name}: load, caught up with {jobs:,} active jobs"
    return Row(what, times, seconds)
