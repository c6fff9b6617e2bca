"""The table: what was measured, beside what, and whether that is enough.

Samples of the two sides are from alternating rounds. The figures shown are
their medians; the ratio is the median of the ratios of each round, in which
the machine was as busy for the one as for the other.
"""

import statistics
from dataclasses import dataclass


@dataclass
class Target:
    """A bound, of the ratio or of the figure itself."""

    bound: float
    least: bool = False  # else it is the most
    absolute: bool = False
    text: str = ""

    def met(self, row):
        value = row.value if self.absolute else row.ratio
        return value >= self.bound if self.least else value <= self.bound

    def __str__(self):
        sign = "≥" if self.least else "≤"
        return f"{sign} {self.text or f'{self.bound:g}x'}"


def at_most(bound):
    return Target(bound)


def at_least(bound):
    return Target(bound, least=True)


@dataclass
class Row:
    """A line of the table. `show` makes text of a figure."""

    what: str
    samples: list
    show: object = str
    beside: str = ""
    others: list = ()
    target: Target = None
    note: str = ""
    headline: bool = False  # one of the few that the README has, met or not

    @property
    def value(self):
        return statistics.median(self.samples)

    @property
    def other(self):
        return statistics.median(self.others)

    @property
    def ratio(self):
        if len(self.samples) != len(self.others):
            raise ValueError(f"{self.what}: rounds without a pair")
        pairs = zip(self.samples, self.others)
        return statistics.median(ours / theirs for ours, theirs in pairs)

    def cells(self):
        value = self.show(self.value)
        value += f" ({self.note})" if self.note else ""
        other = ratio = target = met = ""
        if self.others:
            other = f"{self.beside} {self.show(self.other)}"
            ratio = times(self.ratio)
        if self.target:
            target = str(self.target)
            met = "met" if self.target.met(self) else "**missed**"
        return [self.what, value, other, ratio, target, met]


HEADS = ["measured", "here", "beside it", "ratio", "wanted", ""]


def markdown(rows):
    """The table as lines that are also readable as they are."""
    cells = [HEADS, *(row.cells() for row in rows)]
    widths = [max(3, *map(len, column)) for column in zip(*cells)]
    lines = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in cells]
    rule = "| " + " | ".join("-" * width for width in widths) + " |"
    return [lines[0], rule, *lines[1:]]


def headlines(rows):
    """The few rows that say most, and how many of all meet their targets."""
    bound = [row for row in rows if row.target]
    met = sum(row.target.met(row) for row in bound)
    said = f"{met} of {len(bound)} figures that have a target meet it"
    return [
        *markdown([row for row in rows if row.headline]),
        "",
        f"{said}; [all of them](docs/performance.md), and what bounds each.",
    ]


def seconds(value):
    """A time, in the unit that suits it."""
    for scale, unit in [(1e6, "us"), (1e3, "ms")]:
        if abs(value) * scale < 1000:
            return f"{value * scale:.3g} {unit}"
    return f"{value:.3g} s"


def times(ratio):
    """A ratio, with as many digits as it takes."""
    digits = 4 if ratio < 0.001 else 3 if ratio < 0.1 else 2 if ratio < 10 else 0
    return f"{ratio:,.{digits}f}x"


def per_second(value):
    return f"{value:,.0f}/s"


def size(value):
    """Bytes: few as they are, many in units of a thousand."""
    if abs(value) < 10_000:
        return f"{value:,.0f} B"
    return f"{value / 1e6:.2f} MB"
