"""What is done to jobs, queues and nodes, at random."""

import subprocess
import sys

import flux.job
from flux.job import JobspecV1

NODES = 4
TYPES = """weird lunch timeout cancel exec alloc alloc-check prolog epilog
    depend dependency node-failure""".split()


class Operations:
    def __init__(self, h, rng, queues):
        self.h, self.random, self.queues = h, rng, queues
        self.truth = None
        self.ids = []
        self.long = set()
        self.drained = set()
        self.refused = 0
        self.moves = True

    def ask(self, topic, **payload):
        """A request that may be refused."""
        try:
            return self.h.rpc(topic, payload).get()
        except OSError:
            return None

    def flux(self, *args):
        done = subprocess.run(["flux", *args], stdout=sys.stderr)
        return done.returncode == 0

    def active(self):
        """Active jobs, as [id, state, urgency, priority]."""
        payload = {
            "max_entries": 0,
            "attrs": ["state", "urgency", "priority"],
            "constraint": {"states": ["pending", "running"]},
        }
        jobs = self.h.rpc("job-list.list", payload).get()["jobs"]
        keys = ("id", "state", "urgency", "priority")
        return sorted([job.get(key) for key in keys] for job in jobs)

    def restless(self, active):
        """Whether one of these will change by itself."""
        return any(
            state in (1, 4, 32) or (state == 16 and jobid not in self.long)
            for jobid, state, _, _ in active
        )

    # jobs

    def submit(self, count):
        futures = []
        for _ in range(count):
            spec, stays = self.spec()
            urgency = self.random.choices(
                [16, 0, 31, self.random.randint(1, 30)], [80, 6, 2, 12]
            )[0]
            debug = self.random.random() < 0.1
            future = flux.job.submit_async(
                self.h, spec, urgency=urgency, debug=debug
            )
            futures.append((future, stays))
        for future, stays in futures:
            try:
                jobid = int(future.get_id())
            except OSError:
                self.refused += 1
                continue
            self.ids.append(jobid)
            if stays:
                self.long.add(jobid)

    def shape(self):
        pick = self.random.randint
        size = {"cores_per_task": self.random.choice([1, 1, 1, 2, 3, 4, 8])}
        if self.random.random() < 0.15:
            size["gpus_per_task"] = self.random.choice([1, 1, 2])
        kind = self.random.random()
        if kind < 0.5:
            size["num_tasks"] = self.random.choice([1, 1, 1, 2, 3, 5])
        else:
            nodes = pick(1, 2) if kind < 0.9 else pick(3, NODES)
            size["num_nodes"] = nodes
            size["num_tasks"] = nodes * self.random.choice([1, 1, 2])
            size["exclusive"] = self.random.random() < 0.3
        if self.random.random() < 0.015:
            # more than there is, one way or another
            way = pick(0, 3)
            if way == 0:
                size.update(num_nodes=100, num_tasks=100)
            elif way == 1:
                size["num_tasks"] = 400
                size.pop("num_nodes", None)
                size["exclusive"] = False
            elif way == 2:
                size["cores_per_task"] = 9
            else:
                size["gpus_per_task"] = 3
        return size

    def spec(self):
        """A jobspec, and whether the job stays once it runs."""
        spec = JobspecV1.from_command(["true"], **self.shape())
        spec.environment = {}
        spec.cwd = "/"
        queue = self.random.choice(self.queues)
        if queue:
            spec.queue = queue
        run, kind = self.random.uniform(0.01, 0.1), self.random.random()
        if kind > 0.95:
            run = 0.3
        stays = False
        test = "system.exec.test."
        if kind < 0.08:
            # an exit code, a signal, and a signal by the shell's word
            status = self.random.choice(
                [9, 11, 15, 256, 2 << 8, 128 << 8, 137 << 8, 143 << 8, 255 << 8]
            )
            spec.setattr(test + "wait_status", status)
        elif kind < 0.10:
            where = self.random.choice(["init", "run", "starting_timer"])
            spec.setattr(test + "mock_exception", where)
        elif kind < 0.12:
            run, spec.duration = 1000, "0.2s"
        elif kind < 0.13:
            run, stays = 1000, True
        spec.setattr(test + "run_duration", f"{run:.3f}s")
        if self.random.random() < 0.12 and self.ids:
            recent = self.ids[-100:]
            many = self.random.choice([1, 1, 2, 3])
            chosen = self.random.sample(recent, min(many, len(recent)))
            schemes = ["afterok", "afterany", "afterstart", "afternotok"]
            spec.setattr(
                "system.dependencies",
                [
                    {"scheme": self.random.choice(schemes), "value": str(i)}
                    for i in chosen
                ],
            )
        return spec, stays

    def some(self):
        """A few jobs, most of them recent."""
        active = [jobid for jobid, *_ in self.active()]
        pool = active if active and self.random.random() < 0.8 else self.ids
        count = self.random.choice([1, 1, 2, 3, 8])
        return self.random.sample(pool, min(count, len(pool)))

    def cancel(self):
        for jobid in self.some():
            self.ask(
                "job-manager.raise", id=jobid, severity=0, type="cancel"
            )

    def exception(self):
        for jobid in self.some():
            kind = self.random.choice(TYPES)
            severity = self.random.choice([0, 1, 2, 3, 4, 5, 6, 7, 7])
            self.ask(
                "job-manager.raise",
                id=jobid,
                severity=severity,
                type=kind,
                note="x",
            )

    def kill(self):
        for jobid in self.some():
            signal = self.random.choice([9, 15])
            self.ask("job-manager.kill", id=jobid, signum=signal)

    def urgency(self):
        for jobid in self.some():
            urgency = self.random.choice([0, 0, 1, 16, 16, 16, 31])
            self.ask("job-manager.urgency", id=jobid, urgency=urgency)

    def release(self):
        for jobid, _, urgency, _ in self.active():
            if urgency == 0 and self.random.random() < 0.6:
                self.ask("job-manager.urgency", id=jobid, urgency=16)

    def move(self):
        if not self.moves or len(self.queues) < 2:
            return
        for jobid, state, urgency, _ in self.active():
            if state in (2, 8) and (urgency == 0 or self.random.random() < 0.1):
                queue = self.random.choice(self.queues)
                updates = {"attributes.system.queue": queue}
                self.ask("job-manager.update", id=jobid, updates=updates)

    # queues and nodes

    def queue(self):
        name = self.random.choice(self.queues)
        name = [name] if name else []
        verb = self.random.choice(["stop", "start", "start", "disable"])
        why = ["-m", "x"] if verb == "disable" else []
        self.flux("queue", verb, "--quiet", *why, *name)
        if verb == "disable":
            # most of the time not for long, as it refuses all that comes
            self.submit(2)
            if self.random.random() < 0.8:
                self.flux("queue", "enable", "--quiet", *name)

    def drain(self):
        if not self.queues[0]:
            return  # fake nodes do not tell
        node = self.random.randrange(NODES)
        verb = "undrain" if node in self.drained else "drain"
        self.drains(verb, [node])

    def drains(self, verb, nodes):
        targets = [",".join(f"n{node}" for node in nodes)]
        if verb == "drain":
            targets.append("why")
        if self.flux("resource", verb, *targets):
            self.drained ^= set(nodes)
            self.truth.drains[verb] += len(nodes)

    def any(self):
        ops = {
            self.cancel: 3,
            self.exception: 3,
            self.kill: 2,
            self.urgency: 3,
            self.release: 2,
            self.move: 2,
            self.queue: 2,
            self.drain: 2,
        }
        self.random.choices(list(ops), list(ops.values()))[0]()

    def clear(self, share):
        """Lets things flow again: most of what stays is taken away."""
        self.flux("queue", "enable", "--quiet", "--all")
        if share == 1.0:
            self.flux("queue", "start", "--quiet", "--all")
            if self.drained:
                self.drains("undrain", sorted(self.drained))
        for jobid, *_ in self.active():
            if self.random.random() < share:
                self.ask(
                    "job-manager.raise", id=jobid, severity=0, type="cancel"
                )
