"""Tasks that survive: control planes with `--store sqlite:FILE` that are killed, stopped, started again, and run out of room; dead letters;
copies. The faults are rows of docs/reliability.md."""

import json
import os
import pathlib
import resource
import signal
import sqlite3
import subprocess
import time
import unittest

import support

HERE = pathlib.Path(__file__).resolve()
NOBODY = 65534  # a user without rights
DONE, USAGE, REFUSED, NO_STORE = 0, 2, 5, 7


class Store(support.Case):
    @classmethod
    def setUpClass(cls):
        cls.module = support.build_module(cls, "store_tasks.c")

    def setUp(self):
        super().setUp()
        self.file = pathlib.Path(self.folder, "queue.db")
        self.trace = pathlib.Path(self.folder, "trace")

    def keeper(self, *options, file=None, local="off", **more):
        """A control plane that keeps its tasks. `restored`: how many were there."""
        started = self.plane("--store", f"sqlite:{file or self.file}", "--local", local, "--grace", "1", *options, modules=("mytasks", self.module), **more)
        started.restored = int(started.wait_for(r"^store: sqlite:.*, tasks restored: (\d+)")[1])
        return started

    def helper(self, name, plane, *options):
        return self.worker(name, plane, "--grace", "1", *options, modules=("mytasks", self.module))

    def kill(self, program):
        program.process.kill()
        self.assertEqual(program.wait(), -signal.SIGKILL)

    def attempts(self):
        return [int(line) for line in self.trace.read_text().split()] if self.trace.exists() else []

    def note(self, ms=0):
        return json.dumps(str(self.trace)), ms

    def dead(self, plane, *words, **more):
        return self.rows("dead", *words, "--discovery-address", plane.discovery, **more)


class Restart(Store):
    def test_fault_11_queued_tasks_survive_sigkill_and_run_after_a_restart(self):
        plane = self.keeper()
        lines = pathlib.Path(self.folder, "tasks.jsonl")
        lines.write_text("".join(f'{{"task": "add", "args": [{i}, 1]}}\n' for i in range(300)))
        told = self.run_cli("submit", "--from", lines, "--non-blocking", "--discovery-address", plane.discovery).stdout.splitlines()
        numbers = dict(line.split(": ") for line in told)
        self.assertEqual(len(numbers), 300)
        self.kill(plane)
        plane = self.keeper()
        self.assertEqual(plane.restored, 300)
        self.helper("w", plane)
        values = self.run_cli("wait", *numbers.values(), "--discovery-address", plane.discovery).stdout.split()
        self.assertEqual([int(value) for value in values], [int(line) for line in numbers])

    def test_fault_11_whatever_was_acknowledged_when_it_was_killed_in_the_middle_of_many_submissions_is_there(self):
        lines = pathlib.Path(self.folder, "tasks.jsonl")
        lines.write_text("".join(f'{{"task": "add", "args": [{i}, 1]}}\n' for i in range(20_000)))
        for moment in (1, 200, 900):
            with self.subTest(moment=moment):
                plane = self.keeper()
                client = self.start([support.PROGRAM, "submit", "--from", str(lines), "--non-blocking", "--discovery-address", plane.discovery])
                for _ in range(moment):
                    client.wait_for("^[0-9]+: ")
                self.kill(plane)
                client.kill()
                client.wait()
                told = [line.split(": ")[1] for line in client.lines if line[-37:-36] == " "]
                self.assertGreaterEqual(len(told), moment)
                plane = self.keeper(local="thread")
                self.assertGreaterEqual(plane.restored, len(told))
                values = self.run_cli("wait", *told[:1000], "--discovery-address", plane.discovery).stdout.split()
                self.assertEqual(len(values), min(len(told), 1000))
                self.stops(plane, signal.SIGTERM)
                self.file.unlink()

    def test_fault_13_sigterm_ends_it_with_0_in_time_and_leaves_queued_tasks_in_the_store(self):
        plane = self.keeper()
        tasks = [self.begin_task(plane, "add", i, 1) for i in range(3)]
        begun = time.monotonic()
        self.stops(plane, signal.SIGTERM)
        self.assertLess(time.monotonic() - begun, 5)
        self.assertIn(f"tasks kept in sqlite:{self.file}: 3", plane.lines)
        plane = self.keeper(local="thread")
        self.assertEqual(plane.restored, 3)
        self.assertEqual([self.end_of(plane, task)["value"] for task in tasks], [1, 2, 3])

    def test_fault_11_a_running_task_is_adopted_runs_once_and_who_waits_for_it_is_answered(self):
        base, management, discovery = support.free_ports()
        where = {"base": base, "port": management, "discovery": discovery}
        plane = self.keeper(**where)
        worker = self.helper("w", plane)
        client = self.start([support.PROGRAM, "submit", "--discovery-address", discovery, "--task-name", "store.note", "--args", *map(str, self.note(1500))])
        self.until(self.attempts, "it runs")
        self.begin_task(plane, "add", 5, 3, options=("--countdown", "60"))  # once this is acknowledged, what came before is safe, too
        self.kill(plane)
        plane = self.keeper(**where)
        self.assertIn("of which subworkers may still run 1: they have 10 s to come back", plane.lines[-1])
        self.assertEqual(client.wait(), DONE, client.lines)
        self.assertEqual((client.lines[-1], self.attempts()), ("1", [1]))
        self.assertEqual(worker.process.poll(), None)
        self.assertEqual(self.value(plane, "add", 5, 3), 8)

    def test_fault_16_when_all_processes_are_killed_nothing_blocks_the_next_start_and_what_ran_runs_again(self):
        base, management, discovery = support.free_ports()
        where = {"base": base, "port": management, "discovery": discovery}
        plane = self.keeper(**where)
        worker = self.helper("gone", plane)
        task = self.begin_task(plane, "store.note", *self.note(400))
        self.until(self.attempts, "it runs")
        self.kill(plane)
        self.kill(worker)
        plane = self.keeper("--reunion", "0.5", **where)
        self.helper("heir", plane)
        ended = self.end_of(plane, task)
        self.assertEqual((ended["state"], ended["worker"], ended["attempt"]), ("success", "heir", 2))
        self.assertEqual(self.attempts(), [1, 2])

    def test_fault_4_a_task_sent_again_after_a_restart_is_the_same_task_and_its_result_is_kept(self):
        plane = self.keeper(local="thread")
        lines = pathlib.Path(self.folder, "tasks.jsonl")
        line = {"id": "0190b6a0-77d3-7a3c-8b3e-3f1f6c1d2a01", "task": "store.note", "args": [str(self.trace)]}
        lines.write_text(json.dumps(line) + "\n")
        send = lambda expect=DONE: self.run_cli("submit", "--from", lines, "--discovery-address", plane.discovery, expect=expect)
        self.assertEqual(send().stdout, "1: 1\n")
        self.kill(plane)
        plane = self.keeper(local="thread")
        self.assertEqual(self.run_cli("result", line["id"], "--discovery-address", plane.discovery).stdout, "1\n")
        self.assertEqual(send().stdout, "1: 1\n")
        self.assertEqual(self.attempts(), [1], "it ran once")
        lines.write_text(json.dumps({**line, "args": [str(self.trace), 1]}) + "\n")
        self.assertIn("the id is in use for another task", send(expect=REFUSED).stderr)

    def test_a_countdown_and_retries_go_on_after_a_restart(self):
        plane = self.keeper(local="thread")
        task = self.begin_task(plane, "add", 5, 3, options=("--countdown", "1.5"))
        begun = time.monotonic()
        failing = self.begin_task(plane, "fail", "no luck", options=("--retries", "5"))
        self.until(lambda: self.status(plane, failing)["state"] == "retrying", "it is to be tried again")
        self.kill(plane)
        plane = self.keeper(local="thread")
        self.assertEqual(plane.restored, 2)
        self.assertEqual(self.status(plane, task)["state"], "scheduled")
        row = self.rows("inspect", failing, "--discovery-address", plane.discovery)[0]
        self.assertGreaterEqual(row["failures"], 1, "what failed before is not forgotten")
        self.assertEqual(self.end_of(plane, task)["value"], 8)
        self.assertGreater(time.monotonic() - begun, 1.4)

    def test_a_control_plane_whose_grace_was_over_keeps_what_still_ran(self):
        plane = self.keeper(local="thread")
        task = self.begin_task(plane, "store.note", *self.note(3000))
        self.until(self.attempts, "it runs")
        self.stops(plane, signal.SIGTERM, expect=6)
        self.assertIn("1 task was left unfinished (kept in the store), as --grace was over", plane.lines[-1])
        plane = self.keeper()
        self.assertEqual((plane.restored, self.status(plane, task)["state"]), (1, "queued"))


class Readme(Store):
    def test_the_lines_of_the_readme_do_what_they_say(self):
        section = (HERE.parents[2] / "README.md").read_text(encoding="utf-8").split("## Tasks that survive\n")[1]
        lines = [line[4:] for line in section.split("- What was acknowledged")[0].splitlines() if line.startswith("    ")]
        self.assertEqual(len(lines), 5)
        base, management, discovery = support.free_ports()
        variables = {"FASTQUEUE_BASE_ADDRESS": base, "FASTQUEUE_SUBWORKER_PORT": str(management), "FASTQUEUE_DISCOVERY_ADDRESS": discovery,
                     "PATH": f"{support.BIN.resolve()}:{os.environ['PATH']}"}
        script = "\n".join([*lines, "kill $!", "wait $!"])
        ended = subprocess.run(["bash", "-c", script], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=support.PATIENCE, cwd=self.folder,
                               env=support.environment(**variables))
        self.assertEqual(ended.returncode, DONE, ended.stderr)
        self.assertIn("store: sqlite:queue.db, tasks restored: 1\n", ended.stdout)
        self.assertIn("\n8\n", ended.stdout)


class Choice(Store):
    def test_memory_is_the_default_and_says_so(self):
        plane = self.plane()
        self.assertIn("--store sqlite:PATH", plane.wait_for("^store: memory .*").group())
        self.assertEqual(os.listdir(self.folder), [])

    def test_the_store_may_come_from_the_environment_or_a_file_and_logs_as_json(self):
        plane = self.plane(env=support.environment(FASTQUEUE_STORE="sqlite:a.db"))
        plane.wait_for("^store: sqlite:a.db, tasks restored: 0$")
        pathlib.Path(self.folder, "fq.toml").write_text('[control-plane]\nstore = "sqlite:b.db"\nmax-dead-letters = 5\nreunion = 2.5\n')
        plane = self.start([support.PROGRAM, "control-plane", "--base-address", support.FREE, "--discovery-address", support.FREE, "--config", "fq.toml",
                            "--log-format", "json"])
        record = json.loads(plane.wait_for('"event":"store"').string)
        self.assertEqual((record["store"], record["restored"], record["reunion"]), ("sqlite:b.db", 0, 0))

    def test_a_store_that_does_not_exist_is_one_line_with_the_mend(self):
        for value, part in (("disk", "sqlite:queue.db"), ("sqlite:", "names no file"), ("/var/q.db", "did you mean sqlite:/var/q.db?"), ("redis://x", "memory")):
            with self.subTest(value=value):
                told = self.error("control-plane", "--store", value, expect=USAGE)
                self.assertIn(f"--store '{value}'", told)
                self.assertIn(part, told)
        self.assertIn("FASTQUEUE_STORE 'disk'", self.error("control-plane", expect=USAGE, FASTQUEUE_STORE="disk"))
        self.assertIn("--reunion '-1'", self.error("control-plane", "--reunion", "-1", expect=USAGE))
        self.assertIn("--max-dead-letters 'x'", self.error("control-plane", "--max-dead-letters", "x", expect=USAGE))
        self.assertIn("--id-ledger-size '0'", self.error("control-plane", "--id-ledger-size", "0", expect=USAGE))
        self.assertIn("--waiting-memory '-1'", self.error("control-plane", "--waiting-memory", "-1", expect=USAGE))

    def test_arguments_that_are_not_held_in_memory_are_read_from_the_file(self):
        plane = self.plane("--store", "sqlite:q.db", "--waiting-memory", "0", "--local", "off")
        tasks = [self.begin_task(plane, "add", i, 1) for i in range(3)]
        self.worker("w", plane)
        self.assertEqual([self.end_of(plane, task)["value"] for task in tasks], [1, 2, 3])

    def refused(self, file, **more):
        """The words with which a control plane refuses to start. The file is as it was, and nothing stands beside it."""
        before = file.read_bytes() if file.is_file() else None
        beside = set(os.listdir(file.parent))
        ended = subprocess.run([support.PROGRAM, "control-plane", "--store", f"sqlite:{file}", "--base-address", support.FREE, "--discovery-address", support.FREE],
                               capture_output=True, text=True, timeout=support.PATIENCE, cwd=self.folder, env=support.environment(), **more)
        self.assertEqual((ended.returncode, ended.stdout), (NO_STORE, ""), ended.stderr)
        self.assertRegex(ended.stderr, rf"\Afastqueue: the store '{file}' [^\n]+\n\Z")
        self.assertEqual(file.read_bytes() if file.is_file() else None, before)
        self.assertEqual(set(os.listdir(file.parent)), beside)
        return ended.stderr

    def test_fault_15_a_second_control_plane_on_a_store_is_refused_at_once_and_told_by_whom(self):
        plane = self.keeper()
        begun = time.monotonic()
        self.assertIn(f"process {plane.process.pid}", self.refused(self.file))
        self.assertLess(time.monotonic() - begun, 1)
        self.assertEqual(self.rows("health", "--discovery-address", plane.discovery)[0]["status"], "ok", "the first goes on")

    def test_what_is_no_store_is_refused_and_left_as_it_is(self):
        self.assertIn("directory", self.refused(pathlib.Path(self.folder)))
        text = pathlib.Path(self.folder, "notes.txt")
        text.write_text("no database\n" * 20)
        self.assertIn("not a database", self.refused(text))
        self.assertIn("no directory", self.refused_without_folder())
        other = pathlib.Path(self.folder, "other.db")
        with sqlite3.connect(other) as database:
            database.execute("CREATE TABLE people (name TEXT)")
        database.close()
        self.assertIn("another program", self.refused(other))

    def refused_without_folder(self):
        ended = self.run_cli("control-plane", "--store", "sqlite:nowhere/queue.db", expect=NO_STORE)
        self.assertEqual(os.path.exists(os.path.join(self.folder, "nowhere")), False)
        return ended.stderr

    def change(self, statement):
        """Changes a store that was closed."""
        self.stops(self.keeper())
        with sqlite3.connect(self.file) as database:
            database.execute(statement)
        database.close()
        pathlib.Path(f"{self.file}.lock").unlink(missing_ok=True)

    def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(self):
        self.change("PRAGMA user_version = 99")
        self.assertIn("version 99", self.refused(self.file))

    def test_a_damaged_store_is_refused(self):
        plane = self.keeper()
        self.begin_task(plane, "add", 5, 3)
        self.stops(plane)
        self.change("UPDATE task SET arguments = x'5b312c315d'")
        self.assertIn("is damaged", self.run_cli("control-plane", "--store", f"sqlite:{self.file}", expect=NO_STORE).stderr)

    def test_a_store_that_may_not_be_written_is_refused_and_left_as_it_is(self):
        self.change("PRAGMA user_version")
        self.file.chmod(0o444)
        more = {}
        if os.geteuid() == 0:
            os.chmod(self.folder, 0o777)
            more = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            try:
                subprocess.run([support.PROGRAM, "--version"], stdout=subprocess.DEVNULL, check=True, timeout=support.PATIENCE, **more)
            except (OSError, subprocess.CalledProcessError):
                self.skipTest("as root every file can be written, and a user without rights cannot run the program")
        self.assertIn("ermission", self.refused(self.file, **more))


class Room(Store):
    """A disk on which nothing more can be written."""

    def test_fault_88_a_commit_that_fails_ends_it_with_one_line_and_nothing_that_was_acknowledged_is_lost(self):
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
        plane = self.keeper(preexec_fn=limit)
        accepted = []
        for _ in range(100):
            ended = self.submit(plane, "greet", "x" * 20_000, options=("--non-blocking", "--connect-retries", "0", "--wait", "5"), expect=None)
            if ended.returncode != DONE:
                break
            accepted.append(ended.stdout.strip())
        self.assertNotEqual(ended.returncode, DONE, "there was no end to the room")
        self.assertEqual(plane.wait(), NO_STORE, plane.lines)
        self.assertRegex(plane.lines[-1], f"^fastqueue: the store '{self.file}' failed: disk I/O error")
        self.assertGreater(len(accepted), 3)
        plane = self.keeper()
        self.assertGreaterEqual(plane.restored, len(accepted))
        self.assertEqual({self.status(plane, task)["state"] for task in accepted}, {"queued"})

    def test_fault_88_a_disk_that_is_almost_full_takes_no_new_tasks_and_the_old_ones_still_end(self):
        disk = pathlib.Path(self.folder, "disk")
        disk.mkdir()
        mounted = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", f'mount -t tmpfs -o size=2m none "{disk}" && exec "$@"', "sh"]
        if subprocess.run([*mounted, "true"], capture_output=True, timeout=support.PATIENCE).returncode != 0:
            self.skipTest("a small file system cannot be mounted here (unshare --user --mount)")
        base, management, discovery = support.free_ports()
        plane = self.start([*mounted, support.PROGRAM, "control-plane", "--store", f"sqlite:{disk}/queue.db", "--base-address", base, "--subworker-port",
                            str(management), "--discovery-address", discovery, "--local", "off", "--task-modules", "mytasks"])
        plane.wait_for("^store: sqlite:")
        plane.base, plane.discovery = base, discovery
        accepted = []
        many = "x" * 50_000
        for i in range(200):  # what fails keeps its arguments as a dead letter, and has its row written anew
            task = ("store.note", *self.note(), many) if i % 2 else ("fail", many)
            ended = self.submit(plane, *task, options=("--non-blocking",), expect=None)
            if ended.returncode != DONE:
                break
            accepted.append(ended.stdout.strip())
        self.assertEqual(ended.returncode, REFUSED, ended.stderr)
        self.assertIn("make room", ended.stderr)
        self.assertGreater(len(accepted), 3)
        self.assertIn("make room", self.run_cli("health", "--discovery-address", discovery, expect=REFUSED).stdout)
        self.helper("w", plane)
        self.assertEqual({self.end_of(plane, task)["state"] for task in accepted[1::2]}, {"success"})
        self.assertEqual({self.end_of(plane, task)["state"] for task in accepted[::2]}, {"failure"})
        self.stops(plane, signal.SIGTERM)


class DeadLetters(Store):
    def test_what_failed_is_listed_shown_run_again_and_dropped_also_after_a_restart(self):
        plane = self.keeper("--max-deaths", "2")
        for name in ("a", "b"):
            self.helper(name, plane)
        deadly = self.begin_task(plane, "store.die", json.dumps(str(self.trace)))
        self.assertEqual(self.end_of(plane, deadly)["code"], "too_many_deaths")
        self.helper("c", plane)
        failed = self.begin_task(plane, "fail", "no luck", options=("--priority", "high", "--timeout", "7"))
        self.assertEqual(self.end_of(plane, failed)["code"], "handler_error")
        for again in range(2):
            with self.subTest(restarts=again):
                rows = self.dead(plane, "list")
                self.assertEqual([(row["id"], row["code"], row["deaths"]) for row in rows], [(failed, "handler_error", 0), (deadly, "too_many_deaths", 2)])
                self.assertEqual([row["id"] for row in self.dead(plane, "list", "--task-name", "fail")], [failed])
                self.assertEqual([row["id"] for row in self.dead(plane, "list", "--limit", "1")], [failed])
                shown = self.dead(plane, "show", failed)[0]
                self.assertEqual((shown["arguments"], shown["priority"], shown["timeout_ms"], shown["text"]), ('["no luck"]', "high", 7000, "no luck"))
                history = self.dead(plane, "show", deadly)[0]["history"]
                self.assertEqual([(h["attempt"], h["code"]) for h in history], [(1, "worker_lost"), (2, "worker_lost")])
                self.assertEqual({h["worker"] for h in history}, {"a", "b"})
            self.kill(plane)
            plane = self.keeper("--max-deaths", "2")
        self.helper("d", plane)
        ask = ("--discovery-address", plane.discovery)
        fresh = self.run_cli("dead", "rerun", failed, *ask).stdout.strip()
        self.assertNotEqual(fresh, failed)
        self.assertEqual(self.end_of(plane, fresh)["code"], "handler_error", "it is the same task")
        self.assertEqual([row["id"] for row in self.dead(plane)], [fresh, deadly])
        self.assertEqual(self.run_cli("dead", "purge", deadly, *ask).stdout, "purged\n")
        self.assertEqual(self.run_cli("dead", "purge", "--all", *ask).stdout, "purged: 1\n")
        self.assertEqual(self.run_cli("dead", "list", *ask).stdout, "no dead letters\n")
        self.kill(plane)
        self.assertEqual(self.dead(self.keeper()), [])

    def test_for_people(self):
        plane = self.plane()  # also where they are kept in memory
        failed = self.begin_task(plane, "fail", "first line\nsecond \x1b[31mline", options=("--retries", "1"))
        self.until(lambda: self.dead(plane), "it is a dead letter")
        ask = ("--discovery-address", plane.discovery)
        head, row = self.run_cli("dead", *ask).stdout.splitlines()
        self.assertEqual(head.split(), ["ID", "NAME", "CODE", "ATTEMPT", "DEATHS", "WORKER", "AGE", "TEXT"])
        self.assertRegex(row, rf"^{failed}  fail  handler_error +2 +0  control-plane.local  .* first line second  \[31mline$")
        shown = self.run_cli("dead", "show", failed, *ask).stdout
        for line in (f"^task +{failed}$", "^code +handler_error$", r"^arguments +\[\"first line", "^retries +1$", "^attempt +2$"):
            self.assertRegex(shown, "(?m)" + line)
        self.assertRegex(shown.splitlines()[-3], "^ATTEMPT  ENDED +WORKER +CODE +TEXT$")
        self.assertRegex(shown.splitlines()[-1], r"^ +2  20\d\d-.*Z  control-plane.local  handler_error  first line")
        rerun = self.rows("dead", "rerun", failed, *ask)[0]
        self.assertEqual(rerun["rerun_of"], failed)
        self.assertEqual(self.end_of(plane, rerun["id"])["state"], "failure")
        self.assertEqual(self.rows("dead", "purge", rerun["id"], *ask), [{"id": rerun["id"], "purged": 1}])

    def test_mistakes(self):
        plane = self.plane()
        ask = ("--discovery-address", plane.discovery)
        nowhere = "0190b6a0-77d3-7a3c-8b3e-3f1f6c1d2a01"
        for order in ("show", "rerun", "purge"):
            self.assertIn(nowhere, self.error("dead", order, nowhere, *ask, expect=REFUSED))
            self.assertIn("'x' is not a task's id", self.error("dead", order, "x", *ask, expect=USAGE))
        self.assertEqual(self.run_cli("dead", "rerun", nowhere, nowhere, *ask, expect=REFUSED).stderr.count("\n"), 2, "a line for each")
        self.assertIn("'lst'", self.error("dead", "lst", *ask, expect=USAGE))
        self.assertIn("did you mean list?", self.error("dead", "lst", *ask, expect=USAGE))
        self.assertIn("--all", self.error("dead", "purge", *ask, expect=USAGE))
        self.assertIn("--all", self.error("dead", "purge", nowhere, "--all", *ask, expect=USAGE))
        self.assertIn("--all", self.error("dead", "rerun", nowhere, "--all", *ask, expect=USAGE))
        self.assertIn("dead rerun wants an id", self.error("dead", "rerun", *ask, expect=USAGE))
        self.assertIn("takes one id", self.error("dead", "show", nowhere, nowhere, *ask, expect=USAGE))
        self.assertIn("takes no id", self.error("dead", "list", nowhere, *ask, expect=USAGE))
        self.assertIn("--limit '0'", self.error("dead", "--limit", "0", *ask, expect=USAGE))

    def test_so_many_are_kept(self):
        plane = self.plane("--max-dead-letters", "2")
        tasks = [self.begin_task(plane, "fail", str(i)) for i in range(3)]
        self.end_of(plane, tasks[-1])
        self.assertEqual([row["id"] for row in self.dead(plane)], tasks[:0:-1])

    def test_fault_21_a_task_that_kills_the_control_plane_that_runs_it_is_a_dead_letter_and_the_others_run(self):
        plane = self.keeper()
        deadly = self.begin_task(plane, "store.die", json.dumps(str(self.trace)))
        others = [self.begin_task(plane, "add", i, 1) for i in range(3)]
        self.stops(plane, signal.SIGTERM)
        for _ in range(3):  # as a supervisor would
            died = self.start([support.PROGRAM, "control-plane", "--base-address", support.FREE, "--discovery-address", support.FREE, "--store",
                               f"sqlite:{self.file}", "--task-modules", "mytasks", self.module])
            self.assertEqual(died.wait(), 70, died.lines)
        plane = self.keeper(local="thread")
        self.assertEqual([self.end_of(plane, task)["value"] for task in others], [1, 2, 3])
        self.assertEqual([(row["id"], row["code"], row["deaths"]) for row in self.dead(plane)], [(deadly, "too_many_deaths", 3)])
        self.assertEqual(len(self.attempts()), 3)


class Backup(Store):
    def test_a_copy_made_while_tasks_run_has_all_of_them(self):
        plane = self.keeper(local="thread")
        ended = self.begin_task(plane, "add", 5, 3)
        self.end_of(plane, ended)
        running = self.begin_task(plane, "sleep_ms", 30_000)
        self.until_running(plane, running)
        waiting = [self.begin_task(plane, "add", i, 1) for i in range(20)]
        copy = pathlib.Path(self.folder, "copy.db")
        told = self.run_cli("backup", "copy.db", "--discovery-address", plane.discovery).stdout
        self.assertRegex(told, rf"^{copy}: [\d.]+ KiB, a copy of the store of the control plane at {plane.discovery}\n$")
        again = self.error("backup", "copy.db", "--discovery-address", plane.discovery, expect=USAGE)
        self.assertIn("'copy.db' is there already", again)
        self.run_cli("cancel", running, "--discovery-address", plane.discovery)
        twin = self.keeper(file=copy, local="thread")
        self.assertEqual(twin.restored, 21)
        self.run_cli("cancel", running, "--discovery-address", twin.discovery)
        self.assertEqual([self.end_of(twin, task)["value"] for task in waiting], [i + 1 for i in range(20)])
        self.assertEqual(self.status(twin, ended)["value"], 8)

    def test_without_a_control_plane_the_file_is_copied(self):
        plane = self.keeper()
        task = self.begin_task(plane, "add", 5, 3)
        made = self.rows("backup", "one.db", "--store", f"sqlite:{self.file}", "--discovery-address", plane.discovery)[0]
        self.assertEqual(made["path"], os.path.join(self.folder, "one.db"), "while it has the store open, it is asked")
        self.kill(plane)
        made = self.rows("backup", "two.db", "--store", f"sqlite:{self.file}")[0]
        self.assertEqual(made["octets"], os.path.getsize(os.path.join(self.folder, "two.db")))
        for copy in ("one.db", "two.db"):
            twin = self.keeper(file=pathlib.Path(self.folder, copy), local="thread")
            self.assertEqual((twin.restored, self.end_of(twin, task)["value"]), (1, 8))

    def test_mistakes(self):
        plane = self.keeper()
        ask = ("--discovery-address", plane.discovery)
        self.assertIn("the file is missing", self.error("backup", *ask, expect=USAGE))
        self.assertIn("no directory", self.error("backup", "nowhere/x.db", *ask, expect=USAGE))
        self.assertIn("sqlite:gone.db", self.error("backup", "x.db", "--store", "sqlite:gone.db", *ask, expect=USAGE))
        self.assertIn("--store 'disk'", self.error("backup", "x.db", "--store", "disk", *ask, expect=USAGE))
        quick = ("--discovery-address", "tcp://127.0.0.1:1", "--retries", "0", "--timeout", "2")
        self.error("backup", "x.db", *quick, expect=3)
        told = self.error("backup", "x.db", "--store", f"sqlite:{self.file}", *quick, expect=3)
        self.assertIn("is in use", told)
        self.assertIn("--discovery-address", told)
        self.assertEqual([name for name in os.listdir(self.folder) if name.startswith(("x.db", "gone"))], [])
        memory = self.plane()
        self.assertIn("memory", self.error("backup", "x.db", "--discovery-address", memory.discovery, expect=REFUSED))


if __name__ == "__main__":
    support.main()
