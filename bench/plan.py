"""How much is measured: all of it, or with BENCH_QUICK=1 enough to see that
everything works, which says nothing about speed."""

import os

QUICK = os.environ.get("BENCH_QUICK", "") not in ("", "0")


def either(full, quick):
    return quick if QUICK else full


# rounds in which the measured things take turns, and seconds of load in each
ROUNDS = int(os.environ.get("BENCH_ROUNDS", either(5, 1)))
SECONDS = int(os.environ.get("BENCH_SECONDS", either(2, 1)))

# the same, beside those that take a tenth of a second for a scrape
SLOW_SECONDS = either(5, SECONDS)

# active jobs: simulated, and in Flux
SIMULATED = either([0, 10_000, 100_000, 1_000_000], [0, 2_000])
FLUX = either([0, 5_000], [100])
LOADED = either(100_000, 2_000)
HELD = either(1_000_000, 20_000)
FINISHED = either(1_000_000, 100_000)

# events a second, and how often the rate of jobs is corrected to that end
FLOW = 2000
CALIBRATIONS = either(3, 0)

# the noisiest of all: more rounds
THROUGHPUT_JOBS = either(1000, 60)
THROUGHPUT_ROUNDS = 2 * ROUNDS
FRESH_JOBS = either(200, 5)
RECORDED_JOBS = either(2000, 50)
# seconds of processor time for each consumer of the journal, about
JOURNAL_SECONDS = either(3.0, 0.3)
