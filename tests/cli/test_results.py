"""Commands about tasks that are there already: wait, result, forget, inspect, why; ids with and without --task-id."""

import json
import os

import support


class Results(support.Case):
    def setUp(self):
        super().setUp()
        self.there = self.plane()

    def ask(self, command, *words, **more):
        return self.run_cli(command, "--discovery-address", self.there.discovery, *words, **more)

    def refusal(self, command, *words, expect):
        return self.error(command, "--discovery-address", self.there.discovery, *words, expect=expect)

    def test_wait_prints_the_value_when_the_task_has_ended(self):
        task = self.begin_task(self.there, "sleep_ms", 300)
        self.assertEqual(self.ask("wait", task).stdout, "300\n")
        self.assertEqual(self.ask("wait", "--task-id", task).stdout, "300\n")

    def test_wait_for_several_tells_of_each_and_fails_if_one_did(self):
        good, bad = self.begin_task(self.there, "add", 5, 3), self.begin_task(self.there, "fail", "it rained")
        ended = self.ask("wait", good, bad, "--output", "json", expect=1)
        rows = {row["id"]: row for row in map(json.loads, ended.stdout.splitlines())}
        self.assertEqual((rows[good]["state"], rows[good]["value"]), ("success", 8))
        self.assertEqual((rows[bad]["state"], rows[bad]["code"]), ("failure", "handler_error"))

    def test_wait_prints_in_the_order_of_the_ids_and_ends_with_the_worst(self):
        slow, fast = self.begin_task(self.there, "sleep_ms", 200), self.begin_task(self.there, "add", 5, 3)
        unknown = "01a20ce4-533c-78cf-89e4-fcbb5b2f6b9f"
        ended = self.ask("wait", slow, unknown, "--timeout", "20", fast, expect=5)
        self.assertRegex(ended.stdout, r"^2\d\d\n8\n$")
        self.assertRegex(ended.stderr, rf"^fastqueue: task {unknown}: [^\n]+\n$")

    def test_options_of_a_submit_reach_the_task(self):
        for timeout, retries in (("--timeout", "--retries"), ("--task-timeout", "--task-retries")):
            with self.subTest(timeout=timeout):
                task = self.ask("submit", "--non-blocking", "--task-name", "sleep_ms", "--kwargs", "ms=5", "--countdown", "60", timeout, "10", retries, "3").stdout.strip()
                row = json.loads(self.ask("inspect", task, "--output", "json").stdout)
                self.assertEqual((row["state"], row["timeout_ms"], row["retries"]), ("scheduled", 10_000, 3))
                self.assertGreater(row["in_ms"], 30_000)
                self.assertIn("cancelled", self.ask("cancel", task).stdout)

    def test_watch_shows_progress_and_the_end(self):
        for executor in ("threads", "process"):
            with self.subTest(executor=executor):
                if executor == "process" and os.environ.get("FASTQUEUE_SANITIZED") == "thread":
                    continue  # it cannot follow a fork of a program with threads
                there = self.plane("--local", "off")
                self.worker("w", there, "--executor", executor)
                task = self.begin_task(there, "steps", 4, 150)
                rows = [json.loads(line) for line in self.run_cli("watch", "--discovery-address", there.discovery, task, "--output", "json").stdout.splitlines()]
                progress = [row["progress"]["done"] for row in rows if "progress" in row]
                self.assertEqual(progress, sorted(progress))
                self.assertIn(2, progress)
                self.assertEqual((rows[-1]["state"], rows[-1]["value"]), ("success", 4))
                self.assertNotIn("progress", rows[-1])

    def test_watch_prints_the_value_alone_on_standard_output(self):
        task = self.begin_task(self.there, "steps", 3, 150)
        ended = self.ask("watch", task)
        self.assertEqual(ended.stdout, "3\n")
        self.assertRegex(ended.stderr, r'running at control-plane[^\n]*: \{"done":\d,"of":3\}\n')
        self.assertEqual(self.ask("watch", task).stdout, "3\n")
        task = self.begin_task(self.there, "steps", 30, 1000)
        self.assertIn("has not ended within 0.3 s", self.ask("watch", task, "--timeout", "0.3", expect=4).stderr)
        self.until_running(self.there, task)
        self.assertIn('"of":30', self.ask("status", task).stdout)

    def test_watch_lives_through_a_restart_of_the_control_plane(self):
        base, port, discovery = support.free_ports()
        store = os.path.join(self.folder, "store")
        begin = lambda: self.plane("--local", "off", "--store", f"sqlite:{store}", base=base, port=port, discovery=discovery)
        there = begin()
        self.worker("w", there)
        task = self.begin_task(there, "steps", 20, 150)
        watch = self.start([support.PROGRAM, "watch", "--discovery-address", discovery, task, "--output", "json"])
        watch.wait_for('"progress":')
        there.kill()
        begin()
        self.assertEqual(watch.wait(), 0)
        self.assertIn('"value":20', watch.lines[-1])

    def test_wait_that_takes_too_long_says_where_the_task_is(self):
        task = self.begin_task(self.there, "sleep_ms", 30000)
        self.until_running(self.there, task)
        self.assertIn(task, self.refusal("wait", task, "--timeout", "0.2", expect=4))

    def test_result_tells_what_became_of_a_task(self):
        good, bad = self.begin_task(self.there, "add", 5, 3), self.begin_task(self.there, "fail", "it rained")
        for task in (good, bad):
            self.end_of(self.there, task)
        self.assertEqual(self.ask("result", good).stdout, "8\n")
        self.assertIn("it rained", self.ask("result", bad, expect=1).stderr)

    def test_a_result_that_is_not_there_yet_is_no_result(self):
        task = self.begin_task(self.there, "sleep_ms", 30000)
        self.until_running(self.there, task)
        self.assertIn(f"{task} has not ended: it is running", self.refusal("result", task, expect=4))

    def test_forget_drops_the_result_and_not_the_knowledge_of_it(self):
        task = self.begin_task(self.there, "add", 5, 3)
        self.end_of(self.there, task)
        self.ask("forget", task)
        self.assertIn("no longer kept", self.refusal("result", task, expect=5))
        self.assertIn("no longer kept", self.ask("why", task).stdout)

    def test_ids_that_cannot_be_are_named(self):
        for command in ("wait", "result", "forget", "inspect", "why", "status", "cancel"):
            with self.subTest(command=command):
                self.assertIn("'17'", self.refusal(command, "17", expect=2))
                self.assertIn("--task-id is missing", self.refusal(command, expect=2))
                unknown = "01a20ce4-533c-78cf-89e4-fcbb5b2f6b9f"
                self.assertIn(unknown, self.refusal(command, unknown, expect=5))

    def test_inspect_shows_options_and_state(self):
        task = self.begin_task(self.there, "sleep_ms", 30000, options=("--retries", "3", "--timeout", "60", "--priority", "high"))
        self.until_running(self.there, task)
        row = json.loads(self.ask("inspect", task, "--output", "json").stdout)
        self.assertEqual((row["state"], row["retries"], row["timeout_ms"], row["priority"]), ("running", 3, 60000, "high"))
        self.assertRegex(self.ask("inspect", task).stdout, r"(?m)^priority +high$")

    def test_inspect_shows_the_attempts_that_went_wrong(self):
        task = self.begin_task(self.there, "fail", "no luck", options=("--retries", "2", "--retry-delay", "0.01"))
        self.end_of(self.there, task)
        history = json.loads(self.ask("inspect", task, "--output", "json").stdout)["history"]
        self.assertEqual([(row["attempt"], row["code"], row["text"], row["worker"]) for row in history],
                         [(n, "handler_error", "no luck", "control-plane.local") for n in (1, 2, 3)])
        self.assertEqual(sorted(row["at_us"] for row in history), [row["at_us"] for row in history])
        self.assertRegex(self.ask("inspect", task).stdout, r"(?m)^ *3 +20\S+Z +control-plane.local +handler_error +no luck$")
        fine = self.begin_task(self.there, "add", 5, 3)
        self.end_of(self.there, fine)
        self.assertNotIn("history", self.ask("inspect", fine, "--output", "json").stdout)

    def test_why_answers_in_a_sentence(self):
        running = self.begin_task(self.there, "sleep_ms", 30000, options=("--timeout", "60"))
        self.until_running(self.there, running)
        self.assertRegex(self.ask("why", running).stdout, "^running: it runs at .* its limit is 60.0 s\n$")
        later = self.begin_task(self.there, "add", 1, 2, options=("--countdown", "100"))
        self.assertRegex(self.ask("why", later).stdout, "^scheduled: it is not to begin yet: its time comes in [0-9.]+ s\n$")
        strange = self.begin_task(self.there, "ad", 1, 2)
        self.assertIn("no worker knows 'ad'; near are add", self.ask("why", strange).stdout)
        self.assertEqual(json.loads(self.ask("why", strange, "--output", "json").stdout)["reason"], "no_worker")


if __name__ == "__main__":
    support.main()
