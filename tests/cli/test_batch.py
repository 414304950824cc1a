"""`submit --kwargs` and `submit --from`: one task by parameter name, and thousands from a file or a pipe."""

import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import time

import support


class Batch(support.Case):
    def setUp(self):
        super().setUp()
        self.there = self.plane()
        self.submitting = ("submit", "--discovery-address", self.there.discovery)

    def file(self, *lines):
        path = pathlib.Path(self.folder) / "tasks.jsonl"
        path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))
        return str(path)

    def pipe(self, text, *options, expect=0):
        ended = subprocess.run([support.PROGRAM, *self.submitting, "--from", "-", *options], input=text, capture_output=True, text=True,
                               timeout=60, env=support.environment())
        self.assertEqual(ended.returncode, expect, ended.stderr)
        return ended

    def test_arguments_by_name(self):
        self.assertEqual(self.run_cli(*self.submitting, "--task-name", "add", "--kwargs", "x=5", "y=3").stdout, "8\n")
        self.assertEqual(self.run_cli(*self.submitting, "--task-name", "greet", "--kwargs", 'name="Ada"', "greeting=Hi").stdout, '"Hi, Ada!"\n')
        for words in (("--kwargs", "x"), ("--kwargs", "x=1", "x=2"), ("--kwargs", "x=1", "--args", "2"), ("--kwargs", "=1")):
            with self.subTest(words=words):
                self.error(*self.submitting, "--task-name", "add", *words, expect=2)

    def test_each_line_is_a_task_and_has_a_result(self):
        path = self.file({"task": "add", "args": [5, 3]}, "\n", {"task": "add", "kwargs": {"x": 1, "y": 1}, "priority": "high", "retries": 2})
        ended = self.run_cli(*self.submitting, "--from", path)
        self.assertEqual(sorted(ended.stdout.splitlines()), ["1: 8", "3: 2"])
        self.assertRegex(ended.stderr, r"^fastqueue: 2 tasks in [0-9.]+ s \(\d+/s\), 0 failed, 0 lines refused\n$")
        rows = {row["line"]: row for row in self.rows(*self.submitting, "--from", path)}
        self.assertEqual((rows[1]["state"], rows[1]["value"], rows[3]["value"]), ("success", 8, 2))

    def test_failures_and_broken_lines_are_told_and_hold_nothing_up(self):
        path = self.file({"task": "fail", "args": ["no"]}, "nonsense\n", {"args": [1]}, {"task": "add", "args": [1, 2]})
        ended = self.run_cli(*self.submitting, "--from", path, expect=2)
        self.assertIn("4: 3", ended.stdout.splitlines())
        self.assertIn("line 2 refused", ended.stderr)
        self.assertIn("line 3 refused", ended.stderr)
        self.assertIn("2 tasks", ended.stderr)
        self.assertIn("1 failed, 2 lines refused", ended.stderr)
        self.run_cli(*self.submitting, "--from", self.file({"task": "fail", "args": ["no"]}), expect=1)

    def test_what_the_control_plane_refuses_is_told_by_line(self):
        taken = self.begin_task(self.there, "add", 1, 1)
        path = self.file({"task": "add", "args": [9, 9], "id": taken}, {"task": "add", "args": [1, 2]})
        ended = self.run_cli(*self.submitting, "--from", path, expect=5)
        self.assertEqual(ended.stdout, "2: 3\n")
        self.assertRegex(ended.stderr, "line 1 refused: .*id")

    def test_thousands_come_through_a_pipe(self):
        text = "".join(f'{{"task": "add", "args": [{i}, 1]}}\n' for i in range(5000))
        ended = self.pipe(text, "--output", "json")
        rows = [json.loads(line) for line in ended.stdout.splitlines()]
        self.assertEqual({row["line"]: row["value"] for row in rows}, {i + 1: i + 1 for i in range(5000)})

    def test_without_waiting_it_prints_ids(self):
        ended = self.pipe('{"task": "add", "args": [5, 3]}\n', "--non-blocking", "--output", "json")
        self.assertEqual(self.end_of(self.there, json.loads(ended.stdout)["id"])["value"], 8)

    def test_a_file_that_cannot_be_read_is_named(self):
        self.assertIn("gone.jsonl", self.error(*self.submitting, "--from", "gone.jsonl", expect=2))

    def test_interrupted_it_tells_how_far_it_came(self):
        path = self.file(*({"task": "sleep_ms", "args": [60000]} for _ in range(5)))
        program = subprocess.Popen([support.PROGRAM, *self.submitting, "--from", path], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                   env=support.environment())
        self.addCleanup(program.kill)
        ask = ("tasks", "--discovery-address", self.there.discovery)
        self.until(lambda: len(self.rows(*ask)) == 5, "all are there")
        program.send_signal(signal.SIGINT)
        _, told = program.communicate(timeout=20)
        self.assertEqual(program.returncode, 130, told)
        self.assertIn("interrupted", told)

    def test_a_terminal_sees_a_bar_and_a_pipe_does_not(self):
        path = self.file(*({"task": "sleep_ms", "args": [200]} for _ in range(6)))
        master, slave = pty.openpty()
        program = subprocess.Popen([support.PROGRAM, *self.submitting, "--from", path], stdout=subprocess.DEVNULL, stderr=slave, env=support.environment())
        os.close(slave)
        shown = b""
        end = time.monotonic() + 30
        while time.monotonic() < end:
            try:
                more = os.read(master, 4096)
            except OSError:
                break
            if not more:
                break
            shown += more
        os.close(master)
        self.assertEqual(program.wait(20), 0)
        self.assertRegex(shown.decode(), r"[1-5]/6")
        self.assertNotRegex(self.run_cli(*self.submitting, "--from", path).stderr, r"\d/6")


if __name__ == "__main__":
    support.main()
