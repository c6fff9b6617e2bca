"""Records what a module is told by an instance of Flux: page.jsonl, page.json.

    flux start --test-size=4 --test-hosts='node[0-3]' \\
        --config-path=tests/golden/page.toml \\
        flux python tests/golden/page.py

page.jsonl is the journal of a workload with jobs in every state that Flux
leaves them in, listened to from before the first. page.json is what the
instance answers once it is quiet: its attributes, the answer to each request
of each collector, and what was said on streams. The names of this machine and
of its user are replaced. `make bless` then makes page.prom of it.
"""

import json
import os
import pwd
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import flux
from flux.constants import FLUX_RPC_STREAMING

ATTRIBUTES = ["version", "hostname", "rank", "size", "instance-level"]
ATTRIBUTES += ["broker.starttime"]
# as the collectors spell them, rank 0 and `collectors=all`
REQUESTS = [
    'config.get {}',
    'job-manager.stats-get {}',
    'job-manager.queue-list {}',
    'job-manager.queue-status {"name":"batch"}',
    'job-manager.queue-status {"name":"debug"}',
    'job-manager.alloc-query {}',
    'job-list.job-stats {}',
    'resource.status {}',
    'state-machine.get {}',
    'broker.stats-get {}',
    'log.stats-get {}',
    'groups.get {"name":"broker.online"}',
    'groups.get {"name":"broker.torpid"}',
    'overlay.health {}',
    'overlay.topology {"rank":0}',
    'overlay.stats-get {}',
    'module.list {}',
    'heartbeat.stats-get {}',
    'connector-local.stats-get {}',
    'sched-simple.stats-get {}',
    'content.stats-get {}',
    'content-sqlite.stats-get {}',
    'kvs.stats-get {}',
]
JOURNAL = {"full": False, "deny": {"annotations": 1, "release": 1}}
HERE = Path(__file__).parent


class Stream:
    """What is said on a stream."""

    def __init__(self, topic, payload):
        # a handle of its own: what waits for one answer puts others aside
        self.handle = flux.Flux()
        self.future = self.handle.rpc(topic, payload, flags=FLUX_RPC_STREAMING)
        self.said = []

    def listen(self, quiet):
        """Until nothing came for so many seconds."""
        while True:
            try:
                self.future.wait_for(quiet)
            except TimeoutError:
                return
            self.said.append(self.future.get())
            self.future.reset()


def run(*args):
    """What `flux ARGS` prints."""
    flux_args = ["flux", *map(str, args)]
    return subprocess.run(
        flux_args, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def submit(queue, *options, seconds=0.2, status=0):
    return run(
        "submit", f"--queue={queue}",
        f"--setattr=exec.test.run_duration={seconds}s",
        f"--setattr=exec.test.wait_status={status}",
        *options, "true",
    )  # fmt: skip


def idle():
    """Waits for what is to end to have ended."""
    while run("jobs", "-no", "{id}", "--filter=run"):
        time.sleep(0.1)


def workload():
    run("queue", "start", "--all", "--quiet")
    # completed, of several shapes; failed; killed; not to be executed
    submit("batch", "--cc=1-3", "-N2", "-n4", "-c2")
    submit("debug", "--cc=1-2", "-n2", "-g1", seconds=1.5)
    submit("debug", status=256)
    submit("batch", status=9)
    submit("batch", "--setattr=exec.test.mock_exception=run")
    submit("batch", "-N100")
    run("cancel", submit("batch", "--urgency=hold"))
    submit("batch", "-t", "0.5s", seconds=100)
    run("resource", "drain", "1", "for repair")
    run("resource", "drain", "3", "for a moment")
    run("resource", "undrain", "3")
    idle()
    # cleanup, for ever
    run("kvs", "put", "test.epilog=1")
    job = submit("batch", "-n3")
    while run("jobs", "-no", "{state}", job) != "CLEANUP":
        time.sleep(0.1)
    # running, the second on a node that is then drained; waiting for nodes,
    # for a queue, for an urgency, for another job, and for a time
    submit("batch", "-N1", "-n2", "-c2", "-g1", seconds=10000)
    run("job", "wait-event", submit("debug", "-N1", "-x", seconds=10000), "start")
    run("resource", "drain", "3", "for good")
    submit("batch", "-N3", "-x", "-t", "1h", seconds=10000)
    submit("debug", "--cc=1-2", "-N1", "-n8", seconds=10000)
    held = submit("batch", "--urgency=hold", "-N2")
    submit("debug", f"--dependency=afterany:{held}")
    submit("batch", "--begin-time=+1000h", "-n1")
    run("queue", "stop", "debug", "--quiet")
    run("queue", "disable", "batch", "-m", "for tests", "--quiet")


def answers(handle):
    modules = handle.rpc("module.list", {}).get()["mods"]
    requests = [f'{m["name"]}.rusage {{"who":"thread"}}' for m in modules]
    said = {}
    for request in REQUESTS + requests:
        topic, payload = request.split(" ", 1)
        said[request] = handle.rpc(topic, json.loads(payload)).get()
    return said


def anonymous(text):
    """Without what is this machine's or its user's."""
    user = pwd.getpwuid(os.getuid()).pw_name
    text = re.sub(r'"path":"[^"]*/', '"path":"/usr/lib/flux/modules/', text)
    text = re.sub(r'"cwd":"[^"]*"', '"cwd":"/home/user"', text)
    text = re.sub(r'("(?:userid|ruid|uid)"):\d+', r"\1:1000", text)
    for word in [str(Path.home()), os.getcwd(), "/tmp/flux", "/usr/local"]:
        assert word not in text, word
    for word in [socket.gethostname(), user]:
        assert not re.search(rf"\b{word}\b", text), word
    return text


def dump(value, **options):
    return anonymous(json.dumps(value, separators=(",", ":"), **options))


def main():
    handle = flux.Flux()
    journal = Stream("job-manager.events-journal", JOURNAL)
    nodes = Stream("resource.journal", {})
    journal.listen(1.0)
    workload()
    journal.listen(3.0)
    nodes.listen(1.0)
    attributes = {name: handle.attr_get(name) for name in ATTRIBUTES}
    lines = ",\n".join(
        f'{dump(request)}:{dump(answer)}'
        for request, answer in answers(handle).items()
    )
    said = ",\n".join(map(dump, nodes.said))
    (HERE / "page.jsonl").write_text("".join(dump(m) + "\n" for m in journal.said))
    (HERE / "page.json").write_text(
        f'{{"attributes":{dump(attributes)},\n'
        f'"answers":{{\n{lines}}},\n'
        f'"streams":{{"resource.journal":[\n{said}]}}}}\n'
    )
    run("kvs", "unlink", "test.epilog")
    run("cancel", "--all", "--quiet")
    run("queue", "stop", "--all", "--quiet")
    idle()


main()
