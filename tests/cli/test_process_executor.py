"""`--executor process` and `--local process`: what a task does to its process, it does to that alone."""

import os
import signal
import unittest.mock

import support


@unittest.skipIf(os.environ.get("FASTQUEUE_SANITIZED") == "thread", "ThreadSanitizer begins no threads in a fork of a program that has some")
class ProcessExecutor(support.Case):
    @classmethod
    def setUpClass(cls):
        cls.crash = support.build_module(cls, "crash_tasks.c")
        # AddressSanitizer would end a child in its own way, and look for leaks in what exit leaves.
        cls.enterClassContext(unittest.mock.patch.dict(os.environ, ASAN_OPTIONS="handle_segv=0:detect_leaks=0"))

    def isolating(self, plane, *options):
        return self.worker("safe", plane, "--executor", "process", *options, modules=("mytasks", self.crash))

    def failure(self, plane, name, *arguments, options=()):
        """The code and the text of a task that fails."""
        ended = self.end_of(plane, self.begin_task(plane, name, *arguments, options=options))
        self.assertEqual(ended["state"], "failure", ended)
        return ended["code"], ended["error"]

    def children(self, worker):
        """The process ids of those that run tasks: of the children of its only child."""
        def of(pid):
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                return [int(word) for word in file.read().split()]
        (zygote,) = of(worker.process.pid)
        return of(zygote)

    def test_a_crash_fails_the_task_and_not_its_worker(self):
        plane = self.plane("--local", "off")
        worker = self.isolating(plane)
        self.assertEqual(self.failure(plane, "crash.say"),
                         ("handler_error", "the handler's process was ended by signal 11 (Segmentation fault); "
                                           "its last lines on stderr:\na first line\nthere is no such disk"))
        self.assertEqual(self.failure(plane, "crash.exit"), ("handler_error", "the handler's process ended with exit status 0"))
        code, text = self.failure(plane, "crash.abort")
        self.assertEqual(code, "handler_error")
        self.assertIn("ended by signal 6 (Aborted)", text)
        self.assertEqual(self.value(plane, "add", 5, 3), 8)
        self.stops(worker)
        self.assertIn("there is no such disk", worker.lines, "what tasks say on stderr is seen")

    def test_a_task_that_died_is_tried_again_as_one_that_failed(self):
        plane = self.plane("--local", "off")
        self.isolating(plane)
        trace = os.path.join(self.folder, "trace")
        task = self.begin_task(plane, "crash.work", trace, options=("--retries", "2"))
        ended = self.end_of(plane, task)
        self.assertEqual((ended["value"], ended["attempt"]), (2, 2))

    def test_a_task_over_its_time_limit_is_ended_and_its_place_is_free_again(self):
        plane = self.plane("--local", "off")
        worker = self.isolating(plane)
        before = self.children(worker)
        code, text = self.failure(plane, "crash.hang", options=("--timeout", "0.3"))
        self.assertEqual((code, text), ("timeout", "the attempt exceeded its time limit"))
        self.assertEqual(self.value(plane, "add", 5, 3), 8)
        self.assertNotEqual(self.children(worker), before)

    def test_stopping_ends_a_task_that_does_not_return_when_the_grace_is_over(self):
        plane = self.plane("--local", "off")
        worker = self.isolating(plane, "--grace", "0.3")
        task = self.begin_task(plane, "crash.hang")
        self.until_running(plane, task)
        children = self.children(worker)
        worker.signal(signal.SIGTERM)
        self.assertEqual(worker.wait(), 6, worker.lines)
        self.gone(children)
        self.assertEqual(self.status(plane, task)["state"], "queued", "for another worker")

    def test_a_signal_to_the_whole_group_lets_what_runs_finish(self):
        plane = self.plane("--local", "off")
        worker = self.start([support.PROGRAM, "subworker", "--worker-id", "group", "--control-plane-address", plane.base,
                             "--discovery-address", plane.discovery, "--base-address", support.FREE, "--task-modules", "mytasks",
                             "--executor", "process"], start_new_session=True)
        worker.wait_for("^registered with the control plane ")
        task = self.begin_task(plane, "sleep_ms", 700)
        self.until_running(plane, task)
        os.killpg(worker.process.pid, signal.SIGINT)
        self.assertEqual(worker.wait(), 0, worker.lines)
        self.assertGreaterEqual(self.end_of(plane, task)["value"], 700, "it says how long it slept, in the end")

    def test_a_cancelled_task_is_asked_to_stop(self):
        plane = self.plane("--local", "off")
        self.isolating(plane)
        task = self.begin_task(plane, "sleep_ms", 60_000)
        self.until_running(plane, task)
        self.run_cli("cancel", "--discovery-address", plane.discovery, task)
        self.assertLess(self.end_of(plane, task)["value"], 60_000, "it returns how long it slept")

    def test_children_end_with_a_worker_that_is_killed(self):
        plane = self.plane("--local", "off")
        worker = self.isolating(plane, "--concurrency", "3")
        task = self.begin_task(plane, "crash.hang")
        self.until_running(plane, task)
        children = self.children(worker)
        self.assertEqual(len(children), 3)
        worker.signal(signal.SIGKILL)
        worker.wait()
        self.gone(children)

    def test_a_control_plane_runs_tasks_in_processes_of_their_own(self):
        plane = self.plane("--local", "process", modules=("mytasks", self.crash))
        self.assertEqual(self.value(plane, "add", 5, 3), 8)
        self.assertEqual(self.failure(plane, "crash.exit"), ("handler_error", "the handler's process ended with exit status 0"))
        self.assertEqual(self.value(plane, "add", 5, 3), 8)
        self.stops(plane)

    def gone(self, pids):
        def lives(pid):
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                    return file.read().split()[2] != "Z"
            except FileNotFoundError:
                return False
        self.until(lambda: not any(map(lives, pids)), "the children have ended")


if __name__ == "__main__":
    support.main()
