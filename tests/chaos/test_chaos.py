"""A short storm with each store (tests/chaos/chaos.py runs long ones), and proof that its judge finds what is wrong."""

import pathlib
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import history  # noqa: E402  (the paths are made just above)
import support  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent


class Storm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not any(map(shutil.which, ("cc", "gcc", "clang"))):
            raise unittest.SkipTest("no C compiler: the module of tasks that write down their runs cannot be built")

    def storm(self, store):
        words = ("--store", store, "--tasks", "5000", "--seconds", "10")
        ended = subprocess.run([sys.executable, str(HERE / "chaos.py"), *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                               timeout=110)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        table = {line[:62].strip(): line[62:].strip() for line in ended.stdout.splitlines()}
        self.assertEqual((table["tasks submitted"], table["acknowledged"]), ("5000", "5000"))
        self.assertGreaterEqual(int(table["runs"]), int(table["ended: success"]))
        self.assertGreater(int(table["workers killed"]), 0, "there was no storm")

    def test_fault_5_fault_7_fault_14_no_task_is_lost_while_workers_are_killed_and_all_processes_stand_still_at_times(self):
        self.storm("memory")

    def test_fault_11_no_task_is_lost_or_told_twice_while_the_control_plane_is_killed_as_well(self):
        self.storm("sqlite")

    def test_absurd_numbers_are_refused(self):
        for word in ("--tasks=0", "--seconds=0", "--workers=1000"):
            ended = subprocess.run([sys.executable, str(HERE / "chaos.py"), word], capture_output=True, text=True, timeout=30)
            self.assertEqual((ended.returncode, ended.stdout), (2, ""))
            self.assertIn(word.partition("=")[0], ended.stderr)


class Judgement(unittest.TestCase):
    """A made-up history with one thing wrong in it, or none."""

    def setUp(self):
        self.book = history.Book()
        self.lives = {name: history.Life(name, 0) for name in ("w1.1", "w2.1")}
        self.planes = [history.Life("control plane", 0)]

    def task(self, once=False, sent=1.0):
        number = f"00000000-0000-4000-8000-{len(self.book.tasks):012}"
        made = self.book.add(history.Task(number, once, "normal", 0))
        made.sent = sent
        return made

    def ran(self, task, life, attempt, at):
        self.book.ran(life, [f"{task.plain} {attempt} {int(at * 1e9)}"])

    def wrongs(self):
        """Which kinds were found."""
        self.judge = history.Judge(self.book, self.lives, self.planes, 2)
        self.judge.judge()
        return [kind for kind, found in self.book.wrongs.items() if found]

    def test_a_task_that_ran_once_and_was_told_as_it_ran_is_good_however_often_it_is_told(self):
        task = self.task()
        self.ran(task, "w1.1", 1, 2)
        for _ in range(3):
            self.book.ended(task, "success", "", '"w1.1 1"')
        self.assertEqual(self.wrongs(), [])
        self.assertTrue(self.book.is_good())

    def test_another_end_than_before_differs(self):
        task = self.task()
        self.ran(task, "w1.1", 1, 2)
        self.ran(task, "w2.1", 2, 3)
        self.lives["w1.1"].killed = 2.5
        self.book.ended(task, "success", "", '"w2.1 2"')
        self.book.ended(task, "success", "", '"w1.1 1"')
        self.assertEqual(self.wrongs(), ["differs"])
        self.assertFalse(self.book.is_good())

    def test_what_was_never_answered_is_unknown(self):
        self.task()
        self.task(sent=None)  # never sent: nobody owes an answer
        self.assertEqual(self.wrongs(), ["unknown"])

    def test_what_ran_and_was_never_submitted_is_unexpected(self):
        self.book.ran("w1.1", ["00" * 16 + " 1 1000000000"])
        self.ran(self.task(sent=None), "w1.1", 1, 2)
        self.assertEqual(self.wrongs(), ["unexpected"])
        self.assertEqual(len(self.book.wrongs["unexpected"]), 2)

    def test_a_result_of_a_run_that_never_was_is_unexpected(self):
        task = self.task()
        self.ran(task, "w1.1", 1, 2)
        self.book.ended(task, "success", "", '"w2.1 1"')
        self.assertEqual(self.wrongs(), ["unexpected"])

    def test_failures_are_wrong_but_those_that_a_lost_worker_or_a_lost_answer_bring_to_tasks_that_run_at_most_once(self):
        for code in ("worker_lost", "outcome_unknown"):
            self.book.ended(self.task(once=True), "failure", code, "")
        self.assertEqual(self.wrongs(), [])
        self.book.ended(self.task(), "failure", "worker_lost", "")
        self.book.ended(self.task(once=True), "failure", "handler_error", "")
        self.assertEqual(self.wrongs(), ["failed"])
        self.assertEqual(len(self.book.wrongs["failed"]), 2)

    def test_a_task_that_ran_again_is_explained_by_what_happened_to_its_worker_or_to_the_control_plane(self):
        self.lives["w1.1"].stops.append((5.0, 7.5))
        self.planes[0].killed = 20.0
        for first, life in ((4.0, "w1.1"), (19.0, "w1.1"), (29.0, "w2.1")):
            task = self.task(sent=first)
            self.ran(task, life, 1, first)
            self.ran(task, "w1.1", 2, first + 4)
        self.lives["w2.1"].killed = 30.0
        self.assertEqual(self.wrongs(), ["unknown"])  # which is not the question here
        self.assertEqual(set(self.judge.causes.values()), {1})
        self.assertEqual(len(self.judge.causes), 3)

    def test_a_task_that_ran_again_though_its_worker_only_stood_still_for_a_moment_or_was_killed_long_ago_is_unexplained(self):
        self.lives["w1.1"].stops.append((5.0, 5.5))
        self.lives["w2.1"].killed = 1.0
        for life in ("w1.1", "w2.1"):
            task = self.task(sent=4.0)
            self.ran(task, life, 1, 4.5)
            self.ran(task, "w1.1", 2, 6)
            self.book.ended(task, "success", "", '"w1.1 2"')
        self.assertEqual(self.wrongs(), ["unexplained"])
        self.assertEqual(len(self.book.wrongs["unexplained"]), 2)

    def test_an_attempt_runs_once_a_task_that_asks_for_it_as_well_and_a_replaced_attempt_brings_no_result(self):
        self.planes[0].killed = 2.5
        for once, attempts, believed in ((False, (1, 1), 1), (True, (1, 2), 2), (False, (1, 2), 1)):
            task = self.task(once)
            for at, attempt in enumerate(attempts):
                self.ran(task, "w1.1", attempt, 2 + at)
            self.book.ended(task, "success", "", f'"w1.1 {believed}"')
        self.assertEqual(self.wrongs(), ["ran twice", "attempt twice", "overtaken"])


if __name__ == "__main__":
    support.main()
