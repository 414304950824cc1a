"""What an operator asks and orders: workers, queues, tasks, drain, health, list."""

import json
import signal

import support


class Operator(support.Case):
    def test_workers_shows_state_load_and_work_done(self):
        plane = self.plane("--local", "off")
        self.worker("sw1", plane, "--concurrency", "2")
        self.assertEqual(self.value(plane, "add", 5, 3), 8)
        row = self.workers(plane)["sw1"]
        self.assertEqual((row["state"], row["succeeded"], row["concurrency"], row["window"]), ("active", 1, 2, 1024))
        text = self.run_cli("workers", "--discovery-address", plane.discovery).stdout.splitlines()
        self.assertEqual(text[0].split()[:6], ["ID", "STATE", "LOAD", "DONE", "FAILED", "WINDOW"])
        self.assertRegex(text[1], r"^sw1 +active +0/2 +1 +0 +1024 +.* ago .* tcp://127\.0\.0\.1:\d+$")

    def test_queues_shows_what_waits_by_priority(self):
        plane = self.plane("--local", "off")
        for _ in range(3):
            self.begin_task(plane, "add", 1, 2, options=("--priority", "high"))
        rows = {row["priority"]: row for row in self.rows("queues", "--discovery-address", plane.discovery)}
        self.assertEqual(list(rows), ["critical", "high", "normal", "low"])
        self.assertEqual([row["waiting"] for row in rows.values()], [0, 3, 0, 0])
        self.assertRegex(self.run_cli("queues", "--discovery-address", plane.discovery).stdout, r"(?m)^high +3 +\S+ m?s +0/s +-$")

    def test_tasks_lists_by_state_and_name(self):
        plane = self.plane()
        running = self.begin_task(plane, "sleep_ms", 30000)
        self.until_running(plane, running)
        waiting = [self.begin_task(plane, "add", i, 1) for i in range(3)]
        ask = ("tasks", "--discovery-address", plane.discovery)
        self.assertEqual([row["id"] for row in self.rows(*ask)], [running, *waiting])
        self.assertEqual([row["id"] for row in self.rows(*ask, "--state", "queued", "--limit", "2")], waiting[:2])
        self.assertEqual([row["id"] for row in self.rows(*ask, "--name", "sleep_ms")], [running])
        self.assertEqual(self.rows(*ask, "--state", "failure"), [])
        self.run_cli("cancel", "--discovery-address", plane.discovery, running)
        for task in waiting:
            self.end_of(plane, task)
        self.assertEqual([row["id"] for row in self.rows(*ask, "--state", "success", "--name", "add")], waiting[::-1])
        self.assertIn("'sleeping'", self.error(*ask, "--state", "sleeping", expect=2))
        self.assertIn("'0'", self.error(*ask, "--limit", "0", expect=2))

    def test_a_drained_worker_gets_nothing_until_it_is_taken_back(self):
        plane = self.plane("--local", "off")
        self.worker("sw1", plane)
        drain = ("drain", "--discovery-address", plane.discovery, "sw1")
        self.assertIn("sw1: drained", self.run_cli(*drain).stdout)
        task = self.begin_task(plane, "add", 5, 3)
        why = self.run_cli("why", "--discovery-address", plane.discovery, task).stdout
        self.assertIn("sw1 is drained", why)
        self.assertEqual(self.workers(plane)["sw1"]["state"], "drained")
        self.assertEqual(self.rows(*drain, "--undo")[0]["state"], "active")
        self.assertEqual(self.end_of(plane, task)["value"], 8)

    def test_a_paused_priority_and_a_paused_name_wait_and_go_on_also_after_a_restart(self):
        base, management, discovery = support.free_ports()
        where = {"base": base, "port": management, "discovery": discovery}
        store = ("--store", f"sqlite:{self.folder}/queue.db")
        plane = self.plane(*store, **where)
        at = ("--discovery-address", plane.discovery)
        self.assertEqual(self.run_cli("pause", *at, "--priority", "low").stdout, 'held back: priorities ["low"]\n')
        self.assertEqual(self.run_cli("pause", *at, "--task-name", "greet").stdout, 'held back: priorities ["low"]; names ["greet"]\n')
        low = self.begin_task(plane, "add", 5, 3, options=("--priority", "low"))
        greeting = self.begin_task(plane, "greet", "Ada")
        self.assertEqual(self.value(plane, "add", 20, 3), 23)
        self.assertRegex(self.run_cli("queues", *at).stdout, r"(?m)^low +1 .* yes$")
        self.assertIn("fastqueue resume --priority low", self.run_cli("why", low, *at).stdout)
        plane.kill()
        plane = self.plane(*store, **where)
        self.assertEqual([self.status(plane, task)["state"] for task in (low, greeting)], ["queued", "queued"])
        self.assertEqual(self.run_cli("resume", *at, "--task-name", "greet").stdout, 'held back: priorities ["low"]\n')
        self.assertEqual(self.end_of(plane, greeting)["state"], "success")
        self.assertEqual(self.status(plane, low)["state"], "queued")
        self.assertEqual(self.run_cli("resume", *at, "--priority", "low").stdout, "nothing is held back\n")
        self.assertEqual(self.end_of(plane, low)["value"], 8)

    def test_events_are_followed_as_they_happen(self):
        plane = self.plane("--local", "off")
        follower = self.start([support.PROGRAM, "events", "--discovery-address", plane.discovery, "--output", "json", "--follow"])
        something = lambda: self.begin_task(plane, "add", 1, 2, options=("--countdown", "600"))
        self.until(lambda: something() and not follower._fresh.empty(), "it follows")
        people = self.start([support.PROGRAM, "events", "--discovery-address", plane.discovery, "--count", "4"])
        self.until(lambda: something() and people.process.poll() is not None, "it has seen four")
        worker = self.worker("w1", plane)
        joined = json.loads(follower.wait_for("worker.joined")[0] and follower.lines[-1])
        self.assertEqual((joined["event"], joined["worker"]), ("worker.joined", "w1"))
        self.assertEqual(self.value(plane, "add", 5, 3), 8)
        follower.wait_for("task.succeeded")
        self.assertEqual([json.loads(line)["event"] for line in follower.lines[-4:]],
                         ["task.submitted", "task.queued", "task.started", "task.succeeded"])
        self.assertEqual(people.wait(), 0)
        self.assertEqual(len(people.lines), 4)
        self.assertRegex(people.lines[0], r"^20\S+Z task.(submitted|scheduled) add ")
        self.submit(plane, "fail", "no luck", expect=1)
        self.assertEqual(json.loads(follower.wait_for("task.failed") and follower.lines[-1])["code"], "handler_error")
        self.stops(worker)
        follower.wait_for("worker.left")
        plane.signal(signal.SIGTERM)
        follower.wait_for("looking for it")  # and goes on when it is back
        self.stops(follower, expect=-signal.SIGINT)

    def test_what_is_not_there_cannot_be_paused(self):
        plane = self.plane()
        at = ("--discovery-address", plane.discovery)
        self.assertIn("--priority", self.error("pause", *at, expect=2))
        self.assertIn("no task of that name", self.error("pause", *at, "--task-name", "ad", expect=5))
        self.assertIn("'urgent'", self.error("resume", *at, "--priority", "urgent", expect=2))

    def test_a_worker_that_is_not_there_cannot_be_drained(self):
        plane = self.plane()
        self.assertIn("sw9", self.error("drain", "--discovery-address", plane.discovery, "sw9", expect=5))
        self.assertIn("worker", self.error("drain", "--discovery-address", plane.discovery, expect=2))

    def test_health_is_for_scripts(self):
        plane = self.plane()
        self.assertRegex(self.run_cli("health", "--discovery-address", plane.discovery).stdout, "^ok: control plane")
        self.assertEqual(self.rows("health", "--discovery-address", plane.discovery)[0]["status"], "ok")
        self.error("health", "--discovery-address", "tcp://127.0.0.1:1", "--retries", "0", "--timeout", "2", expect=3)

    def test_list_as_a_tree_groups_by_module(self):
        text = self.run_cli("list", "--task-modules", "mytasks", "--tree").stdout.splitlines()
        self.assertRegex(text[0], r"mytasks\.so$")
        self.assertTrue(any(line.startswith("  add(x: integer, y: integer) -> integer") for line in text[1:]), text)

    def test_json_is_one_object_a_line(self):
        plane = self.plane()
        self.value(plane, "add", 5, 3)
        for words in (("workers",), ("queues",), ("list",), ("tasks", "--state", "success"), ("health",)):
            with self.subTest(words=words):
                rows = self.rows(*words, "--discovery-address", plane.discovery)
                self.assertGreaterEqual(len(rows), 1)
                self.assertTrue(all(isinstance(row, dict) for row in rows), rows)

    def test_events_go_on_after_a_restart_of_the_control_plane(self):
        base, port, discovery = support.free_ports()
        begin = lambda: self.plane(base=base, port=port, discovery=discovery)
        there = begin()
        events = self.start([support.PROGRAM, "events", "--discovery-address", discovery])
        self.until(lambda: self.value(there, "add", 1, 2) == 3 and not events._fresh.empty(), "it watches")
        there.kill()
        events.wait_for("looking for it")
        there = begin()
        events.wait_for("the control plane is back")
        self.assertEqual(self.value(there, "add", 1, 2), 3)
        events.wait_for("task.succeeded")


if __name__ == "__main__":
    support.main()
