"""The log of control plane and subworkers: levels, formats, a file, and SIGHUP, after which that is opened again."""

import json
import os
import pathlib
import pty
import re
import signal
import subprocess

import support

STAMP = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z "
LEVELS = ("error", "warning", "info", "debug")
RECORD = re.compile(STAMP + r"(error|warning|info |debug) (.*)$")


class Log(support.Case):
    def logged(self, name="log"):
        path = pathlib.Path(self.folder, name)
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def records(self, name="log"):
        return [json.loads(line) for line in self.logged(name)]

    def until_logged(self, pattern, name="log"):
        self.until(lambda: any(re.search(pattern, line) for line in self.logged(name)), f"{pattern} is logged in {name}")

    def json_plane(self, *options, **more):
        return self.plane("--log-format", "json", "--log-file", "log", *options, **more)


class Formats(Log):
    def test_without_options_lines_are_plain(self):
        plane = self.plane()
        self.worker("w", plane)
        plane.wait_for("^worker w joined")
        self.stops(plane)
        for line in plane.lines:
            self.assertNotRegex(line, STAMP)

    def test_a_file_gets_records_and_who_started_it_still_sees_where_it_listens(self):
        plane = self.plane("--log-file", "log")
        worker = self.worker("w", plane)
        self.until_logged("subworker w joined")
        self.stops(worker)
        self.until_logged("subworker w left")
        self.stops(plane)
        self.assertEqual([re.split(r"[ :]", line)[0] for line in plane.lines], ["control", "tasks", "store", "stopping", "control"])
        lines = self.logged()
        for line in lines:
            self.assertRegex(line, RECORD)
        texts = [RECORD.match(line)[2] for line in lines]
        for line in plane.lines:
            self.assertIn(line, texts)

    def test_with_a_level_standard_output_gets_records_too(self):
        ended = self.begin("--log-level", "info")
        ended.wait_for(STAMP + "info  control plane 'control-plane' listens: ")
        ended.wait_for(STAMP + "info  tasks: ")
        self.stops(ended)
        for line in ended.lines:
            self.assertRegex(line, RECORD)
            self.assertNotIn("\x1b", line)

    def begin(self, *options, **more):
        return self.start([support.PROGRAM, "control-plane", "--base-address", support.FREE, "--discovery-address", support.FREE, *options], **more)

    def test_json_is_one_object_a_line_with_fields(self):
        plane = self.json_plane("--local", "off")
        worker = self.worker("w", plane)
        self.stops(worker)
        self.until_logged('"change":"left"')
        self.stops(plane)
        records = self.records()
        for record in records:
            self.assertRegex(record["time"] + " ", STAMP)
            self.assertIn(record["level"], ("error", "warning", "info", "debug"))
            self.assertTrue(record["text"])
        self.assertEqual([r["event"] for r in records], ["listening", "tasks", "store", "worker", "worker", "stopping", "stopped"])
        self.assertEqual(records[0]["discovery"], plane.discovery)
        self.assertEqual(records[0]["tasks"][0], plane.base)
        self.assertIn("add", records[1]["names"])
        self.assertEqual([(r["worker"], r["change"]) for r in records[3:5]], [("w", "joined"), ("w", "left")])

    def test_a_subworker_logs_where_it_listens_and_whether_it_has_its_control_plane(self):
        plane = self.plane("--local", "off")
        self.start([support.PROGRAM, "subworker", "--worker-id", "w", "--control-plane-address", plane.base, "--discovery-address", plane.discovery,
                    "--base-address", support.FREE, "--log-format", "json", "--log-file", "log"])
        self.until_logged('"event":"registered"')
        self.stops(plane)
        self.until_logged('"event":"lost"')
        records = self.records()
        self.assertEqual([r["event"] for r in records], ["listening", "tasks", "waiting", "registered", "lost"])
        self.assertEqual(len(records[0]["tasks"]), 4)
        self.assertEqual(records[0]["worker"], "w")
        self.assertEqual({r["control_plane"] for r in records[2:]}, {plane.base})
        self.assertEqual([r["level"] for r in records[3:]], ["info", "warning"])

    def test_why_a_worker_ends_is_logged_and_told(self):
        plane = self.plane("--local", "off")
        self.worker("twin", plane)
        second = self.start([support.PROGRAM, "subworker", "--worker-id", "twin", "--control-plane-address", plane.base, "--discovery-address", plane.discovery,
                             "--base-address", support.FREE, "--log-format", "json", "--log-file", "log"])
        self.assertEqual(second.wait(), 5)
        last = self.records()[-1]
        self.assertEqual((last["event"], last["level"]), ("failed", "error"))
        self.assertEqual("fastqueue: " + last["text"], second.lines[-1])

    def test_colour_is_for_terminals_of_those_who_want_it(self):
        for variables, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)):
            with self.subTest(variables=variables):
                mine = {k: v for k, v in support.environment().items() if k != "NO_COLOR"}
                self.assertEqual("\x1b[32minfo\x1b[0m  control plane" in self.on_a_terminal({**mine, **variables}), coloured)

    def on_a_terminal(self, env):
        """What a control plane prints on a terminal, until it has said which tasks it has."""
        here, there = pty.openpty()
        program = subprocess.Popen([support.PROGRAM, "control-plane", "--base-address", support.FREE, "--discovery-address", support.FREE, "--log-level", "info"],
                                   stdin=subprocess.DEVNULL, stdout=there, stderr=there, env=env, cwd=self.folder)
        os.close(there)
        text = b""
        try:
            while b"tasks: none" not in text:
                text += os.read(here, 4096)
        finally:
            program.kill()
            program.wait(support.PATIENCE)
            os.close(here)
        return text.decode()


class Levels(Log):
    def events(self, level):
        name = f"log-{level}"
        plane = self.plane("--log-format", "json", "--log-level", level, "--log-file", name)
        victim = self.worker("victim", plane)
        self.assertEqual(self.value(plane, "add", 1, 2), 3)
        victim.signal(signal.SIGKILL)
        victim.wait()
        self.until(lambda: self.workers(plane).get("victim", {}).get("state") in ("lost", None), "the victim is lost")
        self.stops(plane)
        return self.records(name)

    def test_each_level_shows_itself_and_what_is_worse(self):
        found = {level: self.events(level) for level in LEVELS}
        self.assertEqual(found["error"], [])
        self.assertEqual({r["level"] for r in found["warning"]}, {"warning"})
        self.assertIn(("victim", "lost"), [(r.get("worker"), r.get("change")) for r in found["warning"]])
        self.assertEqual({r["level"] for r in found["info"]}, {"warning", "info"})
        self.assertNotIn("task", {r["event"] for r in found["info"]})
        self.assertEqual({r["level"] for r in found["debug"]}, {"warning", "info", "debug"})

    def test_at_debug_each_step_of_a_task_is_told(self):
        plane = self.json_plane("--log-level", "debug", "--local", "off")
        self.worker("w", plane)
        task = self.begin_task(plane, "add", 1, 2)
        self.end_of(plane, task)
        self.until_logged('"state":"success"')
        steps = [r for r in self.records() if r["event"] == "task"]
        self.assertEqual({(r["task"], r["name"], r["level"]) for r in steps}, {(task, "add", "debug")})
        states = [r["state"] for r in steps]
        self.assertEqual((states[0], states[-1]), ("queued", "success"))
        self.assertEqual({r["worker"] for r in steps if r["state"] == "running"} | {"w"}, {"w"})
        self.assertIn(f"task {task} add queued", steps[0]["text"])


class Files(Log):
    def test_sighup_opens_the_file_again_so_that_it_can_be_moved(self):
        plane = self.json_plane("--local", "off")
        self.worker("first", plane)
        self.until_logged('"worker":"first"')
        os.rename(os.path.join(self.folder, "log"), os.path.join(self.folder, "log.1"))
        self.worker("between", plane)
        self.until_logged('"worker":"between"', "log.1")
        self.assertEqual(self.logged(), [], "it still writes where it did")
        plane.signal(signal.SIGHUP)
        self.until_logged('"event":"log_opened"')
        before = self.logged("log.1")
        self.worker("after", plane)
        self.until_logged('"worker":"after"')
        self.assertEqual(self.logged("log.1"), before)
        self.assertEqual([r.get("worker") for r in self.records()], [None, "after"])
        self.stops(plane)
        self.assertEqual(self.records()[-1]["event"], "stopped")

    def test_where_it_cannot_be_opened_again_the_old_one_is_kept(self):
        place = pathlib.Path(self.folder, "place")
        place.mkdir()
        plane = self.plane("--log-file", "place/log", "--local", "off")
        place.rename(pathlib.Path(self.folder, "moved"))
        plane.signal(signal.SIGHUP)
        self.until_logged(STAMP + "error the log 'place/log' cannot be opened again: No such file", "moved/log")
        self.worker("w", plane)
        self.until_logged("subworker w joined", "moved/log")

    def test_sighup_without_a_file_ends_the_process_as_ever(self):
        plane = self.plane()
        self.stops(plane, signal.SIGHUP, expect=-signal.SIGHUP)

    def test_a_file_is_added_to_and_never_cut(self):
        pathlib.Path(self.folder, "log").write_text("kept\n", encoding="utf-8")
        self.stops(self.plane("--log-file", "log"))
        self.assertEqual(self.logged()[0], "kept")
        self.assertGreater(len(self.logged()), 1)

    def test_a_file_that_cannot_be_opened_is_named_with_its_option(self):
        words = ("control-plane", "--base-address", support.FREE, "--discovery-address", support.FREE)
        self.assertIn("--log-file 'gone/log' cannot be opened: No such file", self.error(*words, "--log-file", "gone/log", expect=2))
        self.assertIn("FASTQUEUE_LOG_FILE '.' cannot be opened: Is a directory", self.error(*words, expect=2, FASTQUEUE_LOG_FILE="."))
        self.assertIn("--log-level 'infos' is not error, warning, info or debug; did you mean info?", self.error(*words, "--log-level", "infos", expect=2))
        self.assertIn("--log-format 'yaml' is not text or json", self.error(*words, "--log-format", "yaml", expect=2))


class Grace(Log):
    def test_a_subworker_whose_grace_is_over_hands_back_what_runs_and_says_so(self):
        plane = self.plane("--local", "off")
        worker = self.worker("w", plane, "--grace", "0.3")
        task = self.begin_task(plane, "sleep_ms", 60_000)
        self.until_running(plane, task)
        self.stops(worker, signal.SIGTERM, expect=6)
        self.assertEqual(worker.lines[-1], "subworker 'w' has stopped: 1 task was handed back unfinished, as --grace was over")
        self.assertIn(self.status(plane, task)["state"], ("queued", "scheduled"))
        self.run_cli("cancel", "--discovery-address", plane.discovery, "--task-id", task, expect=None)

    def test_a_control_plane_waits_for_grace_and_no_longer(self):
        plane = self.plane("--local", "off", "--grace", "0.3")
        self.worker("w", plane)
        self.until_running(plane, self.begin_task(plane, "sleep_ms", 60_000))
        plane.signal(signal.SIGTERM)
        self.assertEqual(plane.wait(patience=15), 6, "half of what it waits by default")
        self.assertIn("1 task was left unfinished, as --grace was over", plane.lines[-1])


if __name__ == "__main__":
    support.main()
