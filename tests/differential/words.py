"""Names, as Flux and /metrics have them."""

STATES = {2: "depend", 4: "priority", 8: "sched", 16: "run", 32: "cleanup"}
RESULTS = {1: "completed", 2: "failed", 4: "canceled", 8: "timeout"}
NODE_STATES = ("free", "allocated", "draining", "drained", "down", "excluded")
BOUNDS = "0.1 0.5 1 5 15 60 300 900 1800 3600 7200 14400 28800 43200 86400"
BOUNDS = BOUNDS.split() + ["172800", "604800"]
CAUSES = {
    "exec": "exec",
    "alloc": "alloc",
    "alloc-check": "alloc",
    "dependency": "depend",
    "prolog": "prolog",
    "epilog": "epilog",
}
TYPES = set(CAUSES) | {
    "cancel",
    "node-failure",
    "scheduler-restart",
    "timeout",
}


def series(name, **labels):
    inside = ",".join(f'{k}="{v}"' for k, v in sorted(labels.items()))
    return f"{name}{{{inside}}}" if inside else name


def kind(context):
    """The type of an exception, as /metrics has it."""
    name = context["type"]
    if name == "depend":
        return "dependency"
    return name if name in TYPES else "other"
