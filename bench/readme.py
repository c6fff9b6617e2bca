"""Puts the table into docs/performance.md, and its headlines into the README,
each where two comments say."""

import instance

README = "README.md"
PAGE = "docs/performance.md"

BEGIN = "<!-- written by bench/run --readme -->\n"
END = "<!-- to here -->\n"


def put(text, table, page):
    """The text of a page with another table."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page}: no {BEGIN.strip()} or no {END.strip()}")
    return f"{before}{BEGIN}\n{table}\n\n{END}{after}"


def write(table, headlines):
    for page, text in [(PAGE, table), (README, headlines)]:
        path = instance.ROOT / page
        path.write_text(put(path.read_text(), text, page))
