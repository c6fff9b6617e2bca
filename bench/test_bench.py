"""The arithmetic of the table, and of what is compared with what."""

import contextlib
import io
import json
import runpy
import unittest
from pathlib import Path

import instance
import readme
from recording import whole_lives
from table import (
    Row,
    Target,
    at_least,
    at_most,
    headlines,
    markdown,
    seconds,
    size,
    times,
)


class Table(unittest.TestCase):
    def test_the_ratio_is_of_rounds_and_not_of_medians(self):
        # the second round was twice as slow for both
        row = Row("x", [2, 4, 3], others=[1, 2, 3])
        self.assertEqual((row.value, row.other, row.ratio), (3, 2, 2))

    def test_a_round_without_a_pair_is_a_mistake(self):
        with self.assertRaisesRegex(ValueError, "x: rounds without a pair"):
            Row("x", [1, 2], others=[1]).cells()

    def test_targets(self):
        for target, met in [
            (at_most(1.5), True),
            (at_most(1.4), False),
            (at_least(1.5), True),
            (at_least(1.6), False),
            (Target(3, absolute=True, text="3 s"), True),
            (Target(2, absolute=True, text="2 s"), False),
        ]:
            row = Row("x", [3], others=[2], target=target)
            self.assertEqual(target.met(row), met, target)
            self.assertEqual(row.cells()[-1], "met" if met else "**missed**")

    def test_lines(self):
        scrape = Row(
            "scrape", [2e-3], seconds, "nginx", [1e-3], at_most(1.1), "p99 3 ms"
        )
        lines = markdown([scrape, Row("size", [3.2e6], size)])
        cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
        wanted = [
            "scrape",
            "2 ms (p99 3 ms)",
            "nginx 1 ms",
            "2.00x",
            "≤ 1.1x",
            "**missed**",
        ]
        self.assertEqual(cells[2:], [wanted, ["size", "3.20 MB", "", "", "", ""]])
        self.assertEqual(len(set(map(len, lines))), 1, "columns are aligned")

    def test_headlines_count_what_they_leave_out(self):
        rows = [
            Row("told", [3], others=[2], target=at_most(1.1), headline=True),
            Row("left out", [2], others=[2], target=at_most(1.1)),
            Row("without a target", [2]),
        ]
        lines = headlines(rows)
        self.assertEqual(lines[:3], markdown(rows[:1]))
        self.assertRegex(lines[-1], "^1 of 2 figures .*docs/performance.md")

    def test_figures(self):
        self.assertEqual(seconds(71.4e-6), "71.4 us")
        self.assertEqual(seconds(0.0123), "12.3 ms")
        self.assertEqual(seconds(12.94), "12.9 s")
        self.assertEqual(size(97.4), "97 B")
        self.assertEqual(size(2_306_000), "2.31 MB")
        self.assertEqual(times(0.00042), "0.0004x")
        self.assertEqual(times(0.0042), "0.004x")
        self.assertEqual(times(1324.07), "1,324x")


class Readme(unittest.TestCase):
    def test_only_what_is_between_the_comments_is_replaced(self):
        page = f"a\n\n{readme.BEGIN}\nold\n\n{readme.END}\nb\n"
        wanted = f"a\n\n{readme.BEGIN}\nnew\n\n{readme.END}\nb\n"
        self.assertEqual(readme.put(page, "new", "x.md"), wanted)
        for lost in [readme.BEGIN, readme.END]:
            with self.assertRaisesRegex(ValueError, "x.md: no "):
                readme.put(page.replace(lost, ""), "new", "x.md")

    def test_both_pages_have_them(self):
        for page in [readme.README, readme.PAGE]:
            text = (instance.ROOT / page).read_text()
            self.assertIn("\nnew\n", readme.put(text, "new", page))


class Recording(unittest.TestCase):
    def test_only_whole_lives_are_played_again(self):
        def line(job, *names):
            return json.dumps({"id": job, "events": [{"name": n} for n in names]})

        sentinel = line(-1)
        late, unfinished = line(1, "clean"), line(2, "submit")
        whole = [line(3, "submit"), line(3, "alloc"), line(3, "clean")]
        lines = [sentinel, late, unfinished, *whole]
        self.assertEqual(whole_lives(lines), whole)


class Instructions(unittest.TestCase):
    def test_more_than_the_margin_is_a_regression(self):
        script = runpy.run_path(str(Path(__file__).with_name("instructions")))
        counts = {"same": 1049, "more": 1060, "fewer": 900}
        recorded = dict.fromkeys(counts, 1000)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            self.assertEqual(script["compare"](counts, recorded), ["more"])
        self.assertIn("--bless", out.getvalue())


if __name__ == "__main__":
    unittest.main()
