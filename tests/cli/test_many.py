"""Unique tasks, tags, and orders to many tasks at once."""

import json
import pathlib

import support


class Many(support.Case):
    def setUp(self):
        super().setUp()
        self.there = self.plane("--local", "off")

    def ask(self, command, *words, **more):
        return self.run_cli(command, "--discovery-address", self.there.discovery, *words, **more)

    def later(self, *options):
        return self.begin_task(self.there, "add", 1, 2, options=("--countdown", "600", *options))

    def state(self, task):
        return self.status(self.there, task)["state"]

    def test_a_second_task_with_a_key_is_refused_attached_or_takes_the_place_of_the_first(self):
        first = self.later("--unique", "report")
        refusal = self.error("submit", "--discovery-address", self.there.discovery, "--task-name", "add", "--unique", "report", "--args", 1, 2, expect=5)
        self.assertEqual(refusal, f"task 'add': a task with that --unique key lives already: {first}")
        self.assertEqual(self.later("--unique", "report", "--on-duplicate", "attach"), first)
        second = self.later("--unique", "report", "--on-duplicate", "replace")
        self.assertNotEqual(second, first)
        self.assertIn(f"replaced by {second}", self.ask("status", first).stdout)
        self.assertIn("unique        report", self.ask("inspect", second).stdout)

    def test_one_run_serves_all_who_are_attached(self):
        self.worker("w", self.there)
        callers = [self.start([support.PROGRAM, "submit", "--discovery-address", self.there.discovery, "--task-name", "sleep_ms",
                               "--unique", "one", "--on-duplicate", "attach", "--args", "700"]) for _ in range(4)]
        self.assertEqual([(c.wait(), c.lines) for c in callers], [(0, ["700"])] * 4)
        stats = json.loads(self.ask("health", "--output", "json").stdout)
        self.assertEqual(len(self.rows("tasks", "--discovery-address", self.there.discovery, "--state", "success")), 1, stats)

    def test_a_key_outlives_the_control_plane_with_a_store(self):
        there = self.plane("--local", "off", "--store", "sqlite:store")
        task = self.begin_task(there, "add", 1, 2, options=("--countdown", "600", "--unique", "k", "--tag", "a=b"))
        there.kill()
        there = self.plane("--local", "off", "--store", "sqlite:store")
        self.assertIn(task, self.submit(there, "add", 1, 2, options=("--unique", "k"), expect=5).stderr)
        self.assertEqual([row["id"] for row in self.rows("tasks", "--discovery-address", there.discovery, "--tag", "a=b")], [task])

    def test_tasks_are_found_and_cancelled_by_tag_name_and_state(self):
        mine, urgent, other = self.later("--tag", "customer=42"), self.later("--tag", "customer=42", "urgent"), self.later("--tag", "customer=43")
        listed = lambda *words: [row["id"] for row in self.rows("tasks", "--discovery-address", self.there.discovery, *words)]
        self.assertEqual(listed("--tag", "customer=42"), [mine, urgent])
        self.assertEqual(listed("--tag", "customer=42", "urgent"), [urgent])
        self.assertIn('{"customer":"42","urgent":"1"}', self.ask("inspect", urgent).stdout)
        self.assertEqual(self.ask("cancel", "--tag", "customer=42", "--tag", "urgent").stdout,
                         "cancelled: 1; at a subworker, which was asked to stop them: 0\n")
        self.assertEqual((self.state(mine), self.state(urgent)), ("scheduled", "cancelled"))
        ended = self.ask("cancel", "--name", "add", "--output", "json")
        self.assertEqual(json.loads(ended.stdout), {"cancelled": 2, "asked_to_stop": 0})
        self.assertEqual(self.state(other), "cancelled")

    def test_no_variable_and_no_file_says_what_is_cancelled(self):
        task = self.later("--tag", "a=b", "--priority", "low")
        (pathlib.Path(self.folder) / "options.toml").write_text('priority = "low"\n', encoding="utf-8")
        at = ("--discovery-address", self.there.discovery)
        other = "01a20ce4-533c-78cf-89e4-fcbb5b2f6b9f"
        for words, variables in (((), {"FASTQUEUE_PRIORITY": "low", "FASTQUEUE_TAG": "a=b", "FASTQUEUE_NAME": "add"}),
                                 (("--config", "options.toml"), {})):
            self.assertIn("--task-id is missing", self.run_cli("cancel", *at, *words, expect=2, **variables).stderr)
            self.assertIn(other, self.run_cli("cancel", *at, *words, other, expect=5, **variables).stderr)
        self.assertEqual(self.state(task), "scheduled")

    def test_what_runs_is_asked_to_stop(self):
        self.worker("w", self.there)
        task = self.begin_task(self.there, "primes", 10**12, options=("--tag", "long"))
        self.until_running(self.there, task)
        self.assertIn("asked to stop them: 1", self.ask("cancel", "--tag", "long").stdout)
        self.assertEqual(self.end_of(self.there, task)["state"], "cancelled")

    def test_dead_letters_of_a_tag_are_purged(self):
        self.worker("w", self.there)
        for tag in ("a", "b"):
            self.end_of(self.there, self.begin_task(self.there, "fail", "no", options=("--tag", tag)))
        self.assertIn("purged: 1", self.ask("dead", "purge", "--tag", "a").stdout)
        (left,) = self.rows("dead", "list", "--discovery-address", self.there.discovery)
        self.assertEqual(left["tags"], {"b": "1"})

    def test_orders_that_cannot_be_are_refused(self):
        for words, expected in [(("cancel",), "--task-id is missing"),
                                (("cancel", "--tag", "a b"), "--tag 'a b'"),
                                (("cancel", "--state", "success"), "what has ended cannot be cancelled"),
                                (("cancel", "--name", "add", "01a20ce4-533c-78cf-89e4-fcbb5b2f6b9f"), "leave out one of them"),
                                (("dead", "purge", "--all", "--tag", "a"), "leave out one of them"),
                                (("dead", "purge"), "wants to know which"),
                                (("submit", "--task-name", "add", "--on-duplicate", "wait", "--args", 1, 2), "reject, attach or replace"),
                                (("submit", "--task-name", "add", "--on-duplicate", "attach", "--args", 1, 2), "is for a unique key"),
                                (("submit", "--task-name", "add", "--tag", "a=1", "a=2", "--args", 1, 2), "stands twice")]:
            with self.subTest(words=words):
                ended = self.run_cli(words[0], "--discovery-address", self.there.discovery, *words[1:], expect=None)
                self.assertIn(ended.returncode, (2, 5))
                self.assertIn(expected, ended.stderr)


if __name__ == "__main__":
    support.main()
