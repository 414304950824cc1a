"""Faults of whole processes, by their rows in docs/reliability.md: tasks that end or block their worker, a control plane that stops and stands still,
clients that die. After each test whoever lives is told to stop in the middle of it, and must (fault 100)."""

import json
import os
import pathlib
import resource
import signal
import socket
import threading
import time
import unittest

import support

SANITIZED = "FASTQUEUE_SANITIZED" in os.environ
SOON = 15  # seconds: how long stopping may take with a grace of one second, on a busy machine


class Faults(support.Case):
    @classmethod
    def setUpClass(cls):
        cls.crash = support.build_module(cls, "crash_tasks.c")

    def setUp(self):
        super().setUp()
        self.roles = []
        self.ends = (0, 6, -signal.SIGKILL)  # of a control plane that a test ends itself; subworkers crash here as they like

    def watch(self, program):
        if {"control-plane", "subworker"} & set(program.process.args):
            self.roles.append(program)
        return super().watch(program)

    def tearDown(self):
        """Fault 100: whatever has befallen them, those that live end by SIGTERM, with one of the codes for it."""
        living = [program for program in self.roles if program.process.poll() is None]
        for program in reversed(living):  # subworkers before their control plane
            program.signal(signal.SIGTERM)
        for program in self.roles:
            if program in living:
                self.assertIn(program.wait(SOON), (0, 6), program.lines)
            elif isinstance(program, support.Plane):
                self.assertIn(program.wait(SOON), self.ends, program.lines)

    def local_off(self, *options, **more):
        return self.plane("--local", "off", "--grace", "1", *options, **more)

    def crasher(self, name, plane, *options):
        return self.worker(name, plane, "--grace", "1", *options, modules=("mytasks", self.crash))

    def end_by_hand(self, pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def noted(self, path):
        return [int(line) for line in path.read_text().split()] if path.exists() else []

    def supervised(self, name, plane):
        """A subworker that is started again whenever it ends, until the test is over."""
        over = threading.Event()

        def keep():
            while not over.is_set():
                started = self.begin_worker(name, plane, "--grace", "1", modules=("mytasks", self.crash))
                while started.process.poll() is None and not over.wait(0.02):
                    pass

        keeper = threading.Thread(target=keep, daemon=True)
        keeper.start()

        def end():
            over.set()
            keeper.join(support.PATIENCE)

        self.addCleanup(end)
        return end


class Tasks(Faults):
    """Tasks that harm the worker they run in."""

    def test_fault_6_a_worker_that_dies_between_the_work_and_its_answer_is_followed_by_a_second_attempt(self):
        plane = self.local_off()
        for name in ("first", "second"):
            self.crasher(name, plane)
        path = pathlib.Path(self.folder, "work")
        ended = self.end_of(plane, self.begin_task(plane, "crash.work", json.dumps(str(path))))
        self.assertEqual((ended["state"], ended["attempt"], ended["value"]), ("success", 2, 2))
        self.assertEqual(self.noted(path), [1, 2], "the work was done twice: at least once is what is promised")

    def test_fault_9_a_task_that_never_ends_is_a_timeout_and_its_worker_goes_on_with_its_other_threads(self):
        plane = self.local_off("--worker-timeout", "2")
        self.crasher("w", plane, "--concurrency", "2")
        task = self.begin_task(plane, "crash.hang", options=("--timeout", "0.3"))
        ended = self.end_of(plane, task)
        self.assertEqual((ended["state"], ended["code"]), ("failure", "timeout"))
        time.sleep(2.5)  # longer than a silent worker is believed
        self.assertEqual(self.workers(plane)["w"]["state"], "active")
        self.assertEqual(self.value(plane, "add", 5, 3), 8)

    def test_fault_28_a_task_that_calls_exit_or_abort_is_given_up_and_costs_nobody_else_anything(self):
        plane = self.local_off("--max-deaths", "1")
        for name in ("exit", "abort"):
            with self.subTest(name=name):
                worker = self.crasher(name, plane)
                ended = self.end_of(plane, self.begin_task(plane, f"crash.{name}"))
                self.assertEqual((ended["state"], ended["code"]), ("failure", "too_many_deaths"))
                worker.wait(SOON)
        self.crasher("heir", plane)
        self.assertEqual(self.value(plane, "add", 5, 3), 8)

    @unittest.skipIf(SANITIZED, "a sanitizer needs more address space than the limit leaves")
    def test_fault_18_a_worker_that_runs_out_of_memory_is_a_lost_worker(self):
        plane = self.local_off("--max-deaths", "1")
        worker = self.start([support.PROGRAM, "subworker", "--worker-id", "w", "--control-plane-address", plane.base, "--discovery-address",
                             plane.discovery, "--base-address", support.FREE, "--task-modules", self.crash],
                            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20)))
        worker.wait_for("^registered")
        ended = self.end_of(plane, self.begin_task(plane, "crash.eat"))
        self.assertEqual((ended["state"], ended["code"]), ("failure", "too_many_deaths"))
        self.assertEqual(worker.wait(SOON), -signal.SIGKILL)

    def test_fault_23_many_tasks_that_crash_their_workers_leave_some_for_the_healthy_ones(self):
        plane = self.local_off("--max-deaths", "2")
        ends = [self.supervised(name, plane) for name in ("a", "b")]
        self.until(lambda: len(self.workers(plane)) == 2, "both are there")
        poison = [self.begin_task(plane, "crash.abort") for _ in range(3)]
        healthy = [self.begin_task(plane, "sleep_ms", 20) for _ in range(8)]
        for task in healthy:
            self.assertEqual(self.end_of(plane, task)["state"], "success")
        for task in poison:
            self.assertEqual(self.end_of(plane, task)["code"], "too_many_deaths")
        self.until(lambda: [row["state"] for row in self.workers(plane).values()] == ["active"] * 2, "both are there again")
        for end in ends:
            end()

    def test_fault_17_a_program_that_a_task_starts_inherits_no_socket(self):
        plane = self.local_off()
        self.crasher("w", plane)
        child = self.value(plane, "crash.spawn")
        self.addCleanup(self.end_by_hand, child)
        self.until(lambda: os.readlink(f"/proc/{child}/exe").endswith(("sleep", "coreutils", "busybox")), "the child has become another program")
        held = self.descriptors(child)
        self.assertEqual([name for name in held if "socket" in name or "event" in name], [])
        self.end_by_hand(child)

    @staticmethod
    def descriptors(process):
        """What a process has open; one that it closes while we look is passed over."""
        names = []
        for fd in os.listdir(f"/proc/{process}/fd"):
            try:
                names.append(os.readlink(f"/proc/{process}/fd/{fd}"))
            except FileNotFoundError:
                continue
        return names

    def test_fault_17_a_child_that_is_a_copy_of_a_dead_worker_holds_no_lease(self):
        plane = self.local_off("--worker-timeout", "1.5")
        victim = self.crasher("victim", plane)
        path = pathlib.Path(self.folder, "child")
        task = self.begin_task(plane, "crash.fork", json.dumps(str(path)))
        self.until(lambda: self.noted(path), "there is a child")
        self.addCleanup(self.end_by_hand, self.noted(path)[0])
        self.crasher("heir", plane)
        victim.process.kill()
        ended = self.end_of(plane, task)  # the child keeps the connections open: only the silence tells
        self.assertEqual((ended["state"], ended["worker"], ended["attempt"]), ("success", "heir", 2))


class Clients(Faults):
    def test_fault_3_the_result_of_a_client_that_was_killed_while_it_waited_is_had_by_another(self):
        plane = self.plane("--grace", "1")
        client = self.start([support.PROGRAM, "submit", "--discovery-address", plane.discovery, "--task-name", "sleep_ms", "--args", "500"])
        listed = lambda: self.rows("tasks", "--discovery-address", plane.discovery, "--state", "running")
        self.until(listed, "the task runs")
        task = listed()[0]["id"]
        client.process.kill()
        self.assertEqual(client.wait(), -signal.SIGKILL)
        ended = self.end_of(plane, task)
        self.assertEqual(ended["state"], "success")
        self.assertGreaterEqual(ended["value"], 500)

    def test_fault_49_who_accepts_and_closes_is_not_hammered(self):
        server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(server.close)
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        worker = self.start([support.PROGRAM, "subworker", "--worker-id", "w", "--control-plane-address", address, "--discovery-address", address,
                             "--base-address", support.FREE, "--grace", "1"])
        worker.wait_for("^waiting for the control plane")
        accepted, end = 0, time.monotonic() + 3
        while (left := end - time.monotonic()) > 0:
            server.settimeout(left)
            try:
                server.accept()[0].close()
                accepted += 1
            except TimeoutError:
                break
        self.assertGreater(accepted, 2, "it goes on trying")
        self.assertLess(accepted, 15, "and waits longer each time")

    def test_fault_54_a_name_that_cannot_be_looked_up_is_nobody_there(self):
        told = self.error("submit", "--task-name", "add", "--args", 1, 2, "--discovery-address", "tcp://no-such-host.invalid:5550", expect=3)
        self.assertIn("no-such-host.invalid", told)


class ControlPlane(Faults):
    def test_fault_12_with_the_memory_store_a_task_of_before_is_unknown_and_not_silence(self):
        base, management, discovery = support.free_ports()
        where = {"base": base, "port": management, "discovery": discovery}
        plane = self.local_off(**where)
        task = self.begin_task(plane, "add", 5, 3)
        waiting = self.start([support.PROGRAM, "wait", "--discovery-address", discovery, "--task-id", task])
        plane.process.kill()
        plane.wait()
        self.local_off(**where)
        self.assertIn(task, self.error("status", "--discovery-address", discovery, "--task-id", task, expect=5))
        self.assertEqual(waiting.wait(), 5, waiting.lines)

    def test_fault_14_a_control_plane_that_stood_still_takes_no_lease_from_workers_that_it_could_not_hear(self):
        plane = self.local_off("--worker-timeout", "1.5")
        self.worker("w", plane, "--grace", "1")
        task = self.begin_task(plane, "sleep_ms", 5000)
        self.until_running(plane, task)
        self.addCleanup(lambda: plane.process.poll() is None and plane.signal(signal.SIGCONT))
        plane.signal(signal.SIGSTOP)
        time.sleep(3)
        plane.signal(signal.SIGCONT)
        ended = self.end_of(plane, task)
        self.assertEqual((ended["state"], ended["worker"], ended["attempt"]), ("success", "w", 1))

    @unittest.skipIf(SANITIZED, "a sanitizer needs more address space than the limit leaves")
    def test_fault_19_a_control_plane_without_memory_ends_in_one_line_and_accepts_nothing_more(self):
        self.ends = (1,)
        plane = self.local_off(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (100 << 20, 100 << 20)))
        lines = pathlib.Path(self.folder, "tasks")
        with open(lines, "w", encoding="ascii") as file:
            for _ in range(12):
                file.write(json.dumps({"task": "greet", "args": ["n" * (8 << 20)]}) + "\n")
        client = self.start([support.PROGRAM, "submit", "--discovery-address", plane.discovery, "--from", str(lines), "--non-blocking"])
        self.assertIn(plane.wait(), self.ends, plane.lines)
        self.assertRegex(plane.lines[-1], r"^fastqueue: .*(bad_alloc|memory)")
        client.kill()

    def test_fault_33_a_task_that_takes_longer_than_a_silent_worker_is_believed_runs_once(self):
        plane = self.local_off("--worker-timeout", "1")
        for name in ("w", "idle"):
            self.worker(name, plane, "--grace", "1")
        ended = self.end_of(plane, self.begin_task(plane, "sleep_ms", 3000))
        self.assertEqual((ended["state"], ended["attempt"]), ("success", 1))

    def test_fault_98_tasks_wait_for_workers_that_all_left_and_no_attempt_is_used_up(self):
        plane = self.local_off()
        worker = self.worker("w", plane, "--grace", "10")
        tasks = [self.begin_task(plane, "sleep_ms", ms) for ms in (1000, 50, 50, 50)]
        self.until_running(plane, tasks[0])
        self.stops(worker, signal.SIGTERM)
        self.until(lambda: not self.workers(plane), "all have left")
        self.assertEqual(self.status(plane, tasks[-1])["state"], "queued")
        self.worker("again", plane, "--grace", "1")
        ended = [self.end_of(plane, task) for task in tasks]
        self.assertEqual([e["state"] for e in ended], ["success"] * 4)
        # Of those that had been sent ahead and came back the number of the run has grown; none counts as failed or as a death.
        for row in (self.rows("inspect", "--discovery-address", plane.discovery, task)[0] for task in tasks):
            self.assertEqual((row.get("failures", 0), row.get("deaths", 0)), (0, 0), row)

    def test_fault_99_signals_that_mean_nothing_change_nothing(self):
        logs = [pathlib.Path(self.folder, name) for name in ("plane.log", "worker.log")]  # without one SIGHUP is an end
        plane = self.local_off("--log-file", str(logs[0]))
        worker = self.begin_worker("w", plane, "--grace", "1", "--log-file", str(logs[1]))
        self.until(lambda: self.workers(plane).get("w", {}).get("state") == "active", "w is active")
        over = threading.Event()

        def storm():
            while not over.wait(0.001):
                for program in (plane, worker):
                    for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGURG, signal.SIGWINCH, signal.SIGCONT, signal.SIGHUP):
                        program.signal(number)

        thread = threading.Thread(target=storm, daemon=True)
        thread.start()
        self.addCleanup(lambda: (over.set(), thread.join(support.PATIENCE)))
        lines = pathlib.Path(self.folder, "tasks")
        lines.write_text("".join(f'{{"task": "add", "args": [{i}, 1]}}\n' for i in range(2000)))
        printed = self.run_cli("submit", "--discovery-address", plane.discovery, "--from", str(lines)).stdout.splitlines()
        self.assertEqual(sorted(printed), sorted(f"{i + 1}: {i + 1}" for i in range(2000)), "each line has its answer, once")
        self.assertEqual(self.value(plane, "sleep_ms", 300) // 100, 3, "a sleep that is interrupted goes on")
        over.set()
        thread.join(support.PATIENCE)
        self.assertEqual(list(self.workers(plane)), ["w"])


if __name__ == "__main__":
    support.main()
