"""What the module is measured beside: other servers, each in a `with` block."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
from pathlib import Path

from client import cpu, get
from tools import PEERS, environment, program

NGINX = """
daemon off;
{user}
worker_processes 1;
pid {dir}/pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=10;
    keepalive_requests 1000000;
    default_type "text/plain; version=0.0.4";
    client_body_temp_path {dir};
    proxy_temp_path {dir};
    fastcgi_temp_path {dir};
    uwsgi_temp_path {dir};
    scgi_temp_path {dir};
    server {{ listen 127.0.0.1:{port} reuseport; root {dir}; }}
}}
"""


class Server:
    """A process that serves HTTP on a port of its own."""

    path = "/metrics"
    env = environment()

    def __enter__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}{self.path}"
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            self.command(),
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        try:
            self.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def wait(self):
        until = time.monotonic() + 30
        while self.process.poll() is None and time.monotonic() < until:
            try:
                return get(self.url)
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.05)
        self.log.seek(0)
        raise RuntimeError(f"{self.name} does not answer:\n{self.log.read()}")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(30)

    def cpu(self):
        """Processor seconds so far."""
        return cpu(self.process.pid)


class Nginx(Server):
    """One worker, serving bytes from a file."""

    name = "nginx"

    def command(self):
        self.folder = Path(tempfile.mkdtemp(prefix="bench-nginx-"))
        (self.folder / "metrics").write_bytes(b"up 1\n")
        root = os.getuid() == 0
        config = NGINX.format(
            dir=self.folder, port=self.port, user="user root;" if root else ""
        )
        (self.folder / "nginx.conf").write_text(config)
        conf = ["-c", str(self.folder / "nginx.conf")]
        return [program("nginx"), "-e", "stderr", "-p", str(self.folder), *conf]

    def serve(self, name, page):
        """The URL of these bytes; a name is good for one page."""
        (self.folder / name).write_bytes(page)
        url = f"http://127.0.0.1:{self.port}/{name}"
        if get(url) != page:
            raise RuntimeError(f"{url}: not the bytes it was given")
        return url

    def __exit__(self, *_):
        super().__exit__()
        shutil.rmtree(self.folder, ignore_errors=True)


class NodeExporter(Server):
    name = "node_exporter"

    def command(self):
        listen = f"--web.listen-address=127.0.0.1:{self.port}"
        # it refuses more than 40 at a time otherwise
        unlimited = "--web.max-requests=0"
        return [program("prometheus-node-exporter"), listen, unlimited]


class Python(Server):
    """A Flux exporter from PyPI, in a Flux instance."""

    def __init__(self, instance):
        self.instance = instance
        self.env = instance.env

    def command(self):
        path = PEERS / self.package
        if not path.exists():
            raise FileNotFoundError(f"{self.name} not found: run scripts/bench-deps")
        # `flux python` puts Flux's own modules first
        code = (
            f"import sys; sys.path.insert(0, {str(PEERS)!r}); "
            f"from {self.package}.server import main; main()"
        )
        options = [f"--port={self.port}", "--host=127.0.0.1"]
        return [self.instance.program, "python", "-c", code, "start", *options]

    def cpu(self):
        """What it has the broker do is part of its cost."""
        return super().cpu() + self.instance.cpu_of_all()


class PrometheusFlux(Python):
    name = "prometheus-flux"
    package = "promflux"
    path = "/metrics/"


class FluxMetricsApi(Python):
    """It has no page; this is one number of it."""

    name = "flux-metrics-api"
    package = "flux_metrics_api"
    path = (
        "/apis/custom.metrics.k8s.io/v1beta2/namespaces/flux-operator"
        "/metrics/job_queue_state_sched_count"
    )
