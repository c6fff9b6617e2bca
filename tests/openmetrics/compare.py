"""Reads the same metrics in both formats, strictly, and compares them.

Usage: compare.py OPENMETRICS TEXT
"""

import sys

from prometheus_client import parser as text_format
from prometheus_client.openmetrics import parser as openmetrics

BEGINS = {"counter", "histogram"}


def read(parser, path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(parser.text_string_to_metric_families(file.read()))


def key(sample):
    labels = dict(sample.labels)
    if "le" in labels:
        labels["le"] = float(labels["le"])
    return sample.name, frozenset(labels.items())


def samples(families):
    """Each sample's value and its family's help."""
    found = {}
    for family in families:
        for sample in family.samples:
            if family.type in BEGINS and sample.name == family.name + "_created":
                continue
            assert key(sample) not in found, f"twice: {sample}"
            # the lax parser makes integers of what looks like one
            found[key(sample)] = float(sample.value), family.documentation
    return found


def begins(family):
    """The metrics of a family, and those of them that say when they began."""
    metrics, created = set(), set()
    for sample in family.samples:
        labels = frozenset(i for i in sample.labels.items() if i[0] != "le")
        metrics.add(labels)
        if sample.name == family.name + "_created":
            assert sample.value > 1e9, sample
            created.add(labels)
    return metrics, created


def main(strict, lax):
    strict, lax = read(openmetrics, strict), read(text_format, lax)
    ours, theirs = samples(strict), samples(lax)
    assert ours, "nothing at all"
    for name in sorted(map(repr, ours.keys() ^ theirs.keys())):
        sys.exit(f"in one of the formats only: {name}")
    for name, value in ours.items():
        assert value == theirs[name], f"{name}: {value} and {theirs[name]}"
    for family in strict:
        metrics, created = begins(family)
        expected = metrics if family.type in BEGINS else set()
        assert created == expected, f"{family.name}: _created"
        for unit in ("seconds", "bytes"):
            if family.name.endswith("_" + unit):
                assert family.unit == unit, f"{family.name}: no unit"
    print(f"{len(strict)} families, {len(ours)} samples")


main(*sys.argv[1:])
