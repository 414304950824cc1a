"""Who runs what, and when: priorities in strict order, and no subworker idle while another has a backlog. Real subworkers, a client in pyzmq."""

import json
import random
import time

import peers
import support
from peers import PATIENCE, PRIORITIES, new_id

EACH = 100  # tasks of each priority


class Priorities(peers.Case):
    def setUp(self):
        super().setUp()
        self.control_plane, self.at = self.here("--local", "off")
        self.worker("w", self.control_plane)
        self.client = self.peer(self.at.normal)

    def call(self, name, arguments, options="", client=None):
        task = new_id()
        (client or self.client).send((f"FQ1 call {task} {name} meta=1 {options}".rstrip(), json.dumps(arguments)))
        return task

    def block(self, ms=2500):
        """Keeps the worker busy, at the highest priority."""
        task = self.call("sleep_ms", [ms], "priority=critical")
        results = self.peer(self.at.results)
        self.until(lambda: results.ask(f"FQ1 get {task}").words[1] == "running", "the worker is busy")
        return task

    def until_all_wait(self):
        def waiting():
            queues = self.document(self.at, "queues")
            row = self.worker_row(self.at, "w")
            return sum(queues[level]["waiting"] for level in PRIORITIES) + row["outstanding"] - 1

        self.until(lambda: waiting() == EACH * len(PRIORITIES), "all are there", patience=2)

    def submit_all(self, name, arguments):
        """LOW first. The ids, and what priority each has."""
        levels = {self.call(name, arguments, f"priority={level}"): level for _ in range(EACH) for level in reversed(PRIORITIES)}
        self.until_all_wait()
        return levels

    def come_in_order(self, block, levels):
        """Results arrive in strict order, and in order of submission within a priority."""
        self.expect(self.client.reply(), "result", block, "success")
        came = [self.expect(self.client.reply(), "result") for _ in levels]
        self.assertEqual([levels[r.words[0]] for r in came], [level for level in PRIORITIES for _ in range(EACH)])
        expected = [task for level in PRIORITIES for task in levels if levels[task] == level]
        self.assertEqual([r.words[0] for r in came], expected)
        return came

    def test_strict_order(self):
        block = self.block()
        came = self.come_in_order(block, self.submit_all("sleep_ms", [1]))
        started = [int(r.fields["started_us"]) for r in came]
        self.assertEqual(started, sorted(started))

    def test_strict_order_with_a_wide_window(self):
        """Short tasks of a known cost go ahead in hundreds: also at the worker the order is kept."""
        for _ in range(50):
            self.call("add", [1, 2])
        for _ in range(50):
            self.client.reply()
        self.assertGreaterEqual(self.worker_row(self.at, "w")["window"], 100)
        block = self.block()
        self.come_in_order(block, self.submit_all("add", [5, 3]))

    def test_strict_order_through_four_ports(self):
        block = self.block()
        clients = {level: self.peer(port) for level, port in self.at.tasks.items()}
        tasks = {}
        for level in reversed(PRIORITIES):
            for _ in range(EACH):
                tasks[self.call("sleep_ms", [1], client=clients[level])] = level
        self.until_all_wait()
        self.expect(self.client.reply(), "result", block)
        came = [client.reply() for client in clients.values() for _ in range(EACH)]
        started = sorted(came, key=lambda r: int(r.fields["started_us"]))
        self.assertEqual([tasks[r.words[0]] for r in started], [level for level in PRIORITIES for _ in range(EACH)])

    def test_what_comes_later_overtakes_what_waits(self):
        """The lowest are under way when one of the highest comes: at most those that have begun go before it."""
        levels = [self.call("sleep_ms", [20], "priority=low") for _ in range(100)]
        for _ in range(5):
            self.client.reply()
        urgent = self.call("sleep_ms", [1], "priority=critical")
        came = 0
        while self.client.reply().words[0] != urgent:
            came += 1
        self.assertLess(came, 10, "and not all of the others")
        self.assertEqual(len(levels), 100)


class LeastLoaded(peers.Case):
    WORKERS = ("w1", "w2", "w3")

    def setUp(self):
        super().setUp()
        self.control_plane, self.at = self.here("--local", "off")
        for name in self.WORKERS:
            self.worker(name, self.control_plane)
        self.client = self.peer(self.at.normal)
        self.admin = self.peer(self.at.management)

    def call(self, ms):
        self.client.send((f"FQ1 call {new_id()} sleep_ms meta=1", json.dumps([ms])))

    def rows(self):
        """The workers' documents and how many tasks wait, of one moment."""
        self.admin.send(("FQ1 workers", ""), ("FQ1 stats", ""))
        workers, stats = self.admin.replies()
        return {row["id"]: row for row in workers.value()}, stats.value()["waiting"]

    def test_uneven_tasks_leave_nobody_idle_while_another_has_a_backlog(self):
        chance = random.Random(5)
        times = [chance.choice((20, 20, 20, 50, 100, 400)) for _ in range(60)]
        begin = time.monotonic()
        for ms in times:
            self.call(ms)
        idle, samples, came = dict.fromkeys(self.WORKERS, (0, 0)), 0, []
        while len(came) < len(times):
            self.assertLess(time.monotonic() - begin, PATIENCE)
            while self.client.socket.poll(10):
                came.append(self.client.reply())
            rows, waiting = self.rows()
            busiest = max(rows[name]["outstanding"] for name in self.WORKERS)
            samples += 1
            for name in self.WORKERS:
                # Work is handed out at a turn's end: what ended in the turn of the sample has left its worker idle for no time.
                ended, (count, before) = rows[name]["succeeded"], idle[name]
                backlog = (waiting > 0 or busiest > 1) and ended == before
                idle[name] = count + 1 if backlog and rows[name]["outstanding"] == 0 else 0, ended
                self.assertLess(idle[name][0], 3, f"{name} has nothing to do for three samples, {waiting} wait: {rows}")
        took = time.monotonic() - begin
        self.assertGreater(samples, 20)
        # As long as they took here, where others may use the machine as well: not as long as they were asked to.
        lasted = [(int(r.fields["finished_us"]) - int(r.fields["started_us"])) / 1e6 for r in came]
        self.assertLess(took, sum(lasted) / len(self.WORKERS) * 1.25 + max(lasted) + 1)
        ran = [r.fields["worker"] for r in came]
        self.assertEqual(set(ran), set(self.WORKERS))

    def test_a_long_task_gets_no_short_ones_behind_it(self):
        """Short tasks of a known cost may be sent ahead; not to one that is busy with a long one while others are there."""
        for _ in range(60):
            self.client.send((f"FQ1 call {new_id()} add meta=1", "[1, 2]"))
        for _ in range(60):
            self.client.reply()
        for _ in range(2):
            self.call(3000)
        self.until(lambda: sum(row["running"] for row in self.rows()[0].values()) == 2, "two are busy")
        begin = time.monotonic()
        ids = [new_id() for _ in range(300)]
        for task in ids:
            self.client.send((f"FQ1 call {task} add meta=1", "[5, 3]"))
        came = [self.client.reply() for _ in ids]
        self.assertLess(time.monotonic() - begin, 2, "none of them waited behind a long one")
        self.assertEqual({r.words[0] for r in came}, set(ids))
        self.assertEqual(len({r.fields["worker"] for r in came}), 1)

    def test_more_places_get_more(self):
        self.worker("big", self.control_plane, "--concurrency", "6")
        for _ in range(90):
            self.call(100)
        ran = [self.client.reply().fields["worker"] for _ in range(90)]
        self.assertGreater(ran.count("big"), 45)
        for name in self.WORKERS:
            self.assertGreaterEqual(ran.count(name), 5)


if __name__ == "__main__":
    support.main()
