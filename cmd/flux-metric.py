#!/bin/false
"""flux metric: publish metrics through the prometheus broker module."""

import argparse
import errno
import json
import logging
import math
import re
import sys

import flux
from flux.constants import FLUX_RPC_NORESPONSE
from flux.util import CLIMain, help_formatter, parse_fsd

LOGGER = logging.getLogger("flux-metric")


def number(text):
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"expected a finite number, got '{text}'")
    return value


def label(text):
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"expected NAME=VALUE, got '{text}'")
    return name, value


def duration(text):
    try:
        seconds = parse_fsd(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error))
    if not math.isfinite(seconds):
        raise argparse.ArgumentTypeError(f"expected 1s to 7d, got '{text}'")
    return seconds


def request(args, method, payload):
    """Ask the module, and say so if it is not there."""
    topic = f"{args.module}.{method}"
    flags = FLUX_RPC_NORESPONSE if getattr(args, "no_wait", False) else 0
    future = flux.Flux().rpc(topic, payload, nodeid=args.rank, flags=flags)
    if flags:
        return None
    try:
        return future.get()
    except OSError as error:
        if error.errno == errno.EHOSTUNREACH:
            raise ValueError(f"--rank {args.rank}: this instance has no such rank")
        if error.errno == errno.ENOSYS:
            raise ValueError(
                f"{topic}: the module is not loaded on rank {args.rank}, or is"
                " too old, or its collector 'custom' is off"
            )
        raise


def publish(args):
    update = {"name": args.name, "type": args.type, "value": args.value}
    if args.label:
        update["labels"] = dict(args.label)
        if len(update["labels"]) < len(args.label):
            raise ValueError("--label: a name is given more than once")
    if args.help_text is not None:
        update["help"] = args.help_text
    if args.ttl is not None:
        update["ttl"] = args.ttl
    if getattr(args, "buckets", None):
        update["buckets"] = args.buckets
    request(args, "update", update)


def quoted(text):
    for raw, escaped in ("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"):
        text = text.replace(raw, escaped)
    return f'"{text}"'


def show(args):
    reply = request(args, "custom-list", {})
    if args.json:
        print(json.dumps(reply))
        return
    rows = [("TYPE", "EXPIRES", "VALUE", "SERIES")]
    for family in reply["families"]:
        for series in family["series"]:
            value = series["value"]
            if isinstance(value, dict):
                value = f"{value['count']}, sum {value['sum']:g}"
            else:
                value = f"{value:g}"
            labels = series["labels"].items()
            labels = ",".join(f"{name}={quoted(text)}" for name, text in labels)
            labels = f"{{{labels}}}" if labels else ""
            expires = f"{series['expires_in']:.0f}s"
            rows.append((family["type"], expires, value, family["name"] + labels))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths)]
        print(" ".join([*cells, row[3]]))


def parser():
    main = argparse.ArgumentParser(
        prog="flux-metric", formatter_class=help_formatter()
    )
    commands = main.add_subparsers(
        title="supported subcommands", description="", dest="command", metavar="COMMAND"
    )
    commands.required = True

    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--rank",
        metavar="N",
        type=int,
        default=0,
        help="Ask the module on this rank (default 0)",
    )
    common.add_argument(
        "--module",
        metavar="NAME",
        default="prometheus",
        help="Ask the module of this name (default prometheus)",
    )

    update = argparse.ArgumentParser(add_help=False)
    update.add_argument(
        "-l",
        "--label",
        metavar="NAME=VALUE",
        type=label,
        action="append",
        help="Add a label, may be given more than once",
    )
    update.add_argument(
        "--help-text", metavar="TEXT", help="Say what the metric means"
    )
    update.add_argument(
        "--ttl",
        metavar="FSD",
        type=duration,
        help="How long the series stays if it is not refreshed, from 1s to 7d",
    )
    update.add_argument(
        "--no-wait",
        action="store_true",
        help="Do not wait to hear whether the update was taken",
    )
    update.add_argument("name", metavar="NAME", help="Name without the prefix")

    for command, kind, text in (
        ("set", "gauge", "set a gauge"),
        ("add", "counter", "add to a counter"),
        ("observe", "histogram", "observe a value into a histogram"),
    ):
        sub = commands.add_parser(
            command,
            parents=[common, update],
            formatter_class=help_formatter(),
            help=text,
        )
        # argparse would take -1e-6 for an option
        sub._negative_number_matcher = re.compile(r"-\.?\d")
        if command == "observe":
            sub.add_argument(
                "--buckets",
                metavar="BOUND[,BOUND...]",
                type=lambda text: [number(item) for item in text.split(",")],
                help="Upper bounds, increasing, for the first observation",
            )
        if command == "add":
            sub.add_argument(
                "value",
                metavar="VALUE",
                type=number,
                nargs="?",
                default=1,
                help="How much to add (default 1)",
            )
        else:
            sub.add_argument("value", metavar="VALUE", type=number)
        sub.set_defaults(func=publish, type=kind)

    sub = commands.add_parser(
        "list",
        parents=[common],
        formatter_class=help_formatter(),
        help="list what is published; guests see their own",
    )
    sub.add_argument("--json", action="store_true", help="Print JSON")
    sub.set_defaults(func=show)
    return main


@CLIMain(LOGGER)
def main():
    sys.stdout = open(
        sys.stdout.fileno(), "w", encoding="utf8", errors="surrogateescape"
    )
    args = parser().parse_args()
    args.func(args)


if __name__ == "__main__":
    main()
