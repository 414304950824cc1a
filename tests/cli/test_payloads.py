"""Arguments and results that cannot be: each is one clear error, and the next task is served as if nothing had been."""

import json
import pathlib
import subprocess

import support


class Payloads(support.Case):
    def setUp(self):
        super().setUp()
        self.there = self.plane()
        self.submitting = ("submit", "--discovery-address", self.there.discovery)

    def tearDown(self):
        self.assertEqual(self.value(self.there, "add", 5, 3), 8, "it goes on")
        super().tearDown()

    def fails(self, task, *arguments):
        return self.submit(self.there, task, *arguments, expect=1).stderr

    def from_file(self, text, expect):
        path = pathlib.Path(self.folder) / "tasks.jsonl"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return self.run_cli(*self.submitting, "--from", str(path), expect=expect, patience=60).stderr

    def test_too_few_and_too_many_arguments_are_counted(self):
        self.assertRegex(self.fails("add", 1), "bad_arguments.*y")
        self.assertRegex(self.fails("add", 1, 2, 3), "bad_arguments.*2")

    def test_a_wrong_type_names_the_parameter_and_both_types(self):
        told = self.fails("add", 1, '"two"')
        self.assertIn("bad_arguments", told)
        for word in ("y", "integer", "string"):
            self.assertIn(word, told)

    def test_a_task_that_nobody_has_is_refused_with_the_nearest(self):
        plane = self.plane("--unknown-tasks", "refuse")
        self.value(plane, "add", 1, 2)
        self.assertRegex(self.error("submit", "--discovery-address", plane.discovery, "--task-name", "adds", expect=5), "adds.*add")

    def test_a_payload_over_the_limit_is_refused_before_it_is_sent(self):
        told = self.from_file(json.dumps({"task": "greet", "args": ["n" * (17 << 20)]}) + "\n", 5)
        self.assertRegex(told, "line 1 refused: .*(too large|limit)")

    def test_a_result_over_the_limit_fails_the_task_and_says_so(self):
        told = self.from_file(json.dumps({"task": "greet", "args": ["n" * ((16 << 20) - 6)]}) + "\n", 1)  # "Hello, n...!"
        self.assertIn("1 failed", told)

    def test_invalid_utf_8_is_named(self):
        ended = subprocess.run([support.PROGRAM, *self.submitting, "--task-name", "greet", "--args", b"\xff\xfe"], capture_output=True, timeout=30,
                               env=support.environment())
        self.assertNotEqual(ended.returncode, 0)
        self.assertRegex(ended.stderr.decode(errors="replace"), "(?i)utf-8")
        self.assertRegex(self.from_file(b'{"task": "greet", "args": ["\xff"]}\n', 2), "(?i)line 1 refused: .*utf-8")

    def test_deeply_nested_json_is_refused_and_kills_nobody(self):
        deep = "[" * 100_000 + "]" * 100_000
        told = self.from_file('{"task": "greet", "args": [' + deep + "]}\n", 2)
        self.assertRegex(told, "line 1 refused: .*(deep|nest)")


if __name__ == "__main__":
    support.main()
