"""Puts the table into the README, where two comments say."""

import instance

README = instance.ROOT / "README.md"

BEGIN = "<!-- written by bench/run --readme -->\n"
END = "<!-- to here -->\n"


def put(text, table):
    """The README with another table."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md: no {BEGIN.strip()} or no {END.strip()}")
    return f"{before}{BEGIN}\n{table}\n\n{END}{after}"


def write(table):
    README.write_text(put(README.read_text(), table))
