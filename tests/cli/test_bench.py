"""fastqueue bench: with processes of its own, and against a control plane that runs."""

import json
import os
import pathlib
import re
import signal
import subprocess
import time
import unittest

from support import PATIENCE, PROGRAM, Plane, environment

NUMBER = r"[0-9.]+"
TIME = r"[0-9.]+ (us|ms|s)"


def bench(*words):
    return subprocess.run([PROGRAM, "bench", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=2 * PATIENCE, env=environment(), check=False)


def parent_of(process):
    try:
        return int(pathlib.Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def children_of(process):
    return [int(p.name) for p in pathlib.Path("/proc").iterdir() if p.name.isdigit() and parent_of(p.name) == process]


class OfItsOwn(unittest.TestCase):
    def test_tells_rate_latency_and_processor_time(self):
        ran = bench("--tasks", "3000", "--in-flight", "50")
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        lines = ran.stdout.splitlines()
        self.assertRegex(lines[0], rf"^tasks    3000 in {NUMBER} s, 50 in flight, 1 client$")
        self.assertRegex(lines[1], r"^rate     [0-9]+ tasks/s$")
        self.assertRegex(lines[2], rf"^latency  p50 {TIME}, p90 {TIME}, p99 {TIME}, p99.9 {TIME}, longest {TIME}$")
        self.assertRegex(lines[3], rf"^cpu      {NUMBER} us a task: control plane {NUMBER}, subworkers {NUMBER}, clients {NUMBER}$")

    def test_as_json_with_several_clients_and_subworkers(self):
        ran = bench("--tasks", "2000", "--in-flight", "7", "--clients", "3", "--subworkers", "2", "--concurrency", "2",
                    "--payload", "5000", "--output", "json")
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        told = json.loads(ran.stdout)
        self.assertEqual([told[k] for k in ("tasks", "failed", "in_flight", "clients", "subworkers", "payload")],
                         [2000, 0, 7, 3, 2, 5000])
        times = [told[k] for k in ("p50_us", "p90_us", "p99_us", "p99.9_us", "longest_us")]
        self.assertEqual(times, sorted(times))
        self.assertGreater(times[0], 0)
        self.assertAlmostEqual(told["tasks_per_second"], 2000 / told["seconds"], delta=1)

    def test_leaves_no_process_behind_when_it_is_killed(self):
        running = subprocess.Popen([PROGRAM, "bench", "--tasks", "1000000000", "--in-flight", "1"], env=environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            end = time.monotonic() + PATIENCE
            children = []
            while len(children) < 2 and time.monotonic() < end:
                children = children_of(running.pid)
                time.sleep(0.02)
            self.assertEqual(len(children), 2, "a control plane and a subworker")
        finally:
            running.send_signal(signal.SIGKILL)
            running.wait(PATIENCE)
        while any(os.path.exists(f"/proc/{c}/exe") for c in children) and time.monotonic() < end:
            time.sleep(0.02)
        self.assertFalse([c for c in children if os.path.exists(f"/proc/{c}/exe")])

    def test_refuses_what_does_not_fit_together(self):
        for words, said in ((("--args", "5"), "--task-name"), (("--clients", "5", "--in-flight", "2"), "--in-flight 2"),
                            (("--task-name", "add", "--payload", "5"), "--payload"), (("--tasks", "0"), "--tasks '0'"),
                            (("--in-flight", "100000"), "--clients"), (("--payload", "16000000"), "--payload 16000000")):
            with self.subTest(words=words):
                ran = bench(*words)
                self.assertEqual(ran.returncode, 2)
                self.assertEqual(len(ran.stderr.splitlines()), 1)
                self.assertIn(said, ran.stderr)


class OfWhatRuns(unittest.TestCase):
    def setUp(self):
        self.plane = Plane()
        self.addCleanup(self.plane.kill)
        self.at = ("--discovery-address", self.plane.discovery)

    def test_measures_a_task_of_its(self):
        ran = bench("--task-name", "add", "--args", "5", "3", "--tasks", "500", "--in-flight", "20", *self.at)
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        self.assertRegex(ran.stdout, rf"\ncpu      {NUMBER} us a task in the clients$")

    def test_tells_of_tasks_that_fail(self):
        ran = bench("--task-name", "add", "--args", "5", "--tasks", "30", "--in-flight", "3", *self.at)
        self.assertEqual(ran.returncode, 1)
        self.assertTrue(re.search("30 tasks failed: .*y", ran.stderr), ran.stderr)

    def test_a_name_that_nobody_knows_is_refused(self):
        strict = Plane("--unknown-tasks", "refuse")
        self.addCleanup(strict.kill)
        ran = bench("--task-name", "ad", "--tasks", "30", "--in-flight", "3", "--discovery-address", strict.discovery)
        self.assertEqual(ran.returncode, 5, ran.stderr)
        self.assertIn("did you mean add", ran.stderr)

    def test_nobody_there(self):
        self.plane.kill()
        ran = bench("--task-name", "add", "--retries", "0", *self.at)
        self.assertEqual(ran.returncode, 3)
        self.assertIn("fastqueue control-plane", ran.stderr)


if __name__ == "__main__":
    unittest.main()
