"""Headless Chromium by its DevTools protocol, over two pipes: no driver and
no port is needed, and it ends when the pipe does."""

import base64
import json
import subprocess
import tempfile
import time

FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
    "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--hide-scrollbars", "--remote-debugging-pipe",
]  # fmt: skip

PATIENCE = 60


class Browser:
    """One browser, for the length of a `with` block."""

    def __init__(self, program):
        self.folder = tempfile.TemporaryDirectory(prefix="chromium-")
        # it reads commands from descriptor 3 and answers on 4
        command = 'exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1'
        self.process = subprocess.Popen(
            ["sh", "-c", command, program, *FLAGS, f"--user-data-dir={self.folder.name}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.last = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self.send("Browser.close")
            self.process.stdin.close()
            self.process.wait(PATIENCE)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()

    def send(self, method, session=None, **params):
        self.last += 1
        message = {"id": self.last, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        self.process.stdin.write(json.dumps(message).encode() + b"\0")
        self.process.stdin.flush()
        return self.last

    def receive(self):
        message = bytearray()
        while (byte := self.process.stdout.read(1)) != b"\0":
            if not byte:
                raise ChildProcessError("the browser is gone")
            message += byte
        return json.loads(message)

    def page(self):
        return Page(self)


class Page:
    """A tab that notes everything it complains about."""

    def __init__(self, browser):
        self.browser = browser
        self.complaints = []
        self.requests = 0
        self.answer = None  # a code to answer requests for metrics with
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ["Page", "Runtime", "Log", "Network"]:
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        wanted = self.browser.send(method, self.session, **params)
        while True:
            message = self.browser.receive()
            if message.get("id") == wanted:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.notice(message)

    def notice(self, message):
        """Errors, warnings, exceptions, and violations of the policy, which
        the browser logs as errors."""
        params = message.get("params", {})
        match message.get("method"):
            case "Network.requestWillBeSent":
                self.requests += 1
            case "Fetch.requestPaused":
                request = {"requestId": params["requestId"]}
                how = ("continueRequest", {})
                if self.answer:
                    how = ("fulfillRequest", {"responseCode": self.answer})
                self.browser.send(f"Fetch.{how[0]}", self.session, **request, **how[1])
            case "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                text = details.get("exception", {}).get("description")
                self.complaints.append(text or details["text"])
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning"):
                self.complaints.append(str(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                entry = params["entry"]
                self.complaints.append(f"{entry['text']} {entry.get('url', '')}")

    def screen(self, width, height, dark=False, phone=False):
        """What it is shown on."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, mobile=phone,
            deviceScaleFactor=2 if phone else 1,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def open(self, url):
        self.call("Page.navigate", url=url)

    def run(self, expression):
        """The value of an expression in the page."""
        result = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait(self, what, expression):
        """Waits until an expression is true, and returns its value."""
        until = time.monotonic() + PATIENCE
        while not (value := self.run(expression)):
            if time.monotonic() > until:
                text = self.run("document.body.innerText")
                raise AssertionError(f"never happened: {what}\n{text}\n{self.complaints}")
            time.sleep(0.1)
        return value

    def picture(self, path, whole=False):
        """A picture of what is to be seen, or of the whole page."""
        answer = self.call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=whole
        )
        with open(path, "wb") as file:
            file.write(base64.b64decode(answer["data"]))
