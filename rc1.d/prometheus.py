"""Load the prometheus module when an instance starts (Flux 0.79 and later).

`flux modprobe rc1` calls setup(); modprobe.d/prometheus.toml says how and
where the module is loaded.
"""

import sys


def setup(context):
    """Ask for the module, in a way that cannot keep the instance from starting."""
    try:
        if wanted(context):
            load_or_log(context)
    except Exception as exc:
        log(exc)


def wanted(context):
    """
    The top-level instance gets the module unless told otherwise.  A child
    instance (a batch job, say) does not inherit its parent's configuration:
    it gets the module if its own has a [prometheus] table, even an empty one,
    as in `flux batch --conf=prometheus={} ...`.
    """
    if int(context.attr_get("instance-level", "0")) == 0:
        return True
    return context.conf_get("prometheus") is not None


def load_or_log(context):
    """
    Have modprobe load the module in its turn, where enabled.  An exception in
    any of its tasks makes rc1 fail, and the instance with it, so this one's
    stops at the log.
    """
    module = context.modprobe.get_task("prometheus")
    load = module.run

    def run(context):
        try:
            load(context)
        except Exception as exc:
            log(exc)

    if not context.dry_run:
        module.run = run
    context.load_modules(["prometheus"])


def log(exc):
    """What rc1 writes to stderr is in the broker's log, as an error."""
    print(
        f"prometheus: not loaded: {exc}. The instance starts without it; a message "
        "of the module above may say more, and `flux modprobe load prometheus` "
        "tries again",
        file=sys.stderr,
    )
