#!/usr/bin/env python3
"""Writes the Grafana dashboards, a JSON file each, from the Python files beside
them, one each: edit those.

    dashboards/generate.py           write them
    dashboards/generate.py --check   fail if they are not what this writes

What @ and @queue stand for: see grafana.py.
"""

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
from broker import BROKER
from overview import OVERVIEW
from queues import QUEUE

HERE = Path(__file__).parent
DASHBOARDS = {"overview": OVERVIEW, "queues": QUEUE, "broker": BROKER}


def main(check):
    stale = []
    for name, board in DASHBOARDS.items():
        path = HERE / f"{name}.json"
        text = json.dumps(board, indent=1, ensure_ascii=False) + "\n"
        if not check:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(path.name)
    if stale:
        sys.exit(f"out of date: {', '.join(stale)}: run dashboards/generate.py")


main("--check" in sys.argv[1:])
