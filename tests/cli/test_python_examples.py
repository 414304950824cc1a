"""The client, the worker and the listener of examples/python, run as their README says, against the real programs."""

import json
import pathlib
import signal
import sys

import support

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples" / "python"
WORKER = str(EXAMPLES / "worker.py")
CLIENT = str(EXAMPLES / "client.py")
CALLBACK = str(EXAMPLES / "callback.py")


class PythonExamples(support.Case):
    def python_worker(self, plane, *options, name="py1"):
        """The example's worker, once tasks can be given to it."""
        worker = self.start([sys.executable, WORKER, "--worker-id", name, "--discovery-address", plane.discovery, *options])
        worker.wait_for("^registered$")
        self.until(lambda: self.state_of(plane, name) == "active", f"{name} is active")
        return worker

    def state_of(self, plane, name="py1"):
        return self.workers(plane).get(name, {}).get("state")

    def begin_client(self, discovery, *words):
        return self.start([sys.executable, CLIENT, "--discovery-address", discovery, *map(str, words)])

    def client(self, discovery, *words, expect=0):
        """What the example's client prints, all of it."""
        client = self.begin_client(discovery, *words)
        self.assertEqual(client.wait(), expect, client.lines)
        self.assertEqual(len(client.lines), 1, client.lines)
        return client.lines[0]

    def test_the_command_line_calls_python(self):
        plane = self.plane("--local", "off")
        self.python_worker(plane)
        self.assertEqual(self.value(plane, "mean", "[1, 2, 6]"), 3.0)
        by_name = self.run_cli("submit", "--discovery-address", plane.discovery, "--task-name", "doze", "--kwargs", "seconds=0")
        self.assertEqual(json.loads(by_name.stdout), 0)
        ran = json.loads(self.submit(plane, "mean", "[5]", options=("--output", "json")).stdout)
        self.assertEqual((ran["worker"], ran["value"]), ("py1", 5.0))

    def test_python_calls_cpp(self):
        plane = self.plane("--local", "off")
        self.worker("sw1", plane)
        for priority in support.PRIORITIES:
            self.assertEqual(json.loads(self.client(plane.discovery, "add", 5, -3, "--priority", priority)), 2)
        self.assertEqual(json.loads(self.client(plane.discovery, "greet", "Ada")), "Hello, Ada!")

    def test_a_listener_is_told_of_the_end_and_asks_where_it_is_not(self):
        plane = self.plane("--local", "off", "--unknown-tasks", "refuse")
        self.worker("sw1", plane)

        def listen(*words, expect=0):
            listener = self.start([sys.executable, CALLBACK, "--discovery-address", plane.discovery, *map(str, words)])
            self.assertEqual(listener.wait(), expect, listener.lines)
            return listener.lines

        self.assertEqual(listen("add", 5, 3, "--data", "order 17: ü"), ["told of order 17: ü: success 8"])
        self.assertEqual(listen("fail", "as you wished", expect=1), ["told of nothing: failure as you wished"])
        self.assertEqual(listen("sleep_ms", 1000, "--patience", 0.1), ["asked: 1000"])
        self.assertRegex(listen("ad", 1, 2, expect=5)[0], "^callback: refused: unknown_task_name")

    def test_the_priority_that_the_client_asks_for_is_kept(self):
        plane = self.plane("--local", "off")
        clients = {level: self.begin_client(plane.discovery, "mean", "[1]", "--priority", level) for level in support.PRIORITIES}
        listed = lambda: self.rows("tasks", "--discovery-address", plane.discovery)
        self.until(lambda: len(listed()) == len(clients), "all four are accepted")
        self.assertCountEqual([row["priority"] for row in listed()], support.PRIORITIES)
        self.python_worker(plane)
        for client in clients.values():
            self.assertEqual(client.wait(), 0, client.lines)

    def test_what_fails_is_told_to_either_client(self):
        plane = self.plane("--local", "off")
        self.python_worker(plane)
        failure = "failure handler_error: StatisticsError: fmean requires at least one data point"
        self.assertEqual(self.client(plane.discovery, "mean", "[]", expect=1), f"client: {failure}")
        words = ("submit", "--discovery-address", plane.discovery, "--task-name", "mean", "--args")
        self.assertEqual(self.error(*words, "[]", expect=1), failure)
        self.assertRegex(self.error(*words, 1, 2, 3, expect=1), "^failure bad_arguments: too many positional arguments")
        self.assertEqual(self.value(plane, "mean", "[4]"), 4.0, "the worker lives")

    def test_the_client_says_what_is_wrong_and_ends(self):
        plane = self.plane("--unknown-tasks", "refuse")
        self.assertRegex(self.client(plane.discovery, "ad", 1, 2, expect=5), "^client: refused: unknown_task_name: .*add")
        self.assertRegex(self.client(plane.discovery, "sleep_ms", 60_000, "--timeout", 3, expect=4),
                         "^client: timed out: the state of task .* after 3 s is (assigned|running)$")
        nobody = "tcp://127.0.0.1:1"
        self.assertEqual(self.client(nobody, "add", 1, 2, "--timeout", 0.3, expect=3),
                         f"client: nobody there: no control plane answers at {nobody}")

    def test_sigterm_lets_what_runs_finish_and_the_worker_is_gone(self):
        plane = self.plane("--local", "off")
        worker = self.python_worker(plane)
        task = self.begin_task(plane, "doze", 1)
        self.until_running(plane, task)
        self.stops(worker, signal.SIGTERM)
        self.assertEqual(worker.lines, ["registered", "has left"])
        self.assertIsNone(self.state_of(plane), "it has unregistered")
        ended = self.end_of(plane, task)
        self.assertEqual((ended["state"], ended["attempt"]), ("success", 1))

    def test_what_takes_longer_than_the_grace_is_given_back(self):
        plane = self.plane("--local", "off")
        worker = self.python_worker(plane, "--grace", "0.2")
        task = self.begin_task(plane, "doze", 60)
        self.until_running(plane, task)
        self.stops(worker, signal.SIGINT)
        self.until(lambda: self.status(plane, task)["state"] == "queued", "it waits for another worker")

    def test_a_second_signal_ends_it_at_once(self):
        plane = self.plane("--local", "off")
        worker = self.python_worker(plane)
        self.until_running(plane, self.begin_task(plane, "doze", 60))
        worker.signal(signal.SIGTERM)
        self.until(lambda: self.state_of(plane) == "draining", "it has unregistered, and finishes what it runs")
        self.stops(worker, signal.SIGTERM, expect=-signal.SIGTERM)

    def test_a_worker_that_is_killed_loses_no_task(self):
        plane = self.plane("--local", "off")
        victim = self.python_worker(plane)
        task = self.begin_task(plane, "doze", 1)
        self.until_running(plane, task)
        victim.kill()
        self.python_worker(plane)  # of the same name: it may take it over
        ended = self.end_of(plane, task)
        self.assertEqual((ended["state"], ended["attempt"]), ("success", 2))

    def test_it_lives_through_its_own_heartbeats(self):
        plane = self.plane("--local", "off", "--worker-timeout", "2")
        worker = self.python_worker(plane, "--concurrency", "2")
        tasks = [self.begin_task(plane, "doze", 4) for _ in range(2)]  # longer than a silent worker is believed
        for ended in (self.end_of(plane, task) for task in tasks):
            self.assertEqual((ended["state"], ended["attempt"]), ("success", 1))
        self.stops(worker)
        self.assertEqual(worker.lines, ["registered", "has left"], "it was never taken for lost")

    def test_it_comes_back_after_the_control_plane_was_killed(self):
        base, management, discovery = support.free_ports()
        where = {"base": base, "port": management, "discovery": discovery}
        plane = self.plane("--local", "off", **where)
        worker = self.python_worker(plane)
        for _ in range(2):
            plane.signal(signal.SIGKILL)
            plane.wait()
            worker.wait_for("^lost the control plane$")
            plane = self.plane("--local", "off", **where)
            worker.wait_for("^registered$")
            self.assertEqual(self.value(plane, "mean", "[1, 2, 6]"), 3.0)
        self.stops(worker)

    def test_with_a_store_what_runs_meanwhile_is_kept(self):
        base, management, discovery = support.free_ports()
        where = {"base": base, "port": management, "discovery": discovery}
        options = ("--local", "off", "--store", f"sqlite:{self.folder}/queue.db")
        plane = self.plane(*options, **where)
        worker = self.python_worker(plane)
        client = self.begin_client(discovery, "doze", 2)
        self.until(lambda: self.workers(plane)["py1"]["running"] == 1, "the task runs")
        plane.signal(signal.SIGKILL)
        plane.wait()
        worker.wait_for("^lost the control plane$")
        self.plane(*options, **where)
        worker.wait_for("^registered$")
        self.assertEqual(client.wait(), 0, client.lines)
        self.assertEqual(client.lines, ["2"])

    def test_help_and_usage(self):
        for program in (WORKER, CLIENT, CALLBACK):
            shown = self.start([sys.executable, program, "--help"])
            self.assertEqual(shown.wait(), 0)
            self.assertIn("--discovery-address", "\n".join(shown.lines))
            wrong = self.start([sys.executable, program, "--no-such-option"])
            self.assertEqual(wrong.wait(), 2)


if __name__ == "__main__":
    support.main()
