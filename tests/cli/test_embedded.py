"""A queue inside a program (examples/embedded), killed with SIGKILL wherever it happens to be, and started again."""

import pathlib
import re
import signal
import sqlite3
import tempfile
import unittest

import support

PROGRAM = str(support.BIN / "embedded")
COUNTS = ["tasks: 200 of 200 ended, each once",
          "run again: only what was running when it died",
          "orders: 2 committed, 2 receipts"]


@unittest.skipUnless(pathlib.Path(PROGRAM).exists(), "the example is built only where SQLite is")
class Embedded(support.Case):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def live(self, *options):
        return self.start([PROGRAM, self.folder, *options])

    def ends_well(self, program):
        self.assertEqual(program.wait(), 0, program.lines)
        self.assertEqual([line for line in program.lines if not re.match("(accepted|ended) ", line)], COUNTS)

    def rows(self, name):
        """What the program's own database holds."""
        with sqlite3.connect(pathlib.Path(self.folder) / "shop.db") as db:
            return [row[0] for row in db.execute(f"SELECT * FROM {name}")]

    def test_it_goes_on_after_each_of_several_kills(self):
        for ended in (20, 80, 140):
            program = self.live()
            program.wait_for(f"^ended {ended}$")
            program.signal(signal.SIGKILL)
            self.assertEqual(program.wait(), -signal.SIGKILL)
        program = self.live()
        self.assertEqual(program.wait(), 0, program.lines)
        self.assertEqual(program.lines[-3], COUNTS[0])
        self.assertEqual(program.lines[-1], COUNTS[2])
        runs = self.rows("runs")
        self.assertEqual(sorted(set(runs)), list(range(200)))
        self.assertLessEqual(len(runs), 200 + 2 * 3)  # two handlers at once: what a kill cuts off
        self.assertEqual(self.rows("receipts"), [1, 3])

    def test_a_kill_by_its_own_handler_costs_the_runs_of_that_moment_only(self):
        self.assertEqual(self.live("--crash-after", "33").wait(), -signal.SIGKILL)
        self.ends_well(self.live())

    def test_a_life_after_the_last_finds_everything_ended_and_runs_nothing(self):
        self.ends_well(self.live())
        before = self.rows("runs")
        self.ends_well(self.live())
        self.assertEqual(self.rows("runs"), before)
        self.assertEqual(len(before), 200)

    def test_two_at_once_on_one_folder_are_refused_in_a_sentence(self):
        first = self.live()
        first.wait_for("^accepted 200$")
        first.signal(signal.SIGSTOP)
        try:
            second = self.live()
            self.assertEqual(second.wait(), 1)
            self.assertEqual(len(second.lines), 1, second.lines)
            self.assertIn("queue.db", second.lines[0])
        finally:
            first.signal(signal.SIGCONT)
        self.ends_well(first)


if __name__ == "__main__":
    unittest.main()
