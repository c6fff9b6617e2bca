"""The programs that scripts/bench-deps gets."""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "target/tools"
PEERS = TOOLS / "peers"


def program(name):
    """A program's path: what bench-deps unpacked, or of PATH."""
    unpacked = os.pathsep.join([f"{TOOLS}/usr/bin", f"{TOOLS}/usr/sbin"])
    path = os.pathsep.join([unpacked, os.environ["PATH"], "/usr/sbin"])
    found = shutil.which(name, path=path)
    if not found:
        raise FileNotFoundError(f"{name} not found: run scripts/bench-deps")
    return found


def environment(**more):
    """This one, in which unpacked programs find their libraries."""
    paths = [str(path) for path in TOOLS.glob("usr/lib/*-linux-*")]
    paths += filter(None, [os.environ.get("LD_LIBRARY_PATH")])
    libraries = {"LD_LIBRARY_PATH": os.pathsep.join(paths)} if paths else {}
    return {**os.environ, **libraries, **more}
