"""`fastqueue schedule`: tasks that are submitted again and again."""

import datetime
import json
import os
import time

import support


class Schedules(support.Case):
    def setUp(self):
        super().setUp()
        self.store = os.path.join(self.folder, "store")

    def begin(self, **more):
        self.there = self.plane("--local", "off", "--store", f"sqlite:{self.store}", **more)
        return self.there

    def order(self, *words, **more):
        return self.run_cli("schedule", *words, "--discovery-address", self.there.discovery, **more)

    def add(self, name, *words, task="add", arguments=(5, 3)):
        return self.order("add", name, "--task-name", task, *words, "--args", *arguments)

    def shown(self, name):
        return json.loads(self.order("show", name, "--output", "json").stdout)

    def until_fired(self, name, times):
        self.until(lambda: self.shown(name)["fired"] >= times, f"{name} has fired {times} times")

    def test_an_interval_fires_and_its_tasks_bear_what_the_options_say(self):
        self.worker("w", self.begin())
        self.add("tick", "--every", "0.2", "--tag", "kind=tick", "--priority", "high")
        self.until_fired("tick", 3)
        self.order("pause", "tick")
        fired = self.shown("tick")["fired"]
        last = self.end_of(self.there, self.shown("tick")["last_id"])
        self.assertEqual((last["state"], last["value"]), ("success", 8))
        (row,) = self.rows("schedule", "list", "--discovery-address", self.there.discovery)
        self.assertEqual((row["name"], row["paused"], row["fired"]), ("tick", True, fired))
        self.order("rm", "tick")
        self.assertEqual(self.order("list").stdout, "no schedules\n")

    def test_the_next_five_firings_are_printed_by_the_clock_of_the_zone(self):
        self.begin()
        printed = self.order("add", "nightly", "--task-name", "add", "--cron", "30 2 * * *", "--zone", "Europe/Berlin").stdout
        times = [line.split()[-1] for line in printed.splitlines() if "T02:30:00" in line]
        self.assertEqual(len(times), 5)
        for text in times:
            self.assertRegex(text, r"^\d{4}-\d\d-\d\dT02:30:00\+0[12]:00$")
            self.assertGreater(datetime.datetime.fromisoformat(text), datetime.datetime.now(datetime.timezone.utc))

    def test_run_fires_now_and_prints_the_tasks_id(self):
        self.worker("w", self.begin())
        self.add("yearly", "--cron", "@yearly")
        task = self.order("run", "yearly").stdout.strip()
        self.assertEqual(self.end_of(self.there, task)["value"], 8)
        self.assertEqual(self.shown("yearly")["run_id"], task)

    def test_a_killed_control_plane_fires_on_and_nothing_twice(self):
        base, port, discovery = support.free_ports()
        self.begin(base=base, port=port, discovery=discovery)
        self.worker("w", self.there)
        self.add("tick", "--every", "0.1", "--count", "25", "--overlap", "allow", "--tag", "k=v")
        for _ in range(3):
            time.sleep(0.35)  # so that firings lie on both sides of each kill
            self.there.kill()
            self.begin(base=base, port=port, discovery=discovery)
        self.until_fired("tick", 25)
        self.assertEqual(self.shown("tick")["next_us"], [])
        self.until(lambda: not self.rows("tasks", "--discovery-address", discovery), "all have ended")
        ended = self.rows("tasks", "--discovery-address", discovery, "--state", "success", "--limit", "100")
        self.assertEqual(len({row["id"] for row in ended}), 25)

    def test_a_firing_whose_task_still_runs_is_skipped(self):
        self.worker("w", self.begin(), "--concurrency", "4")
        self.add("slow", "--every", "0.1", task="sleep_ms", arguments=(1000,))
        self.until(lambda: self.shown("slow")["skipped"] >= 3, "some are skipped")
        self.assertEqual(self.shown("slow")["fired"], 1)

    def test_list_periodic_lists_them_in_place_of_tasks(self):
        self.begin()
        self.add("tick", "--every", "60")
        self.assertRegex(self.run_cli("list", "--list-periodic", "--discovery-address", self.there.discovery).stdout, r"tick +add +every 60\.0 s")
        self.assertIn("NAME", self.run_cli("list", "--list-periodic", "--task-modules", "mytasks").stdout)

    def test_a_schedule_that_is_there_is_changed_only_where_that_is_said(self):
        self.begin()
        self.add("tick", "--every", "60")
        self.add("tick", "--every", "60")
        refusal = self.error("schedule", "add", "tick", "--task-name", "add", "--every", "61", "--discovery-address", self.there.discovery, expect=5)
        self.assertEqual(refusal, "schedule 'tick': there is one of that name that says something else; change it with --replace")
        self.add("tick", "--every", "60", "--replace")
        self.order("add", "tick", "--task-name", "add", "--every", "61", "--replace")
        self.assertEqual(self.shown("tick")["every_ms"], 61_000)

    def test_what_cannot_be_is_refused(self):
        self.begin()
        for words, code, expected in [
                (("add", "x", "--every", "1"), 2, "--task-name is missing"),
                (("add", "--task-name", "add", "--every", "1"), 2, "wants the name of a schedule"),
                (("add", "x", "--task-name", "add"), 2, "Give one of --every SECONDS and --cron"),
                (("add", "x", "--task-name", "add", "--every", "1", "--cron", "@daily"), 2, "Give one of"),
                (("add", "x", "--task-name", "add", "--cron", "60 * * * *"), 2, "minutes are 0 to 59"),
                (("add", "x", "--task-name", "add", "--every", "1", "--zone", "UTC"), 2, "--zone is for --cron"),
                (("add", "x", "--task-name", "add", "--cron", "@daily", "--zone", "Mars"), 5, "'Mars' is not known here"),
                (("add", "x y", "--task-name", "add", "--every", "1"), 2, "'x y'"),
                (("rm", "x"), 5, "there is no schedule 'x' here"),
                (("delete", "x"), 2, "'delete'"),
                (("show",), 2, "wants the name of a schedule")]:
            with self.subTest(words=words):
                ended = self.order(*words, expect=code)
                self.assertIn(expected, ended.stderr)
                self.assertEqual(ended.stderr.count("\n"), 1)


if __name__ == "__main__":
    support.main()
