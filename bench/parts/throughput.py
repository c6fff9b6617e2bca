"""How many jobs per second Flux gets done with and without the module, which
is scraped every second, and the processor time of its broker that a job takes:
which is what decides where all cores are busy, and varies less. The same
instance, by turns: it becomes slower with the jobs it remembers."""

import sys
import threading

import instance
import plan
from client import get
from table import Row, at_least, per_second, seconds

SKIPPED = None if instance.FLUX else instance.SKIPPED


def rows():
    with instance.Flux(threads=True) as one:

        def run():
            before = one.cpu_of_all()
            rate = float(one.python("throughput", plan.THROUGHPUT_JOBS))
            return rate, (one.cpu_of_all() - before) / plan.THROUGHPUT_JOBS

        run()  # the first is slower than all others
        scraped, without = [], []
        for turn in range(plan.THROUGHPUT_ROUNDS):
            # whoever goes second has more to remember: take turns at that too
            order = [False, True] if turn % 2 == 0 else [True, False]
            for loaded in order:
                if loaded:
                    scraped.append(with_module(one, run))
                else:
                    without.append(run())
            print(
                f"  throughput, round {turn + 1} of {plan.THROUGHPUT_ROUNDS}: "
                f"{scraped[-1][0]:.0f}/s scraped, {without[-1][0]:.0f}/s without",
                file=sys.stderr,
            )
    (rates, times), (other_rates, other_times) = zip(*scraped), zip(*without)
    what = "Flux: jobs done, module scraped every second"
    cost = "Flux: processor time of a job, module scraped every second"
    return [
        Row(
            what,
            rates,
            per_second,
            "without",
            other_rates,
            at_least(0.99),
            headline=True,
        ),
        Row(cost, times, seconds, "without", other_times),
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
