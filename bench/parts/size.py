"""How large prometheus.so is, stripped."""

import subprocess
import tempfile

import instance
from table import Row, Target, size


def rows():
    with tempfile.NamedTemporaryFile() as stripped:
        command = ["strip", "-o", stripped.name, str(instance.MODULE)]
        subprocess.run(command, check=True)
        stripped.seek(0, 2)
        bytes = stripped.tell()
    target = Target(4e6, absolute=True, text="4 MB")
    what = "prometheus.so, stripped"
    return [Row(what, [bytes], size, target=target, headline=True)]
