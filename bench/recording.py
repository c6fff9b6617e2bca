"""Recorded journals, cut to the jobs that end in them.

So a recording can be played again and again: each time is a new life of the
same jobs.
"""

import json
from pathlib import Path

GOLDEN = Path(__file__).resolve().parent.parent / "tests/golden/mixed.jsonl"


def whole_lives(lines):
    """The lines about jobs that are seen from their submission to their end."""
    begun, ended = set(), set()
    parsed = [(line, json.loads(line)) for line in lines]
    for _, response in parsed:
        names = [event["name"] for event in response.get("events", [])]
        if "submit" in names:
            begun.add(response["id"])
        if "clean" in names:
            ended.add(response["id"])
    whole = begun & ended
    return [line for line, response in parsed if response.get("id") in whole]


def golden(path):
    """Writes the whole lives of the golden recording to `path`."""
    lines = whole_lives(GOLDEN.read_text().splitlines())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path
