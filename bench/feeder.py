"""Jobs that pass through a simulated instance, so that events flow."""

import threading


class Feeder:
    """Submits a bunch of short jobs every so often, on a thread."""

    PERIOD = 0.05
    JOB = ["-n1", "--queue=debug", "--setattr=exec.test.run_duration=0.001s", "true"]

    def __init__(self, instance):
        self.instance = instance
        self.rate = 0.0
        self.thread = None

    def go(self):
        if not self.thread:
            self.over = threading.Event()
            self.thread = threading.Thread(target=self.feed)
            self.thread.start()

    def stop(self):
        if self.thread:
            self.over.set()
            self.thread.join()
            self.thread = None

    def feed(self):
        owed = 0.0
        while not self.over.wait(self.PERIOD):
            owed += self.rate * self.PERIOD
            if bunch := int(owed):
                owed -= bunch
                self.instance.run("submit", f"--cc=1-{bunch}", *self.JOB)
