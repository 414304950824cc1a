"""Control plane and subworkers together: spreading, losing, stopping and coming back."""

import json
import signal

import support


class Workers(support.Case):
    def ends(self, plane, tasks):
        ended = [self.end_of(plane, task) for task in tasks]
        self.assertEqual([e["state"] for e in ended], ["success"] * len(tasks))
        return ended

    def test_tasks_are_spread_over_three_subworkers(self):
        plane = self.plane()
        names = ["w1", "w2", "w3"]
        for name in names:
            self.worker(name, plane)
        ended = self.ends(plane, [self.begin_task(plane, "sleep_ms", 300) for _ in range(12)])
        ran = [e["worker"] for e in ended]
        for name in names:
            self.assertGreaterEqual(ran.count(name), 2, ran)

    def test_the_control_plane_runs_tasks_only_while_no_subworker_can(self):
        plane = self.plane()
        ran = lambda: json_of(self.submit(plane, "add", 1, 2, options=("--output", "json")))["worker"]
        self.assertEqual(ran(), "control-plane.local")
        worker = self.worker("w", plane)
        self.assertEqual(ran(), "w")
        self.stops(worker)
        self.assertEqual(ran(), "control-plane.local")

    def test_a_handler_that_never_returns_is_reported_and_another_thread_takes_its_place(self):
        crash = support.build_module(type(self), "crash_tasks.c")
        plane = self.plane("--local", "off")
        worker = self.worker("w", plane, "--cancel-grace", "0.2", "--grace", "0.3", modules=("mytasks", crash))
        task = self.begin_task(plane, "crash.hang", options=("--timeout", "0.3"))
        self.assertEqual(self.end_of(plane, task)["code"], "timeout")
        self.assertEqual(self.value(plane, "add", 5, 3), 8)
        worker.wait_for(f"the handler of task {task} .crash.hang. does not return, though its time is over: another thread has taken its place")
        task = self.begin_task(plane, "crash.hang")
        self.until_running(plane, task)
        self.run_cli("cancel", "--discovery-address", plane.discovery, task)
        worker.wait_for(f"the handler of task {task} .crash.hang. does not return.*its place stays taken")
        self.stops(worker, expect=6)  # what it could not end is told

    def test_with_local_off_tasks_wait_for_a_subworker(self):
        plane = self.plane("--local", "off")
        task = self.begin_task(plane, "add", 20, 3)
        self.assertEqual(self.status(plane, task)["state"], "queued")
        self.worker("w", plane)
        self.assertEqual(self.end_of(plane, task)["value"], 23)

    def test_a_subworker_killed_with_tasks_in_flight_loses_none(self):
        plane = self.plane("--local", "off")
        victim = self.worker("victim", plane)
        self.worker("heir", plane)
        tasks = [self.begin_task(plane, "sleep_ms", 1000) for _ in range(6)]
        self.until(lambda: self.workers(plane)["victim"]["running"] == 1, "the victim runs a task")
        victim.signal(signal.SIGKILL)
        self.assertEqual(victim.wait(), -signal.SIGKILL)
        ended = self.ends(plane, tasks)
        again = [e["worker"] for e in ended if e["attempt"] > 1]
        self.assertTrue(again, "the one it ran is run again")
        self.assertEqual(set(again), {"heir"})

    def test_a_task_that_takes_its_workers_with_it_is_given_up(self):
        plane = self.plane("--local", "off", "--max-deaths", "1")
        victim = self.worker("victim", plane)
        task = self.begin_task(plane, "sleep_ms", 60_000)
        self.until_running(plane, task)
        victim.signal(signal.SIGKILL)
        ended = self.end_of(plane, task)
        self.assertEqual((ended["state"], ended["code"]), ("failure", "too_many_deaths"))

    def test_a_subworker_may_be_started_first(self):
        base, management, discovery = support.free_ports()
        worker = self.start([support.PROGRAM, "subworker", "--worker-id", "early", "--control-plane-address", base,
                             "--discovery-address", discovery, "--base-address", support.FREE, "--task-modules", "mytasks"])
        worker.wait_for(f"^waiting for the control plane {base}$")
        plane = self.plane("--local", "off", base=base, port=management, discovery=discovery)
        worker.wait_for(f"^registered with the control plane {base}$")
        self.assertEqual(self.value(plane, "add", 5, 3), 8)

    def test_a_subworker_outlives_its_control_plane(self):
        base, management, discovery = support.free_ports()
        where = {"base": base, "port": management, "discovery": discovery}
        plane = self.plane("--local", "off", **where)
        worker = self.worker("steady", plane)
        for number in (signal.SIGKILL, signal.SIGTERM):
            plane.signal(number)
            plane.wait()
            worker.wait_for("^lost the control plane ")
            plane = self.plane("--local", "off", **where)
            worker.wait_for("^registered with the control plane ")
            self.assertEqual(self.value(plane, "add", 5, 3), 8)

    def test_a_client_waits_through_a_restart_of_the_control_plane(self):
        base, management, discovery = support.free_ports()
        where = {"base": base, "port": management, "discovery": discovery}
        plane = self.plane("--local", "off", **where)
        worker = self.worker("steady", plane)
        client = self.start([support.PROGRAM, "submit", "--discovery-address", discovery, "--task-name", "sleep_ms", "--args", "1500"])
        self.until(lambda: self.workers(plane)["steady"]["running"] == 1, "the task runs")
        plane.signal(signal.SIGKILL)
        plane.wait()
        worker.wait_for("^lost the control plane ")
        self.plane("--local", "off", **where)
        self.assertEqual(client.wait(), 0, client.lines)
        self.assertGreaterEqual(int(client.lines[-1]), 1500)

    def test_a_stopped_subworker_is_left_out_and_taken_back(self):
        plane = self.plane("--local", "off", "--worker-timeout", "1")
        frozen = self.worker("frozen", plane)
        task = self.begin_task(plane, "sleep_ms", 1000)
        self.until_running(plane, task)
        self.addCleanup(lambda: frozen.process.poll() is None and frozen.signal(signal.SIGCONT))
        frozen.signal(signal.SIGSTOP)
        self.worker("awake", plane)
        state = lambda: self.workers(plane).get("frozen", {}).get("state")
        self.until(lambda: state() in ("inactive", None), "its silence is noticed")
        moved = self.end_of(plane, task)
        self.assertEqual((moved["state"], moved["worker"], moved["attempt"]), ("success", "awake", 2))
        ran = {e["worker"] for e in self.ends(plane, [self.begin_task(plane, "sleep_ms", 20) for _ in range(6)])}
        self.assertEqual(ran, {"awake"})
        frozen.signal(signal.SIGCONT)
        self.until(lambda: state() == "active", "it is taken back")
        ran = {e["worker"] for e in self.ends(plane, [self.begin_task(plane, "sleep_ms", 300) for _ in range(6)])}
        self.assertEqual(ran, {"awake", "frozen"})

    def test_concurrency_is_how_many_run_at_once(self):
        for role in ("subworker", "control plane"):
            with self.subTest(role=role):
                here = role == "control plane"
                plane = self.plane(*(("--concurrency", "4") if here else ()))
                if not here:
                    self.worker("w", plane, "--concurrency", "4")
                ended = self.ends(plane, [self.begin_task(plane, "sleep_ms", 1500) for _ in range(4)])
                self.assertLess(max(e["started_us"] for e in ended), min(e["finished_us"] for e in ended), "all four overlap")

    def test_one_at_a_time_is_the_default(self):
        plane = self.plane()
        self.worker("w", plane)
        ended = sorted(self.ends(plane, [self.begin_task(plane, "sleep_ms", 150) for _ in range(3)]), key=lambda e: e["finished_us"])
        for before, after in zip(ended, ended[1:]):
            self.assertGreaterEqual(after["finished_us"] - before["finished_us"], 140_000)

    def test_critical_overtakes_what_waits(self):
        plane = self.plane("--local", "off")
        self.worker("w", plane)
        block = self.begin_task(plane, "sleep_ms", 1500)
        self.until_running(plane, block)
        tasks = {level: self.begin_task(plane, "sleep_ms", 5, options=("--priority", level)) for level in reversed(support.PRIORITIES)}
        ended = {level: self.end_of(plane, task) for level, task in tasks.items()}
        order = sorted(ended, key=lambda level: ended[level]["finished_us"])
        self.assertEqual(order, list(support.PRIORITIES))

    def test_a_worker_behind_a_wildcard_is_reached_under_its_advertised_host(self):
        plane = self.plane("--local", "off", "--advertise-address", "127.0.0.1", base="tcp://*:0")
        self.start([support.PROGRAM, "subworker", "--worker-id", "w", "--control-plane-address", plane.base, "--discovery-address", plane.discovery,
                    "--base-address", "tcp://*:0", "--advertise-address", "127.0.0.1", "--task-modules", "mytasks"]).wait_for("^registered")
        self.assertEqual(self.value(plane, "add", 5, 3), 8)
        self.assertRegex(self.workers(plane)["w"]["address"], r"^tcp://127\.0\.0\.1:\d+$")


def json_of(ended):
    return json.loads(ended.stdout)


if __name__ == "__main__":
    support.main()
