"""`submit --kwargs` and `submit --from`: one task by parameter name, and thousands from a file or a pipe."""

import contextlib
import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import threading
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

    def begin(self, *options, **more):
        """A batch from standard input that goes on; its output is to be read by the test."""
        program = subprocess.Popen([support.PROGRAM, *self.submitting, "--from", "-", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=support.environment(), **more)
        timer = threading.Timer(support.PATIENCE, program.kill)  # so that no read here waits without end
        timer.start()
        self.addCleanup(timer.cancel)
        self.addCleanup(self.end, program)
        return program

    @staticmethod
    def end(program):
        program.kill()
        program.wait(support.PATIENCE)
        for pipe in (program.stdout, program.stderr, program.stdin):
            with contextlib.suppress(OSError):  # what was still to be written to it
                pipe.close()

    def test_results_come_while_the_input_goes_on(self):
        program = self.begin()
        for i in range(1, 4):
            program.stdin.write(f'{{"task": "add", "args": [{i}, 1]}}\n')
            program.stdin.flush()
            self.assertEqual(program.stdout.readline(), f"{i}: {i + 1}\n")
        _, told = program.communicate(timeout=20)
        self.assertEqual((program.returncode, told.count("3 tasks")), (0, 1), told)

    def test_interrupted_while_its_input_is_silent_it_ends(self):
        program = self.begin()
        program.stdin.write('{"task": "add", "args": [5, 3]}\n')
        program.stdin.flush()
        self.assertEqual(program.stdout.readline(), "1: 8\n")
        program.send_signal(signal.SIGINT)
        self.assertEqual(program.wait(20), 130)
        self.assertRegex(program.stderr.read(), r"^fastqueue: interrupted: 1 task in \S+ s \(\S+/s\), 0 failed, 0 lines refused\n$")

    def test_interrupted_it_prints_what_has_been_answered_however_slow_its_reader(self):
        program = self.begin("--output", "json")
        writer = threading.Thread(target=self.write_many, args=(program.stdin, 4000), daemon=True)
        writer.start()
        done = lambda: sum(row["succeeded"] for row in self.workers(self.there).values())
        self.until(lambda: done() > 3000, "more is answered than a pipe holds")
        program.send_signal(signal.SIGINT)
        told = program.stderr.readline()
        found = re.search(r"interrupted: (\d+) tasks", told)
        self.assertTrue(found, told)
        self.assertEqual(len(program.stdout.read().splitlines()), int(found[1]))
        self.assertEqual(program.wait(20), 130)
        writer.join(20)

    @staticmethod
    def write_many(pipe, count):
        try:
            for i in range(count):
                pipe.write(f'{{"task": "add", "args": [{i}, 1]}}\n')
            pipe.flush()
        except (BrokenPipeError, ValueError):
            pass  # the batch has ended

    def test_a_reader_that_goes_away_stops_no_task(self):
        program = self.begin()
        program.stdout.close()
        self.write_many(program.stdin, 3000)
        program.stdin.close()
        self.assertEqual(program.wait(20), 0)
        self.assertIn("3000 tasks", program.stderr.read())

    def test_each_way_in_which_a_line_can_be_wrong_is_said(self):
        lines = [('{"tsk": "add"}', "'tsk', .* did you mean task"), ("nonsense", "not JSON: .* column 1"), ("[1]", "not a JSON object"),
                 ('{"args": [1]}', "names no task"), ('{"task": 5}', "'task' that is no JSON string"), ('{"task": "a b"}', "task 'a b' is not a name"),
                 ('{"task": "add", "args": 5}', "'args' that are no JSON array"), ('{"task": "add", "kwargs": [5]}', "'kwargs' that are no JSON object"),
                 ('{"task": "add", "args": [1], "kwargs": {}}', "both 'args' and 'kwargs'"), ('{"task": "add", "args": [1], "args": [2]}', "'args' twice"),
                 ('{"task": "add", "priority": "hihg"}', "priority 'hihg' .* high"), ('{"task": "add", "countdown": -1}', "countdown '-1'"),
                 ('{"task": "add", "timeout": 0}', "timeout '0'"), ('{"task": "add", "retries": 1.5}', "retries '1.5'"), ('{"task": "add", "id": "17"}', "id '17'"),
                 ('{"task": "add", "retry_jitter": 2}', "retry_jitter '2'"), ('{"task": "add", "eta": 5}', "'eta' that is no JSON string"),
                 ('{"task": "add", "eta": "noon"}', "eta 'noon' is not a time"), ('{"task": "add", "retry-delay": 5}', "did you mean retry_delay")]
        ended = self.pipe("".join(line + "\n" for line, _ in lines), "--output", "json", expect=2)
        rows = [json.loads(line) for line in ended.stdout.splitlines()]
        self.assertEqual([(row["line"], row["state"], row["code"]) for row in rows], [(i + 1, "refused", "bad_line") for i in range(len(lines))])
        for row, (line, why) in zip(rows, lines):
            with self.subTest(line=line):
                self.assertRegex(row["error"], why)
                self.assertRegex(ended.stderr, f"line {row['line']} refused: .*{why}")

    def test_a_line_says_what_options_say(self):
        lines = ['{"task": "fail", "args": ["once"], "retries": 1, "retry_delay": 0.01, "retry_backoff": 1, "retry_max_delay": 1, "retry_jitter": 0}',
                 '{"task": "sleep_ms", "args": [20000], "soft_timeout": 0.1, "priority": "high", "delivery": "at_most_once", "key": "a"}',
                 '{"task": "add", "args": [1, 1], "countdown": 60, "expires": 0.1}', '{"task": "add", "args": [1, 1], "eta": "2001-02-03T04:05:06Z"}']
        rows = [json.loads(line) for line in self.pipe("\n".join(lines), "--output", "json", expect=1).stdout.splitlines()]
        ended = {row["line"]: row for row in rows}
        self.assertEqual([ended[i + 1]["state"] for i in range(4)], ["failure", "success", "expired", "success"])

    def test_a_file_as_editors_leave_it_is_read(self):
        path = pathlib.Path(self.folder) / "odd.jsonl"
        path.write_bytes(b'\xef\xbb\xbf{"task": "add", "args": [1, 1]}\r\n \t\r\n{"task": "add", "kwargs": {"x": 2, "y": 2}, "args": null}')
        self.assertEqual(sorted(self.run_cli(*self.submitting, "--from", str(path)).stdout.splitlines()), ["1: 2", "3: 4"])

    def test_a_line_that_is_far_too_long_is_refused_and_the_next_is_read(self):
        text = '{"task": "greet", "args": ["' + "x" * (33 << 20) + '"]}\n{"task": "add", "args": [1, 1]}\n'
        ended = self.pipe(text, expect=2)
        self.assertEqual(ended.stdout, "2: 2\n")
        self.assertIn("line 1 refused: is longer than 32 MiB", ended.stderr)

    def test_of_many_refused_lines_twenty_are_told(self):
        ended = self.pipe("nonsense\n" * 30, expect=2)
        self.assertEqual(len(re.findall("refused: ", ended.stderr)), 20)
        self.assertIn("... and 10 more", ended.stderr)
        self.assertIn("0 failed, 30 lines refused", ended.stderr)

    def test_a_control_plane_that_refuses_is_code_5(self):
        strict = self.plane("--unknown-tasks", "refuse")
        ended = self.run_cli("submit", "--discovery-address", strict.discovery, "--from", self.file({"task": "ad"}, {"task": "add", "args": [1, 2]}), expect=5)
        self.assertEqual(ended.stdout, "2: 3\n")
        self.assertRegex(ended.stderr, "line 1 refused: no worker knows a task named 'ad'")

    def test_an_answer_that_takes_longer_than_wait_is_code_4(self):
        ended = self.pipe('{"task": "sleep_ms", "args": [60000]}\n', "--wait", "0.3", expect=4)
        self.assertRegex(ended.stderr, "line 1: task [0-9a-f-]{36} has not ended in time")

    def test_nobody_there_is_code_3(self):
        text = self.error("submit", "--discovery-address", "tcp://127.0.0.1:1", "--connect-retries", "0", "--from", self.file({"task": "add"}), expect=3)
        self.assertIn("tcp://127.0.0.1:1", text)

    def test_options_stand_in_for_what_lines_do_not_say(self):
        ended = self.pipe('{"args": [5, 3]}\n{"task": "sleep_ms", "args": [60000]}\n', "--task-name", "add", "--timeout", "0.2", expect=1)
        self.assertEqual(ended.stdout, "1: 8\n")
        self.assertIn("line 2: failure timeout", ended.stderr)
        self.assertIn("--args", self.error(*self.submitting, "--from", "-", "--args", "1", expect=2))

    def test_without_waiting_it_prints_ids(self):
        ended = self.pipe('{"task": "add", "args": [5, 3]}\n', "--non-blocking", "--output", "json")
        self.assertEqual(self.end_of(self.there, json.loads(ended.stdout)["id"])["value"], 8)

    def test_without_waiting_an_id_whose_task_has_ended_is_told_without_a_value(self):
        known = {"task": "add", "args": [5, 3], "id": "0192f0c0-0000-7000-8000-000000000001"}
        self.pipe(json.dumps(known) + "\n")
        row = json.loads(self.pipe(json.dumps(known) + "\n", "--non-blocking", "--output", "json").stdout)
        self.assertEqual((row["id"], row["state"]), (known["id"], "success"))
        self.assertNotIn("value", row)

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
