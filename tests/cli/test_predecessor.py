"""Twenty faults were measured in the predecessor, a Python system over NNG sockets. Here each has a test that bears its number and shows, with the real
program, real sockets and real signals, that it cannot happen. docs/testing.md says where more is tested."""

import datetime
import json
import os
import pathlib
import pickle
import re
import signal
import socket
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
import peers  # noqa: E402  (the path is made just above)
import support  # noqa: E402
from peers import new_id  # noqa: E402
from support import PRIORITIES  # noqa: E402

SANITIZED = "FASTQUEUE_SANITIZED" in os.environ
SOON = 15  # seconds: how long an end may take on a busy machine that is asked for within a second or two
DONE, FAILED, USAGE, NOBODY, LATE, REFUSED, UNFINISHED, NO_STORE = range(8)  # exit codes
NOBODY_AT = "tcp://127.0.0.1:1"


def cpu_seconds(process):
    """What a process has used of a core since its start."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(process):
    """Octets of a process's memory that are there."""
    return int(pathlib.Path(f"/proc/{process.pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def connections(ports):
    """TCP sockets of this machine with one of these ports at either end, those that wait after their end among them, listeners not."""
    found = 0
    for line in pathlib.Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        here, there, state = line.split()[1:4]
        found += state != "0A" and not ports.isdisjoint(int(end.rsplit(":", 1)[1], 16) for end in (here, there))
    return found


def listeners(process):
    """The addresses, as /proc/net writes them, and ports on which a process listens."""
    inodes = set()
    for fd in os.listdir(f"/proc/{process.pid}/fd"):
        try:
            inodes.update(re.findall(r"socket:\[(\d+)\]", os.readlink(f"/proc/{process.pid}/fd/{fd}")))
        except FileNotFoundError:  # closed while we looked
            continue
    rows = [line.split() for name in ("tcp", "tcp6") for line in pathlib.Path(f"/proc/net/{name}").read_text(encoding="ascii").splitlines()[1:]]
    return [tuple(row[1].rsplit(":", 1)) for row in rows if row[3] == "0A" and row[9] in inodes]


class Predecessor(peers.Case):
    @classmethod
    def setUpClass(cls):
        cls.module = support.build_module(cls, "store_tasks.c")

    # Tasks that leave a line in a file of their own each time they are begun.

    def noting(self, name, ms=0):
        """The arguments of such a task, `store.note`, that takes so long."""
        return [str(pathlib.Path(self.folder, name)), ms]

    def starts(self, name):
        """The attempts that were begun."""
        path = pathlib.Path(self.folder, name)
        return [int(line) for line in path.read_text(encoding="ascii").split()] if path.exists() else []

    def both(self, *options, **more):
        """A control plane that runs nothing itself, and where it listens."""
        plane = self.plane("--local", "off", "--grace", "1", *options, modules=("mytasks", self.module), **more)
        return plane, self.ports(plane)

    def helper(self, name, plane, *options):
        return self.worker(name, plane, "--grace", "1", *options, modules=("mytasks", self.module))

    def kill(self, program):
        program.signal(signal.SIGKILL)
        self.assertEqual(program.wait(), -signal.SIGKILL, program.lines)

    def send(self, client, name, arguments, options="", task=None, verb="call"):
        task = task or new_id()
        client.send((f"FQ1 {verb} {task} {name} {options}".rstrip(), json.dumps(arguments)))
        return task

    def accept(self, client, name, arguments, options=""):
        """Hands a task over. Its id, once it was accepted."""
        task = self.send(client, name, arguments, options, verb="submit")
        self.expect(client.reply(), "accepted", task)
        return task

    def results(self, at, tasks):
        """Waits for the end of tasks. Their answers, in order, with all that is known."""
        asking = self.peer(at.results)
        for task in tasks:
            asking.send((f"FQ1 wait {task} timeout_ms={(support.PATIENCE - 5) * 1000}", ""))
        came = {reply.words[0]: reply for reply in (asking.reply() for _ in tasks)}
        return [came[task] for task in tasks]

    def succeed(self, at, tasks):
        replies = self.results(at, tasks)
        self.assertEqual([r.words[1] for r in replies], ["success"] * len(tasks), replies)
        return replies

    def stats(self, at):
        """Counts them when it is called, over one connection."""
        admin = self.peer(at.management)
        return lambda: self.expect(admin.ask("FQ1 stats"), "stats").value()

    def lines(self, name, *rows):
        """A file for `submit --from`."""
        path = pathlib.Path(self.folder, name)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return str(path)

    def idle(self, at, names):
        """The documents of workers, once nothing is at them as far as the control plane counts."""
        self.until(lambda: all(self.worker_row(at, name).get("outstanding") == 0 for name in names), "no load is left over")
        rows = {row["id"]: row for row in self.document(at, "workers")}
        self.assertEqual([rows[name]["running"] for name in names], [0] * len(names))
        return rows

    def test_fault_01_a_reply_reaches_who_asked_and_bears_the_id_it_answers(self):
        """All replies came back by one way, and nobody looked whose they were."""
        plane, at = self.both()
        for name in ("w1", "w2"):
            self.helper(name, plane, "--concurrency", "2")
        gone, stats = self.peer(at.normal), self.stats(at)
        self.send(gone, "sleep_ms", [300])
        self.until(lambda: stats()["submitted"] == 1, "it was heard")
        gone.socket.close(0)
        clients = [self.peer(at.normal) for _ in range(20)]
        asked = {}
        for i in range(50):
            for number, client in enumerate(clients):
                asked[self.send(client, "add", [1000 * number, i], f"ref=r{i}")] = (number, i)
        for number, client in enumerate(clients):
            for _ in range(50):
                reply = self.expect(client.reply(), "result")
                whose, i = asked.pop(reply.words[0])
                self.assertEqual((whose, reply.value(), reply.fields["ref"]), (number, 1000 * number + i, f"r{i}"))
        self.assertEqual(asked, {})
        self.until(lambda: stats()["succeeded"] == 1001, "the task of the one who left has ended as well")
        self.assertFalse(any(client.socket.poll(0) for client in clients), "its reply reached nobody else")
        submit = [support.PROGRAM, "submit", "--discovery-address", plane.discovery, "--task-name"]
        slow = self.start([*submit, "sleep_ms", "--args", "700"])  # the first to ask is the last to be answered
        quick = [self.start([*submit, "add", "--args", str(i), "100"]) for i in range(5)]
        self.assertEqual([(program.wait(), program.lines) for program in quick], [(DONE, [str(100 + i)]) for i in range(5)])
        self.assertEqual(slow.wait(), DONE)
        self.assertGreaterEqual(int(slow.lines[0]), 700)

    def test_fault_02_the_results_of_a_batch_stay_what_they_were(self):
        """What a batch had yielded was overwritten by failures."""
        plane, at = self.both()
        self.helper("w", plane, "--concurrency", "4")
        rows = [{"id": new_id(), "task": "fail", "args": [f"no {i}"]} if i % 3 == 0 else {"id": new_id(), "task": "add", "args": [i, 1000]}
                for i in range(1, 61)]
        batch = self.lines("batch", *rows)
        values = [f"{i}: {1000 + i}" for i in range(1, 61) if i % 3]
        for _ in range(2):  # the second time by the same ids: nothing is run again, nothing is another answer
            ended = self.run_cli("submit", "--discovery-address", plane.discovery, "--from", batch, expect=FAILED)
            self.assertEqual(sorted(ended.stdout.splitlines()), sorted(values))
            for i in range(3, 61, 3):
                self.assertIn(f"line {i}: failure handler_error: no {i}\n", ended.stderr)
        self.run_cli("submit", "--discovery-address", plane.discovery, "--from", self.lines("bad", *[{"task": "fail", "args": ["x"]}] * 20), expect=FAILED)
        for i, reply in enumerate(self.results(at, [row["id"] for row in rows]), 1):
            self.assertEqual((reply.words[1], reply.fields["attempt"]), ("success" if i % 3 else "failure", "1"))
            self.assertEqual(reply.payload.decode(), str(1000 + i) if i % 3 else f"no {i}")

    def test_fault_03_a_killed_subworker_takes_no_task_with_it(self):
        """Its tasks were lost, one of its priorities stayed dead, and once it was back it ran old tasks again."""
        plane, at = self.both()
        victim = self.helper("w", plane, "--concurrency", "4")
        client = self.peer(at.normal)
        begun = {level: self.accept(client, "store.note", self.noting(f"begun-{level}", 500), f"priority={level}") for level in PRIORITIES}
        self.until(lambda: all(self.starts(f"begun-{level}") for level in PRIORITIES), "it runs one of each priority")
        waiting = [self.accept(client, "store.note", self.noting(f"waits-{level}-{i}"), f"priority={level}") for level in PRIORITIES for i in range(3)]
        self.kill(victim)
        self.helper("w", plane, "--concurrency", "4")  # the same name
        replies = self.succeed(at, [*begun.values(), *waiting])
        self.assertEqual([r.value() for r in replies[:4]], [2] * 4, "what it ran is run again, once")
        for port in at.tasks.values():
            lane = self.peer(port)
            self.send(lane, "add", [5, 3])
            self.assertEqual(lane.reply().value(), 8)
        self.assertEqual([self.starts(f"begun-{level}") for level in PRIORITIES], [[1, 2]] * 4)
        self.assertEqual([len(self.starts(f"waits-{level}-{i}")) for level in PRIORITIES for i in range(3)], [1] * 12, "what had not begun was begun once")
        self.assertEqual(self.idle(at, ["w"])["w"]["state"], "active")

    def test_fault_04_a_killed_control_plane_loses_repeats_and_confuses_nothing(self):
        """Four tasks under way when it was killed made thirteen starts, three wrong answers and a failure."""
        base, management, discovery = support.free_ports()
        where = {"base": base, "port": management, "discovery": discovery}
        plane, _ = self.both("--store", "sqlite:queue.db", **where)
        clients = [self.start([support.PROGRAM, "submit", "--discovery-address", discovery, "--task-name", "store.note",
                               "--args", *map(str, self.noting(f"task-{i}", 600))]) for i in range(4)]
        sums = [self.start([support.PROGRAM, "submit", "--discovery-address", discovery, "--task-name", "add", "--priority", "low",
                            "--args", str(i), "100"]) for i in range(4)]
        self.until(lambda: len(self.rows("tasks", "--discovery-address", discovery)) == 8, "all are there")
        self.helper("w", plane, "--concurrency", "2")
        self.until(lambda: sum(len(self.starts(f"task-{i}")) for i in range(4)) == 2, "two run")
        self.begin_task(plane, "add", 5, 3, options=("--countdown", "60"))  # once this is accepted, the two beginnings before it are on the disk, too
        self.kill(plane)
        plane, at = self.both("--store", "sqlite:queue.db", **where)
        self.assertEqual([program.wait() for program in (*clients, *sums)], [DONE] * 8, [program.lines for program in (*clients, *sums)])
        self.assertEqual([program.lines for program in sums], [[str(100 + i)] for i in range(4)])
        for i, client in enumerate(clients):
            self.assertEqual([str(attempt) for attempt in self.starts(f"task-{i}")], client.lines, "one start, and it is the one that was answered")
        stats = self.document(at, "stats")
        self.assertEqual((stats["failed"], stats["tasks"], stats["redelivered"]), (0, 1, 0))

    def test_fault_05_a_task_with_an_eta_runs_once_in_time_in_whatever_zone_it_is_told(self):
        """Such tasks ran two to four times; a time with a zone never ran."""
        base, management, discovery = support.free_ports()
        where = {"base": base, "port": management, "discovery": discovery}
        plane, _ = self.both("--store", "sqlite:queue.db", **where)
        for name in ("w1", "w2"):
            self.helper(name, plane)
        due = time.time() + 2
        zone = lambda hours: datetime.datetime.fromtimestamp(due, datetime.timezone(datetime.timedelta(hours=hours))).isoformat()
        told = {"utc": zone(0).replace("+00:00", "Z"), "india": zone(5.5), "alaska": zone(-9), "kiribati": zone(14)}
        tasks = [self.begin_task(plane, "store.note", *map(json.dumps, self.noting(name)), options=("--eta", eta)) for name, eta in told.items()]
        past = self.begin_task(plane, "store.note", *map(json.dumps, self.noting("past")), options=("--eta", "2001-09-09T03:46:40+02:00"))
        self.assertEqual(self.end_of(plane, past)["value"], 1)
        self.assertEqual({self.status(plane, task)["state"] for task in tasks}, {"scheduled"})
        self.kill(plane)  # a schedule is in the store, not in the process
        plane, at = self.both("--store", "sqlite:queue.db", **where)
        for reply in self.succeed(at, tasks):
            self.assertGreaterEqual(int(reply.fields["started_us"]), int(due * 1e6))
            self.assertLess(int(reply.fields["started_us"]), int((due + SOON) * 1e6))
        self.assertEqual(self.value(plane, "add", 5, 3), 8)
        self.assertEqual([len(self.starts(name)) for name in (*told, "past")], [1] * 5)

    def test_fault_06_a_task_that_outlasts_its_clients_patience_runs_once(self):
        """Each retry of a client was another task: one that took longer than the time-out ran up to four times."""
        plane, at = self.both()
        self.helper("w", plane, "--concurrency", "4")
        batch = self.lines("task", {"id": new_id(), "task": "store.note", "args": self.noting("ran", 1500)})
        submit = ("submit", "--discovery-address", plane.discovery, "--from", batch, "--wait")
        for _ in range(3):
            self.run_cli(*submit, "0.2", expect=LATE)
        self.assertEqual(self.run_cli(*submit, support.PATIENCE).stdout, "1: 1\n")
        self.assertEqual(self.starts("ran"), [1])
        task, client = new_id(), self.peer(at.normal)
        for _ in range(4):  # as a client does that does not know whether its words arrived
            self.send(client, "store.note", self.noting("raw", 200), task=task)
        self.assertEqual([self.expect(client.reply(), "result", task, "success").value() for _ in range(4)], [1] * 4)
        self.assertEqual(self.starts("raw"), [1])
        self.assertEqual(self.document(at, "stats")["submitted"], 2)

    def test_fault_07_a_dead_listener_holds_up_no_result(self):
        """A callback's address at which nobody listens, or somebody who never reads, blocked the task's result for ever."""
        plane, _ = self.both()
        self.helper("w", plane)
        with socket.create_server(("127.0.0.1", 0)) as mute, socket.create_server(("127.0.0.1", 0)) as closed:
            nobody = closed.getsockname()[1]
            closed.close()
            for port in (mute.getsockname()[1], nobody):
                begin = time.monotonic()
                self.assertEqual(self.value(plane, "add", 5, 3, options=("--callback", f"tcp://127.0.0.1:{port}")), 8)
                self.assertLess(time.monotonic() - begin, SOON)
        self.assertEqual(self.value(plane, "add", 1, 2), 3)


    def test_fault_08_whoever_asks_is_answered_and_a_dispatch_that_fails_costs_no_result(self):
        """What could not be read got no reply, and a result was lost if its task could not be handed to a subworker."""
        plane, at = self.both()
        task = new_id()
        wrong = ("", "nonsense", "FQ1", "FQ1  submit", "FQ1 frobnicate", "FQ9 submit", f"FQ1 submit {task}", "FQ1 submit 17 add", f"FQ1 submit {task} a/b",
                 f"FQ1 submit {task} add retries=many", f"FQ1 submit {task} add retries=1 retries=2", f"FQ1 call {task} add ref=" + "r" * 5000)
        for port in (at.normal, at.results, at.management, plane.discovery):
            peer = self.peer(port)
            for header in wrong:
                with self.subTest(port=port, header=header[:40]):
                    self.expect(peer.ask(header or " ", "[1, 2]"), "error")
            peer.send_frames(f"FQ1 call {new_id()} add", "[1, 2]", "FQ1 and no payload")
            self.assertEqual({reply.verb for reply in peer.replies()}, {"error"})

        address = f"tcp://127.0.0.1:{self.closed_port()}"  # a worker that cannot be reached where it says
        ghost = self.peer(at.management)
        self.expect(ghost.ask(f"FQ1 register ghost incarnation={new_id()} concurrency=8 address={address}", '{"tasks": ["add"]}'), "registered")
        client = self.peer(at.normal)
        tasks = [self.send(client, "add", [i, 1]) for i in range(20)]
        self.kill(self.helper("victim", plane))  # and one that dies under their hands
        tasks += [self.send(client, "add", [i, 1]) for i in range(20, 40)]
        self.helper("w", plane)
        came = {reply.words[0]: reply.value() for reply in (client.reply() for _ in tasks)}
        self.assertEqual([came[task] for task in tasks], [i + 1 for i in range(40)])
        for name, payload, code in (("add", "[1", "bad_arguments"), ("add", '["x", {}]', "bad_arguments"), ("fail", '["so"]', "handler_error")):
            self.expect(client.ask(f"FQ1 call {new_id()} {name}", payload), "result", code=code)

    @staticmethod
    def closed_port():
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def test_fault_09_sigterm_ends_it_and_while_idle_it_burns_no_core_and_floods_no_log(self):
        """It outlived SIGTERM, kept a core busy with nothing to do, and filled the log."""
        plane, _ = self.both()
        worker = self.helper("w", plane)
        lost = self.start([support.PROGRAM, "subworker", "--worker-id", "lost", "--control-plane-address", NOBODY_AT,
                           "--discovery-address", NOBODY_AT, "--base-address", support.FREE])
        lost.wait_for("^waiting for the control plane ")
        self.assertLess(self.burned(2, plane, worker, lost), 0.3, "seconds of a core, of three processes in two seconds")
        self.begin_task(plane, "store.note", *map(json.dumps, self.noting("endless", 60_000)))
        self.until(lambda: self.starts("endless"), "it runs")
        self.assertEqual(self.told_to_stop(plane), UNFINISHED, "it waits for that no longer than --grace says")
        worker.wait_for("^lost the control plane ")
        self.assertLess(self.burned(1, worker, lost), 0.2, "nor while it looks for its control plane")
        self.assertEqual(self.told_to_stop(worker), UNFINISHED, "nor does it, with a task that heeds nothing")
        self.assertEqual(self.told_to_stop(lost), DONE)
        for program in (plane, worker, lost):
            self.assertLess(len(program.lines), 15, program.lines)

    def burned(self, seconds, *programs):
        before = sum(cpu_seconds(program.process) for program in programs)
        time.sleep(seconds)
        return sum(cpu_seconds(program.process) for program in programs) - before

    def told_to_stop(self, program):
        program.signal(signal.SIGTERM)
        return program.wait(SOON)

    def test_fault_10_options_and_variables_do_what_they_say(self):
        """--concurrency, --subworker-port and most variables changed nothing."""
        base, port, discovery = support.free_ports()
        plane = self.plane("--subworker-port", str(port), base=base, discovery=discovery, env=support.environment(
            FASTQUEUE_SUBWORKER_PORT=str(port - 1), FASTQUEUE_WORKER_ID="boss", FASTQUEUE_WORKER_CONCURRENCY="3", FASTQUEUE_RESULT_CACHE_SIZE="2",
            FASTQUEUE_RESULT_CACHE_TTL="1"))
        self.assertEqual(plane.management, port, "an argument goes before a variable")
        self.assertIn(("0100007F", f"{port:04X}"), listeners(plane.process))
        at = self.ports(plane)
        self.assertEqual(self.document(at, "health")["id"], "boss")
        self.overlap(at, 3)  # its own

        variables = {"FASTQUEUE_DISCOVERY_ADDRESS": discovery, "FASTQUEUE_WORKER_ID": "named", "FASTQUEUE_CONTROL_PLANE_ADDRESS": base,
                     "FASTQUEUE_BASE_ADDRESS": support.FREE, "FASTQUEUE_WORKER_CONCURRENCY": "2", "FASTQUEUE_TASK_MODULES": "mytasks"}
        self.start([support.PROGRAM, "subworker"], env=support.environment(**variables)).wait_for("^registered")
        self.until_active(at, "named")
        self.overlap(at, 2)
        self.worker("given", plane, "--concurrency", "2")
        self.assertEqual(self.worker_row(at, "given")["concurrency"], 2)
        self.overlap(at, 4)

        asking = {"FASTQUEUE_DISCOVERY_ADDRESS": discovery}
        add = ("submit", "--non-blocking", "--task-name", "add", "--args", 5, 3)
        ids = [self.run_cli(*add, **asking).stdout.strip() for _ in range(3)]
        self.succeed(at, ids[-1:])
        self.run_cli("result", ids[0], expect=REFUSED, **asking)  # two results are kept
        self.until(lambda: self.run_cli("result", ids[2], expect=None, **asking).returncode == REFUSED, "and no longer than they live")
        begun = time.monotonic()
        self.run_cli("submit", "--task-name", "sleep_ms", "--args", 5000, expect=LATE, FASTQUEUE_TIMEOUT="0.2", **asking)
        self.error("workers", expect=NOBODY, FASTQUEUE_DISCOVERY_ADDRESS=NOBODY_AT, FASTQUEUE_RETRIES="0")
        self.assertLess(time.monotonic() - begun, 4)
        self.assertIn("--discovery-address", self.error("--discovery-address", discovery, "health", expect=USAGE), "not passed over where it stands wrong")

    def overlap(self, at, count):
        """So many tasks run at once, and one more does not."""
        client = self.peer(at.normal)
        for _ in range(count + 1):
            self.send(client, "sleep_ms", [400], "meta=1")
        replies = [self.expect(client.reply(), "result") for _ in range(count + 1)]
        begun, ended = (sorted(int(reply.fields[name]) for reply in replies) for name in ("started_us", "finished_us"))
        self.assertLess(begun[count - 1], ended[0], f"{count} overlap")
        self.assertGreaterEqual(begun[count], ended[0] - 100_000, "and the next begins when one has ended, but for what its news takes")

    def test_fault_11_who_cancels_is_told_what_became_of_it_and_what_is_cancelled_never_runs(self):
        """Cancel said yes and did nothing; a scheduled task that was cancelled had no result, so that the client's next try ran it."""
        plane, at = self.both()
        self.helper("w", plane)
        asking = ("--discovery-address", plane.discovery)
        cancel = lambda task: json.loads(self.run_cli("cancel", *asking, task, "--output", "json").stdout)["state"]
        scheduled = new_id()
        batch = self.lines("later", {"id": scheduled, "task": "store.note", "args": self.noting("scheduled"), "countdown": 1})
        self.run_cli("submit", *asking, "--from", batch, "--non-blocking")
        due = time.monotonic() + 1
        self.assertEqual(cancel(scheduled), "cancelled")
        self.assertEqual(self.status(plane, scheduled)["state"], "cancelled")
        self.assertIn("cancelled", self.run_cli("submit", *asking, "--from", batch, expect=FAILED).stderr, "another try has the same answer")

        running = self.begin_task(plane, "primes", 1_000_000_000)
        self.until_running(plane, running)
        queued = self.begin_task(plane, "store.note", *map(json.dumps, self.noting("queued")))
        self.assertEqual(cancel(queued), "cancelled")
        self.assertEqual(cancel(running), "running")
        ended = self.end_of(plane, running)
        self.assertEqual((ended["state"], ended.get("code")), ("cancelled", "cancelled"), "a handler that heeds it")
        time.sleep(max(0, due + 0.2 - time.monotonic()))
        done = self.begin_task(plane, "add", 5, 3)
        self.assertEqual(self.end_of(plane, done)["value"], 8, "the worker is free again")
        self.assertIn("ended", self.error("cancel", *asking, done, expect=REFUSED))
        self.assertEqual((self.starts("scheduled"), self.starts("queued")), ([], []))
        self.assertEqual(self.document(at, "stats")["cancelled"], 3)

    def test_fault_12_a_critical_task_goes_before_24_low_ones(self):
        """It ran after all 24."""
        plane, at = self.both()
        self.helper("w", plane, "--concurrency", "1")
        client = self.peer(at.normal)
        for name, ms in (("tasks of unknown cost", None), ("tasks of known cost, which are sent ahead", 1)):
            with self.subTest(name=name):
                if ms:
                    self.succeed(at, [self.accept(client, "store.note", self.noting("cost", ms)) for _ in range(40)])
                block = self.accept(client, "sleep_ms", [500])
                self.until(lambda: self.peer(at.results).ask(f"FQ1 get {block}").words[1] == "running", "the worker is busy")
                low = [self.accept(client, "store.note", self.noting(f"low-{i}", 5), "priority=low") for i in range(24)]
                critical = self.accept(client, "store.note", self.noting("critical", 5), "priority=critical")
                started = [int(reply.fields["started_us"]) for reply in self.succeed(at, [critical, *low])]
                self.assertEqual(started, sorted(started), "it was first, and the others kept their order")

    def test_fault_12_a_critical_task_waits_for_one_low_one_at_most(self):
        """The same while they are under way."""
        plane, at = self.both()
        self.helper("w", plane, "--concurrency", "1")
        client = self.peer(at.normal)
        low = [self.accept(client, "store.note", self.noting(f"low-{i}", 40), "priority=low") for i in range(24)]
        self.until(lambda: self.starts("low-3"), "they are under way")
        critical = self.accept(client, "add", [5, 3], "priority=critical")
        urgent, *others = self.succeed(at, [critical, *low])
        submitted, started = (int(urgent.fields[name]) for name in ("submitted_us", "started_us"))
        between = [reply for reply in others if submitted < int(reply.fields["started_us"]) < started]
        self.assertLessEqual(len(between), 1, "whose beginning and the order to wait may have crossed")
        self.assertGreaterEqual(len([reply for reply in others if int(reply.fields["started_us"]) > started]), 18)

    def test_fault_13_work_is_spread_by_load_also_after_restarts(self):
        """The first subworker got all the work; loads that were counted leaked, and a restart did not set them to nothing."""
        base, management, discovery = support.free_ports()
        where = {"base": base, "port": management, "discovery": discovery}
        plane, at = self.both(**where)
        workers = {name: self.helper(name, plane) for name in ("w1", "w2")}
        self.shared(at, "both are new")
        client = self.peer(at.normal)
        held = [self.accept(client, "store.note", self.noting(f"held-{i}", 300)) for i in range(6)]
        self.until(lambda: self.worker_row(at, "w1")["outstanding"] and self.worker_row(at, "w2")["outstanding"], "both have some")
        self.kill(workers["w1"])
        self.helper("w1", plane)
        self.succeed(at, held)
        self.shared(at, "one was killed with work at it, and started again")
        self.kill(plane)
        plane, at = self.both(**where)
        for name in workers:
            self.until_active(at, name)
        self.shared(at, "the control plane was killed, and started again")

    def shared(self, at, when):
        """Thirty equal tasks come to two workers in like shares, and leave no load behind."""
        client = self.peer(at.normal)
        ran = [reply.fields["worker"] for reply in self.succeed(at, [self.accept(client, "sleep_ms", [20]) for _ in range(30)])]
        for name in ("w1", "w2"):
            self.assertGreaterEqual(ran.count(name), 10, f"{when}: {ran}")
        self.idle(at, ["w1", "w2"])

    def test_fault_14_where_nobody_is_a_client_ends_soon_and_says_so(self):
        """A send had no end: the client hung where nobody was. Where somebody was it slept for two seconds at its start."""
        ask = ("submit", "--task-name", "add", "--args", "5", "3", "--discovery-address")
        plane, _ = self.both()
        self.helper("w", plane)
        self.assertLess(min(self.lasts(lambda: self.value(plane, "add", 5, 3)) for _ in range(4)), 1, "there is no sleep at the start")
        self.assertLess(self.lasts(lambda: self.assertIn(NOBODY_AT, self.error(*ask, NOBODY_AT, expect=NOBODY))), SOON)

        mute = socket.create_server(("127.0.0.1", 0))  # takes connections and says nothing
        self.addCleanup(mute.close)
        self.addCleanup(lambda: plane.process.poll() is None and plane.signal(signal.SIGCONT))
        plane.signal(signal.SIGSTOP)  # it is there, and reads nothing
        big = self.lines("big", {"task": "greet", "args": ["n" * (8 << 20)]})
        begun = time.monotonic()
        clients = [self.start([support.PROGRAM, *words, "--wait", "1"]) for words in (
            (*ask, f"tcp://127.0.0.1:{mute.getsockname()[1]}"), (*ask, plane.discovery), ("submit", "--discovery-address", plane.discovery, "--from", big))]
        for client in clients:
            self.assertIn(client.wait(SOON), (NOBODY, LATE), client.lines)
            self.assertRegex(client.lines[0], "^fastqueue: .*(no answer|nobody answers|not ended in time)")
        self.assertLess(time.monotonic() - begun, SOON)

    @staticmethod
    def lasts(action):
        begun = time.monotonic()
        action()
        return time.monotonic() - begun

    def test_fault_15_the_weekday_of_cron_is_the_calendars(self):
        """Cron's weekday was off by one: what was said for Sunday fired on Monday."""
        plane, _ = self.both("--unknown-tasks", "wait")
        for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")):
            for day in {str(number), name, "7" if number == 0 else name.lower()}:
                words = ("schedule", "add", f"s-{day}", "--discovery-address", plane.discovery, "--task-name", "add", "--cron", f"30 12 * * {day}", "--output", "json")
                next_us = json.loads(self.run_cli(*words).stdout)["next_us"]
                self.assertEqual(len(next_us), 5)
                for us in next_us:
                    self.assertEqual(datetime.datetime.fromtimestamp(us / 1e6, datetime.timezone.utc).isoweekday() % 7, number, day)


    def test_fault_16_ports_that_collide_are_one_line_that_says_which_are_free(self):
        """The default addresses of control plane and subworker were the same, and what came of it was a riddle."""
        told = self.error("subworker", "--worker-id", "w", "--control-plane-address", "tcp://127.0.0.1:5555", "--discovery-address", NOBODY_AT, expect=1)
        self.assertIn("port 5555 is taken", told)
        self.assertIn("--base-address tcp://127.0.0.1:0", told)
        plane, _ = self.both()
        for own in (plane.base, f"tcp://127.0.0.1:{plane.management}"):
            told = self.error("subworker", "--worker-id", "w", "--control-plane-address", plane.base, "--base-address", own,
                              "--discovery-address", plane.discovery, expect=1)
            self.assertIn("is taken", told)
            self.assertIn("--base-address tcp://127.0.0.1:0", told)
        told = self.error("control-plane", "--base-address", plane.base, "--discovery-address", support.FREE, "--subworker-port", 0, expect=1)
        self.assertIn("is taken", told)
        self.helper("w", plane)  # at tcp://127.0.0.1:0
        self.assertEqual(self.value(plane, "add", 5, 3), 8)

    def test_fault_17_who_leaves_is_gone_who_is_lost_is_replaced_who_moves_is_found(self):
        """There was no unregistration, tasks in flight were never given to others, and another address was ignored."""
        plane, at = self.both()
        leaves = self.helper("leaves", plane)
        self.stops(leaves, signal.SIGTERM)
        plane.wait_for("^worker leaves left")
        self.assertEqual(self.worker_row(at, "leaves"), {})

        first = self.helper("w", plane)
        was = self.worker_row(at, "w")["address"]
        task = self.begin_task(plane, "store.note", *map(json.dumps, self.noting("moved", 400)))
        self.until(lambda: self.starts("moved"), "it runs")
        self.kill(first)
        self.helper("heir", plane)
        ended = self.end_of(plane, task)
        self.assertEqual((ended["state"], ended["worker"], ended["attempt"]), ("success", "heir", 2))
        self.run_cli("drain", "--discovery-address", plane.discovery, "heir")
        self.helper("w", plane)
        self.assertNotEqual(self.worker_row(at, "w")["address"], was)
        self.assertEqual(self.end_of(plane, self.begin_task(plane, "add", 5, 3))["worker"], "w", "at its new address")

    @unittest.skipIf(SANITIZED, "a sanitizer keeps freed memory back")
    def test_fault_18_tasks_cost_no_connections_and_leave_no_memory_behind(self):
        """Each task made a TCP connection at each hop and left about a kilobyte behind."""
        plane, at = self.both("--result-cache-size", "1000", "--id-ledger-size", "5000", "--max-dead-letters", "100")
        worker = self.helper("w", plane, "--concurrency", "2")
        ports = {int(port, 16) for program in (plane, worker) for _, port in listeners(program.process)}
        self.assertEqual(len(ports), 11, "seven of the control plane, four of the subworker")
        batch = self.lines("batch", *({"task": "add", "args": [i, 1]} for i in range(10_000)))
        sizes, counts = [], [connections(ports)]
        for _ in range(3):
            ended = self.run_cli("submit", "--discovery-address", plane.discovery, "--from", batch)
            self.assertEqual(ended.stdout.count("\n"), 10_000)
            counts.append(connections(ports))
            sizes.append(resident(plane.process))
        self.assertLess(counts[-1] - counts[0], 30, f"sockets, of 30,000 tasks: {counts}")
        self.assertLess(sizes[2] - sizes[1], 2 << 20, f"octets, of 10,000 tasks: {sizes}")
        self.assertLess(self.document(at, "stats")["connections"], 20)

    def test_fault_18_a_queue_that_is_full_says_so_and_takes_more_when_there_is_room(self):
        """And queues had no end."""
        plane, at = self.both()
        limit = at.limits["max_outstanding"]
        crowd = self.peer(at.normal)
        crowd.socket.sndhwm = crowd.socket.rcvhwm = 0
        over, calls = 500, [(f"FQ1 call {new_id()} add", "[5, 3]") for _ in range(limit + 500)]
        for begin in range(0, len(calls), 10_000):
            crowd.send_frames(peers.pack(calls[begin:begin + 10_000]))
        for reply, (call, _) in zip(self.unpacked(crowd, over), calls[limit:]):
            self.expect(reply, "error", call.split()[2], "queue_full")
            self.assertGreater(int(reply.fields["retry_after_ms"]), 0)
        self.assertEqual(self.document(at, "stats")["waiting"], limit)
        self.helper("w", plane)
        answered = {self.expect(reply, "result").words[0] for reply in self.unpacked(crowd, limit)}
        self.assertEqual(answered, {call.split()[2] for call, _ in calls[:limit]}, "what was accepted is done")
        self.assertEqual(crowd.ask(f"FQ1 call {new_id()} add", "[5, 3]").value(), 8)

    @staticmethod
    def unpacked(peer, count):
        replies = []
        while len(replies) < count:
            frames = peer.frames()
            pairs = peers.unpack(frames[0]) if len(frames) == 1 else zip(frames[::2], frames[1::2])
            replies += [peers.Reply(*pair) for pair in pairs]
        return replies

    def test_fault_19_what_a_stranger_sends_is_never_run_and_nobody_is_called_on_his_word(self):
        """Anyone could register, a pickle ran whatever was in it, and whatever address was named was called."""
        plane, at = self.both("--unknown-tasks", "refuse")
        worker = self.helper("w", plane)
        for program in (plane, worker):  # by default nobody reaches it from elsewhere
            self.assertEqual({address for address, _ in listeners(program.process)}, {"0100007F"})
        for command in ("control-plane", "subworker"):
            self.assertRegex(self.run_cli(command, "--help").stdout, r"\(default: tcp://127\.0\.0\.1:5555\)")

        trap = pathlib.Path(self.folder, "trap")
        evil = pickle.dumps(Evil(str(trap)))
        client = self.peer(at.normal)
        for content, code in (("", "bad_arguments"), (" content=pickle", "unsupported_content"), (" content=cereal-portable-binary", None)):
            reply = self.expect(client.ask(f"FQ1 call {new_id()} greet{content}", evil), "result")
            self.assertEqual(reply.words[1], "failure")
            self.assertIn(reply.fields["code"], (code,) if code else ("bad_arguments", "unsupported_content"))
        self.expect(client.ask(f"FQ1 call {new_id()} os.system", '["touch trap"]'), "error")
        self.assertFalse(trap.exists())

        stranger, forged = self.peer(at.management), new_id()
        register = f"FQ1 register {{}} incarnation={forged} concurrency=1"
        self.expect(stranger.ask(register.format("x") + " address=tcp://192.0.2.1:5561", '{"tasks": ["add"]}'), "error", "x", "not_authorized")
        self.expect(stranger.ask(register.format("w"), '{"tasks": ["add"]}'), "error", "-", "worker_id_taken")
        self.expect(stranger.ask(f"FQ1 unregister w incarnation={forged}"), "error")
        task = self.begin_task(plane, "sleep_ms", 300)
        self.until_running(plane, task)
        stranger.send((f"FQ1 done {task} 1 success", '"forged"'))
        self.assertGreaterEqual(self.end_of(plane, task)["value"], 300, "what it says of a task that it does not hold is not believed")
        self.assertEqual((list(self.workers(plane)), self.document(at, "stats")["stale_answers"]), (["w"], 1))

    def test_fault_20_the_exit_code_tells_how_it_ended(self):
        """It was 0 whatever had happened."""
        plane = self.plane("--grace", "0.2", "--unknown-tasks", "refuse")
        at = ("--discovery-address", plane.discovery)
        submit = ("submit", *at, "--task-name")
        for expected, words in (
                (DONE, (*submit, "add", "--args", 5, 3)), (FAILED, (*submit, "fail", "--args", "no")), (FAILED, (*submit, "add", "--args", "x")),
                (USAGE, ("submit", "--task-nam", "add")), (USAGE, ("frobnicate",)), (USAGE, (*submit, "add", "--retries", "many")),
                (NOBODY, ("workers", "--discovery-address", NOBODY_AT, "--retries", 0)), (LATE, (*submit, "sleep_ms", "--wait", 0.2, "--args", 700)),
                (REFUSED, (*submit, "nothing")), (REFUSED, ("status", *at, new_id())),
                (NO_STORE, ("control-plane", "--store", "sqlite:nowhere/queue.db")),
                (FAILED, ("control-plane", "--base-address", plane.base, "--discovery-address", support.FREE, "--subworker-port", 0))):
            with self.subTest(words=words):
                ended = self.run_cli(*words, expect=expected)
                self.assertEqual(ended.stderr == "", expected == DONE, ended.stderr)
        ended = self.run_cli("wait", *at, self.begin_task(plane, "fail", "no"), self.begin_task(plane, "add", 5, 3), expect=FAILED)
        self.assertEqual(ended.stdout, "8\n")
        worker = self.worker("w", plane)
        self.stops(worker, signal.SIGTERM, DONE)
        self.until_running(plane, self.begin_task(plane, "sleep_ms", 60_000))
        self.stops(plane, signal.SIGTERM, UNFINISHED)
        twice = self.plane()
        self.until_running(twice, self.begin_task(twice, "sleep_ms", 60_000))
        twice.signal(signal.SIGTERM)
        twice.wait_for("^stopping")
        time.sleep(0.1)  # two signals that come together are one wish
        self.stops(twice, signal.SIGTERM, 128 + signal.SIGTERM)


class Evil:
    """What is read as a pickle makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


if __name__ == "__main__":
    support.main()
