"""How the roles end: by Ctrl+C and SIGTERM, once and twice."""

import os
import signal
import subprocess
import time

import support

ONE_WISH = 0.1  # seconds: two signals closer than half of this are taken for one


class Signals(support.Case):
    def test_an_idle_control_plane_ends_with_0(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number=number):
                plane = self.plane()
                self.stops(plane, number)
                self.assertEqual(plane.lines[-1], "control plane 'control-plane' has stopped")

    def test_an_idle_subworker_unregisters_and_ends_with_0(self):
        plane = self.plane()
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number=number):
                worker = self.worker("w", plane)
                self.stops(worker, number)
                plane.wait_for("^worker w left")
                self.assertNotIn("w", self.workers(plane))

    def test_a_subworker_that_never_found_a_control_plane_ends_with_0(self):
        worker = self.start([support.PROGRAM, "subworker", "--worker-id", "w", "--control-plane-address", "tcp://127.0.0.1:1",
                             "--discovery-address", "tcp://127.0.0.1:1", "--base-address", support.FREE])
        worker.wait_for("^waiting for the control plane tcp://127.0.0.1:1$")
        self.stops(worker, signal.SIGTERM)

    def test_a_subworker_finishes_what_it_runs_and_gives_back_what_it_has_not_begun(self):
        plane = self.plane("--local", "off")
        first = self.worker("first", plane)
        running = self.begin_task(plane, "sleep_ms", 1000)
        self.until_running(plane, running)
        waiting = [self.begin_task(plane, "add", i, 1) for i in range(3)]
        first.signal(signal.SIGINT)
        self.assertEqual(first.wait(), 0)
        ended = self.status(plane, running)
        self.assertEqual((ended["state"], ended["worker"], ended["attempt"]), ("success", "first", 1))
        self.assertGreaterEqual(ended["value"], 1000)
        self.worker("second", plane)
        for i, task in enumerate(waiting):
            ended = self.end_of(plane, task)
            self.assertEqual((ended["value"], ended["worker"]), (i + 1, "second"))

    def test_what_a_subworker_has_not_ended_when_its_grace_is_over_runs_elsewhere_and_it_says_so(self):
        plane = self.plane("--local", "off")
        first = self.worker("first", plane, "--grace", "0.2")
        task = self.begin_task(plane, "sleep_ms", 1000)
        self.until_running(plane, task)
        second = self.worker("second", plane)
        first.signal(signal.SIGTERM)
        self.assertEqual(first.wait(), 6, first.lines)
        self.assertRegex(first.lines[-1], "^subworker 'first' has stopped: 1 task was handed back unfinished, as --grace was over$")
        ended = self.end_of(plane, task)
        self.assertEqual((ended["state"], ended["worker"], ended["attempt"]), ("success", "second", 2))
        self.assertEqual(self.rows("inspect", "--discovery-address", plane.discovery, task)[0]["state"], "success")
        self.stops(second, signal.SIGTERM)

    def test_a_control_plane_whose_own_task_outlasts_its_grace_ends_and_says_so(self):
        plane = self.plane("--grace", "0.2")
        task = self.begin_task(plane, "sleep_ms", 20000)
        self.until_running(plane, task)
        plane.signal(signal.SIGINT)
        self.assertEqual(plane.wait(), 6, plane.lines)
        self.assertIn("1 task was left unfinished, as --grace was over", plane.lines[-1])

    def test_a_control_plane_finishes_what_runs_and_answers_who_waits(self):
        plane = self.plane()
        worker = self.worker("w", plane)
        client = self.start([support.PROGRAM, "submit", "--discovery-address", plane.discovery, "--task-name", "sleep_ms", "--args", "1500"])
        self.until(lambda: self.workers(plane)["w"]["running"] == 1, "the task runs")
        self.stops(plane, signal.SIGINT)
        self.assertEqual(client.wait(), 0, client.lines)
        self.assertGreaterEqual(int(client.lines[-1]), 1500)
        worker.wait_for("^lost the control plane")
        self.stops(worker, signal.SIGINT)

    def test_twice_ends_at_once(self):
        plane = self.plane()
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number=number):
                worker = self.worker(f"w{number}", plane)
                task = self.begin_task(plane, "sleep_ms", 60_000)
                self.until_running(plane, task)
                worker.signal(number)
                worker.wait_for("^stopping")
                time.sleep(ONE_WISH)
                self.assertIsNone(worker.process.poll(), "the first one waits for the task")
                self.stops(worker, number, expect=128 + number)
                self.run_cli("cancel", "--discovery-address", plane.discovery, "--task-id", task, expect=None)

    def test_a_control_plane_with_its_own_task_running_ends_at_once_by_the_second(self):
        plane = self.plane()
        self.until_running(plane, self.begin_task(plane, "sleep_ms", 60_000))
        plane.signal(signal.SIGINT)
        plane.wait_for("^stopping")
        time.sleep(ONE_WISH)
        self.stops(plane, signal.SIGINT, expect=130)

    def test_under_timeout_which_signals_twice_it_still_ends_in_good_order(self):
        command = ["timeout", "--preserve-status", "-s", "TERM", "1", support.PROGRAM, "control-plane",
                   "--base-address", support.FREE, "--discovery-address", support.FREE]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=support.PATIENCE, env=support.environment(), start_new_session=True)
        self.assertEqual(ended.returncode, 0, ended.stdout + ended.stderr)
        self.assertIn("has stopped", ended.stdout)

    def test_ports_can_be_taken_again_at_once(self):
        base, management, discovery = support.free_ports()
        for _ in range(3):
            plane = self.plane(base=base, port=management, discovery=discovery)
            self.assertEqual(self.value(plane, "add", 1, 2), 3)
            self.stops(plane)

    def test_whoever_reads_the_output_may_go_away(self):
        plane = self.plane()
        there, gone = os.pipe()
        worker = subprocess.Popen([support.PROGRAM, "subworker", "--worker-id", "w", "--control-plane-address", plane.base,
                                   "--discovery-address", plane.discovery, "--base-address", support.FREE, "--task-modules", "mytasks"],
                                  stdin=subprocess.DEVNULL, stdout=gone, stderr=gone, env=support.environment(), cwd=self.folder)
        self.addCleanup(lambda: (worker.kill(), worker.wait()))
        os.close(gone)
        os.close(there)
        self.until(lambda: self.workers(plane).get("w", {}).get("state") == "active", "it works without being read")
        worker.send_signal(signal.SIGINT)
        self.assertEqual(worker.wait(support.PATIENCE), 0)

    def test_a_closed_standard_output_is_not_taken_for_a_socket(self):
        plane = self.plane()
        line = (f'exec "{support.PROGRAM}" subworker --worker-id w --control-plane-address {plane.base} '
                f'--discovery-address {plane.discovery} --base-address {support.FREE} --task-modules mytasks >&- 2>&- <&-')
        worker = self.start(["/bin/sh", "-c", line])
        self.until(lambda: self.workers(plane).get("w", {}).get("state") == "active", "it is active")
        self.assertEqual(self.value(plane, "add", 5, 3), 8)
        self.stops(worker)


if __name__ == "__main__":
    support.main()
