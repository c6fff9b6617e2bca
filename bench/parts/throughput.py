"""How many jobs per second Flux gets done with and without the module, which
is scraped every second. The same instance, by turns: it becomes slower with
the jobs it remembers."""

import sys
import threading

import instance
import plan
from client import get
from table import Row, at_least, per_second

SKIPPED = None if instance.FLUX else instance.SKIPPED


def rows():
    with instance.Flux() as one:

        def run():
            return float(one.python("throughput", plan.THROUGHPUT_JOBS))

        run()  # the first is slower than all others
        scraped, without = [], []
        for turn in range(plan.ROUNDS):
            # whoever goes second has more to remember: take turns at that too
            order = [False, True] if turn % 2 == 0 else [True, False]
            for loaded in order:
                if loaded:
                    scraped.append(with_module(one, run))
                else:
                    without.append(run())
            print(
                f"  throughput, round {turn + 1} of {plan.ROUNDS}: "
                f"{scraped[-1]:.0f}/s scraped, {without[-1]:.0f}/s without",
                file=sys.stderr,
            )
    what = "Flux: jobs done, module scraped every second"
    target = at_least(0.99)
    return [
        Row(what, scraped, per_second, "without", without, target, headline=True)
    ]


def with_module(one, run):
    one.load()
    over = threading.Event()

    def scrape():
        while not over.wait(1.0):
            get(one.url)

    scraper = threading.Thread(target=scrape)
    scraper.start()
    try:
        return run()
    finally:
        over.set()
        scraper.join()
        one.unload()
