"""Clients' commands: what is printed where, and every exit code."""

import datetime
import json
import socket
import subprocess

import support


class Answers(support.Case):
    """One control plane, which runs the tasks itself, for all of these."""

    @classmethod
    def setUpClass(cls):
        cls.shared = support.Plane("--unknown-tasks", "refuse")
        cls.addClassCleanup(cls.shared.kill)

    def test_a_task_runs_without_subworkers_and_its_value_is_printed_plain(self):
        ended = self.submit(self.shared, "add", 5, 3)
        self.assertEqual((ended.stdout, ended.stderr), ("8\n", ""))

    def test_the_guides_order_of_options_is_as_good(self):
        ended = self.run_cli("submit", "--task-name", "add", "--args", 5, 3, "--discovery-address", self.shared.discovery)
        self.assertEqual(ended.stdout, "8\n")

    def test_arguments_are_json_where_they_can_be(self):
        for arguments, name, value in [
                (("-5", "3"), "add", -2),
                (("-5", "-3"), "add", -8),
                (("0.5", "-4e1"), "multiply", -20),
                (("Ada",), "greet", "Hello, Ada!"),
                (("Ada", "Hé"), "greet", "Hé, Ada!"),
                (('"5"',), "greet", "Hello, 5!"),
                (("Ada", "null"), "greet", "Hi, Ada!"),
                (("-x",), "greet", "Hello, -x!"),
                (("list",), "greet", "Hello, list!"),
                (("",), "greet", "Hello, !"),
                (("[1,2",), "greet", "Hello, [1,2!"),
                (('{"width": 1, "height": 2, "label": "a, b"}', "3"), "scale_box", {"width": 3, "height": 6, "label": "a, b"}),
        ]:
            with self.subTest(arguments=arguments):
                self.assertEqual(self.value(self.shared, name, *arguments), value)

    def test_every_priority_in_either_case(self):
        for level in (*support.PRIORITIES, "CRITICAL", "Low"):
            with self.subTest(level=level):
                self.assertEqual(self.value(self.shared, "add", 1, 2, options=("--priority", level)), 3)

    def test_a_failed_task_is_told_on_standard_error_with_code_1(self):
        text = self.error("submit", "--discovery-address", self.shared.discovery, "--task-name", "fail", "--args", "boom", expect=1)
        self.assertEqual(text, "failure handler_error: boom")

    def test_a_text_of_several_lines_stays_on_one(self):
        text = self.error("submit", "--discovery-address", self.shared.discovery, "--task-name", "fail", "--args", "a\nb\x1b[2J", expect=1)
        self.assertEqual(text, "failure handler_error: a b [2J")

    def test_wrong_arguments_are_a_failure_that_names_them(self):
        self.assertIn("y", self.submit(self.shared, "add", 5, expect=1).stderr)
        self.assertIn("bad_arguments", self.submit(self.shared, "add", 5, "x", expect=1).stderr)

    def test_json_output_is_one_object_a_line(self):
        good = json.loads(self.submit(self.shared, "add", 5, 3, options=("--output", "json")).stdout)
        self.assertEqual((good["state"], good["value"], good["attempt"]), ("success", 8, 1))
        self.assertLessEqual(good["submitted_us"], good["finished_us"])
        self.assertIn("worker", good)
        bad = json.loads(self.submit(self.shared, "fail", "boom", options=("--output", "json"), expect=1).stdout)
        self.assertEqual((bad["state"], bad["code"], bad["error"]), ("failure", "handler_error", "boom"))

    def test_non_blocking_prints_the_id_that_status_takes(self):
        task = self.begin_task(self.shared, "add", 20, 3)
        self.assertRegex(task, r"\A[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")
        self.assertEqual(self.end_of(self.shared, task)["value"], 23)
        shown = self.run_cli("status", "--discovery-address", self.shared.discovery, "--task-id", task).stdout
        for line in (f"task +{task}", "state +success", "value +23", "attempt +1", "worker +control-plane.local", "submitted +20", "finished +20"):
            self.assertRegex(shown, f"(?m)^{line}")

    def test_a_countdown_is_waited_for(self):
        task = self.begin_task(self.shared, "add", 1, 1, options=("--countdown", "0.4"))
        status = self.end_of(self.shared, task)
        self.assertEqual(status["value"], 2)
        self.assertGreaterEqual(status["started_us"] - status["submitted_us"], 400_000)

    def test_an_eta_is_waited_for_wherever_its_clock_stands(self):
        for zone in (datetime.timezone.utc, datetime.timezone(datetime.timedelta(hours=5, minutes=30)), datetime.timezone(datetime.timedelta(hours=-8))):
            with self.subTest(zone=zone):
                when = datetime.datetime.now(zone) + datetime.timedelta(seconds=0.5)
                task = self.begin_task(self.shared, "add", 1, 1, options=("--eta", when.isoformat()))
                status = self.end_of(self.shared, task)
                self.assertGreaterEqual(status["started_us"], int(when.timestamp() * 1e6))
                self.assertLess(status["started_us"], int(when.timestamp() * 1e6) + 20_000_000)
        soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        task = self.begin_task(self.shared, "add", 1, 1, options=("--eta", soon.strftime("%Y-%m-%d %H:%MZ")))
        self.assertEqual(self.status(self.shared, task)["state"], "scheduled")
        self.assertEqual(self.value(self.shared, "add", 5, 3, options=("--eta", "2001-02-03T04:05:06.789+01")), 8, "its time has come")

    def test_a_task_that_has_not_begun_in_time_expires(self):
        task = self.begin_task(self.shared, "add", 1, 1, options=("--countdown", "60", "--expires", "0.2"))
        self.assertEqual(self.end_of(self.shared, task)["state"], "expired")

    def test_an_attempt_over_its_soft_limit_is_asked_to_stop(self):
        value = self.value(self.shared, "sleep_ms", 20_000, options=("--soft-timeout", "0.2"))
        self.assertLess(value, 20_000, "it returns how long it slept")

    def test_retries_wait_as_long_as_they_are_told_to(self):
        options = ("--retries", "2", "--retry-delay", "0.1", "--retry-backoff", "3", "--retry-jitter", "0")
        task = self.begin_task(self.shared, "fail", "no luck", options=options)
        self.assertEqual(self.end_of(self.shared, task)["attempt"], 3)
        ends = [row["at_us"] for row in json.loads(self.run_cli("inspect", task, "--discovery-address", self.shared.discovery, "--output", "json").stdout)["history"]]
        self.assertGreaterEqual(ends[1] - ends[0], 100_000)
        self.assertGreaterEqual(ends[2] - ends[1], 300_000)
        options = ("--retries", "2", "--retry-delay", "60", "--retry-max-delay", "0.05")
        self.assertIn("no luck", self.submit(self.shared, "fail", "no luck", options=options, expect=1).stderr)

    def test_a_task_that_has_not_begun_is_cancelled(self):
        task = self.begin_task(self.shared, "add", 1, 1, options=("--countdown", "60"))
        self.assertEqual(self.status(self.shared, task)["state"], "scheduled")
        cancel = ("cancel", "--discovery-address", self.shared.discovery, "--task-id", task)
        self.assertEqual(self.run_cli(*cancel).stdout, "cancelled\n")
        self.assertEqual(self.status(self.shared, task)["state"], "cancelled")
        self.assertIn(task, self.error(*cancel, expect=5))

    def test_a_running_task_is_asked_to_stop(self):
        task = self.begin_task(self.shared, "primes", 2_000_000_000)
        self.until_running(self.shared, task)
        self.assertIn("running", self.run_cli("cancel", "--discovery-address", self.shared.discovery, "--task-id", task).stdout)
        self.assertEqual(self.end_of(self.shared, task)["state"], "cancelled")

    def test_a_task_over_its_own_limit_failed(self):
        ended = self.submit(self.shared, "sleep_ms", 20_000, options=("--task-timeout", "0.1"), expect=1)
        self.assertIn("failure timeout", ended.stderr)

    def test_an_answer_that_takes_too_long_is_code_4_and_names_the_task(self):
        text = self.error("submit", "--discovery-address", self.shared.discovery, "--wait", "0.3", "--task-name", "sleep_ms", "--args", 1500, expect=4)
        self.assertRegex(text, r"'sleep_ms' has not ended within 0\.3 s .*status --task-id [0-9a-f-]{36}")
        self.end_of(self.shared, text[-36:])

    def test_what_the_control_plane_refuses_is_code_5(self):
        near = self.error("submit", "--discovery-address", self.shared.discovery, "--task-name", "ad", expect=5)
        self.assertIn("'ad'", near)
        missing = "01890a5d-ac96-774b-bcce-b302099a8057"
        for command in ("status", "cancel"):
            self.assertIn(missing, self.error(command, "--discovery-address", self.shared.discovery, "--task-id", missing, expect=5))

    def test_the_environment_stands_in_for_options_and_options_go_before_it(self):
        here = {"FASTQUEUE_DISCOVERY_ADDRESS": self.shared.discovery}
        self.assertEqual(self.run_cli("submit", "--task-name", "add", "--args", 1, 2, **here).stdout, "3\n")
        nowhere = {"FASTQUEUE_DISCOVERY_ADDRESS": "tcp://127.0.0.1:1", "FASTQUEUE_RETRIES": "0"}
        self.error("workers", expect=3, **nowhere)
        self.run_cli("workers", "--discovery-address", self.shared.discovery, **nowhere)
        self.assertIn("FASTQUEUE_TIMEOUT 'soon'", self.error("workers", expect=2, FASTQUEUE_TIMEOUT="soon", **here))
        late = self.error("submit", "--task-name", "sleep_ms", "--args", 1000, expect=4, FASTQUEUE_TIMEOUT="0.2", **here)
        self.assertIn("within 0.2 s", late)

    def test_list_shows_what_the_control_plane_knows(self):
        rows = self.run_cli("list", "--discovery-address", self.shared.discovery).stdout.splitlines()
        self.assertIn("add", [row.split()[0] for row in rows])
        names = [row["name"] for row in self.rows("list", "--discovery-address", self.shared.discovery)]
        self.assertIn("greet", names)

    def test_workers_is_a_table_with_a_head(self):
        head, *rows = self.run_cli("workers", "--discovery-address", self.shared.discovery).stdout.splitlines()
        self.assertEqual(head.split(), ["ID", "STATE", "LOAD", "DONE", "FAILED", "WINDOW", "LAST", "SEEN", "UPTIME", "ADDRESS"])
        self.assertRegex(rows[0], r"^control-plane\.local +active +\d+/1 ")

    def test_a_closed_output_crashes_nothing(self):
        for closed in (">&-", "2>&-", "<&-", ">&- 2>&-", ">/dev/full"):
            with self.subTest(closed=closed):
                line = f'"{support.PROGRAM}" submit --discovery-address {self.shared.discovery} --task-name add --args 1 2 {closed}'
                self.assertEqual(subprocess.run(["/bin/sh", "-c", line], capture_output=True, timeout=support.PATIENCE).returncode, 0)


class Alone(support.Case):
    """No control plane at all."""

    def test_nobody_there_is_code_3_and_soon(self):
        for words in (("submit", "--task-name", "add", "--args", 5, 3), ("workers",), ("list",), ("status", "--task-id", "01890a5d-ac96-774b-bcce-b302099a8057")):
            with self.subTest(words=words):
                text = self.error(*words, "--discovery-address", "tcp://127.0.0.1:1", expect=3, patience=10)
                self.assertIn("tcp://127.0.0.1:1", text)
                self.assertIn("fastqueue control-plane", text)

    def test_somebody_who_never_answers_is_code_4(self):
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            address = f"tcp://127.0.0.1:{deaf.getsockname()[1]}"
            self.assertIn(address, self.error("workers", "--discovery-address", address, "--timeout", "0.5", expect=4))

    def test_a_name_that_no_worker_knows_yet_is_said_when_the_time_is_over(self):
        plane = self.plane("--unknown-tasks", "wait")
        text = self.error("submit", "--discovery-address", plane.discovery, "--wait", "0.3", "--task-name", "ad", expect=4)
        self.assertRegex(text, "'ad' has not ended within 0.3 s .*: it is queued, and no worker knows that name; see fastqueue status")

    def test_list_shows_the_tasks_of_modules_without_a_control_plane(self):
        shown = self.run_cli("list", "--task-modules", "mytasks").stdout
        self.assertRegex(shown, r"(?m)^add\(x: integer, y: integer\) -> integer +\S")
        rows = self.rows("list", "--task-modules", "mytasks")
        self.assertIn("add", [row["name"] for row in rows])

    def test_version_and_help_are_for_standard_output(self):
        self.assertRegex(self.run_cli("--version").stdout, r"\Afastqueue \d+\.\d+\.\d+\nprotocol FQ1, ZMTP 3\.1, [^\n]+\n\Z")
        self.assertIn("control-plane", self.run_cli("--help").stdout)
        for command in ("control-plane", "subworker", "submit", "status", "cancel", "list", "workers"):
            self.assertIn("--", self.run_cli(command, "--help").stdout)


if __name__ == "__main__":
    support.main()
