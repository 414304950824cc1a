"""Faults of networks and of peers, by their rows in docs/reliability.md: messages that are cut, partitions of either or of one direction, slow and
silent links, peers that do not read, too many connections, storms of reconnecting. After each test the roles are told to stop in the middle of it,
and must (fault 100)."""

import json
import os
import resource
import signal
import socket
import struct
import time
import unittest

import zmq

import peers
import support
from peers import new_id
from tcp_proxy import Proxy, Way
from test_garbage import GREETING, descriptors, ready, resident

SANITIZED = "FASTQUEUE_SANITIZED" in os.environ
SOON = 15  # seconds: how long stopping may take with a grace of one second, on a busy machine


class Faults(peers.Case):
    def setUp(self):
        super().setUp()
        self.roles, self.counting = [], None

    def watch(self, program):
        if {"control-plane", "subworker"} & set(program.process.args):
            self.roles.append(program)
        return super().watch(program)

    def tearDown(self):
        """Fault 100: whatever has befallen them, those that live end by SIGTERM, with one of the codes for it."""
        living = [program for program in self.roles if program.process.poll() is None]
        for program in reversed(living):  # subworkers before their control plane
            program.signal(signal.SIGTERM)
        for program in self.roles:
            killed = () if program in living else (-signal.SIGKILL,)
            self.assertIn(program.wait(SOON), (0, 6, *killed), program.lines)
        super().tearDown()

    def stats(self, at):
        """By one connection for all of a test, so that it does not change what it counts."""
        if self.counting is None:
            self.counting = self.peer(at.management)
            self.until(lambda: self.stats(at)["workers"] > 0, "its own worker has connected")
        return self.expect(self.counting.ask("FQ1 stats"), "stats").value()

    def shake_hands(self, port):
        """A plain TCP connection whose ZMTP handshake is done, with nothing left unread."""
        made = socket.create_connection(("127.0.0.1", port), SOON)
        self.addCleanup(made.close)
        made.sendall(GREETING + ready(b"DEALER"))
        heard = b""
        while b"Socket-Type" not in heard or len(heard) < 66 or len(heard) < 66 + heard[65]:
            octets = made.recv(4096)
            self.assertTrue(octets, heard)
            heard += octets
        return made


def frame(body, more):
    return struct.pack(">BB", more, len(body)) + body


class Cut(Faults):
    """A client's connection ends in, or just behind, a submit."""

    def setUp(self):
        super().setUp()
        self.control_plane, self.at = self.here("--grace", "1")

    def message(self, task):
        return frame(b"FQ1 submit %s add" % task.encode(), 1) + frame(b"[5, 3]", 0)

    def test_fault_1_a_submit_that_is_cut_at_any_octet_is_no_task_and_leaves_nothing(self):
        before = self.stats(self.at)
        whole = self.message(new_id())
        for cut in range(len(whole)):
            made = self.shake_hands(self.at.normal)
            made.sendall(whole[:cut])
            made.close()
        self.until(lambda: self.stats(self.at)["connections"] == before["connections"], "the connections are gone")
        after = self.stats(self.at)
        self.assertEqual((after["submitted"], after["tasks"], after["refused"]), (before["submitted"], 0, before["refused"]))

    def test_fault_2_a_client_that_dies_before_the_ack_has_its_task_run_and_may_ask_again_with_its_id(self):
        task = new_id()
        made = self.shake_hands(self.at.normal)
        made.sendall(self.message(task))
        made.close()
        client = self.peer(self.at.normal)
        self.until(lambda: self.stats(self.at)["succeeded"] == 1, "it has run")
        self.expect(client.ask(f"FQ1 submit {task} add", "[5, 3]"), "accepted", task, "success")
        self.assertEqual(client.ask(f"FQ1 get {task}").value(), 8)
        self.assertEqual(self.stats(self.at)["submitted"], 1)


class Numbers(Faults):
    def test_fault_97_attempts_that_differ_by_a_power_of_two_are_not_taken_for_each_other(self):
        _, at = self.here("--local", "off", "--grace", "1")
        worker = self.peer(at.management)
        me = f"zw incarnation={new_id()}"
        self.expect(worker.ask(f"FQ1 register {me} concurrency=1", '{"tasks": ["job"]}'), "registered")
        client, task = self.peer(at.normal), new_id()
        client.send((f"FQ1 call {task} job", ""))
        self.assertEqual(worker.reply().words, [task, "1", "job"])
        for attempt in (1 + (1 << 32), 1 + (1 << 53), 1 + (1 << 64), (1 << 32) - 1, 0):
            worker.send((f"FQ1 done {task} {attempt} success", '"forged"'))
        self.expect(worker.ask(f"FQ1 heartbeat {me} running=9007199254740992"), "registered")  # it has read those before
        self.assertTrue(client.is_silent())
        worker.send((f"FQ1 done {task} 1 success", '"true"'))
        self.assertEqual(client.reply().value(), "true")

    def test_fault_20_a_peer_of_another_version_is_told_so_and_others_of_its_message_are_not_believed(self):
        _, at = self.here("--grace", "1")
        for port in (at.normal, at.results, at.management):
            with self.subTest(port=port):
                peer = self.peer(port)
                for header in (f"FQ2 submit {new_id()} add", f"FQ2 register w incarnation={new_id()} concurrency=1", "FQ10 health"):
                    self.expect(peer.ask(header, "[1, 2]"), "error", "-", "unsupported_version")
        self.assertEqual((self.stats(at)["submitted"], self.document(at, "health")["active_workers"]), (0, 1))

    def test_fault_20_a_control_plane_of_another_version_is_an_error_and_no_endless_loop(self):
        router = self.socket(zmq.ROUTER)
        address = f"tcp://127.0.0.1:{router.bind_to_random_port('tcp://127.0.0.1')}"
        client = self.start([support.PROGRAM, "status", "--discovery-address", address, "--task-id", new_id(), "--timeout", "3"])
        asked, end = 0, time.monotonic() + SOON
        while client.process.poll() is None and time.monotonic() < end:
            if router.poll(50):
                envelope = router.recv_multipart()[0]
                router.send_multipart([envelope, b"FQ2 nodes", b"[]"])
                asked += 1
        self.assertIn(client.wait(), (3, 4), client.lines)
        self.assertEqual(len(client.lines), 1, client.lines)
        self.assertLess(asked, 20)


class Crowds(Faults):
    def large_result(self, at):
        """The question for a result of a MiB, as it stands on the wire."""
        task = new_id()
        self.expect(self.peer(at.normal).ask(f"FQ1 call {task} greet", json.dumps(["n" * (1 << 20)])), "result", task, "success")
        return frame(b"FQ1 get %s" % task.encode(), 1) + frame(b"", 0)

    def test_fault_46_who_reads_late_has_all_of_it_and_others_are_served_meanwhile(self):
        control_plane, at = self.here("--grace", "1")
        question = self.large_result(at)
        before = resident(control_plane.process.pid)
        with peers.Steady(self, at.normal) as steady:
            slow = self.shake_hands(at.results)
            slow.sendall(question * 30)
            time.sleep(1)
            steady.check(longest=2)
            if not SANITIZED:
                self.assertLess(resident(control_plane.process.pid) - before, 128 << 20)
            self.assertGreater(self.octets_until(slow, 30 << 20), 30 << 20)

    def test_fault_46_a_burst_of_short_questions_with_large_answers_costs_bounded_memory(self):
        control_plane, at = self.here("--grace", "1")
        question = self.large_result(at)
        connections, before = self.stats(at)["connections"], resident(control_plane.process.pid)
        mute = self.shake_hands(at.results)
        mute.sendall(question * 1000)  # 1000 MiB of answers, where 72 MiB may wait for a peer
        self.assertLess(self.octets_until(mute, 1000 << 20), 100 << 20, "who was over the limit was cut")
        self.until(lambda: self.stats(at)["connections"] == connections, "its connection is gone")
        if not SANITIZED:  # which keeps freed memory for itself
            self.assertLess(peak(control_plane.process.pid) - before, 256 << 20)
            self.assertLess(resident(control_plane.process.pid) - before, 128 << 20)

    def octets_until(self, made, enough):
        """How many come until they are enough, or the other side closes."""
        heard = 0
        made.settimeout(SOON)
        while heard <= enough:
            try:
                octets = made.recv(1 << 20)
            except ConnectionResetError:
                return heard
            if not octets:
                return heard
            heard += len(octets)
        return heard

    def test_fault_48_two_hundred_peers_come_back_after_a_restart(self):
        base, management, discovery = support.free_ports()
        where = {"base": base, "port": management, "discovery": discovery}
        plane, at = self.here("--local", "off", "--grace", "1", **where)
        workers = [self.begin_worker(f"w{i}", plane, "--grace", "1") for i in range(4)]
        for worker in workers:
            worker.wait_for("^registered")
        crowd = [self.peer(port) for port in (at.management, at.normal) for _ in range(98)]
        ask = lambda peer: peer.send(("FQ1 health", "") if peer in crowd[:98] else (f"FQ1 get {new_id()}", ""))
        for peer in crowd:
            ask(peer)
        for peer in crowd:
            peer.reply()
        plane.process.kill()
        plane.wait()
        for worker in workers:
            worker.wait_for("^lost the control plane")
        plane = self.plane("--local", "off", "--grace", "1", **where)
        begin = time.monotonic()
        for peer in crowd:
            ask(peer)
        for peer in crowd:
            self.expect(peer.reply(SOON), "health" if peer in crowd[:98] else "error")
        self.until(lambda: sum(row["state"] == "active" for row in self.document(at, "workers")) == 4, "the workers are back")
        self.assertLess(time.monotonic() - begin, SOON)
        self.assertEqual(self.value(plane, "add", 5, 3), 8)

    @unittest.skipIf(SANITIZED, "a sanitizer needs descriptors of its own to tell what is wrong")
    def test_fault_50_without_descriptors_it_serves_who_is_there_waits_without_spinning_and_takes_others_later(self):
        plane = self.plane("--grace", "1", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
        at = self.ports(plane)
        pid = plane.process.pid
        with peers.Steady(self, at.normal) as steady:
            steady.check()
            watcher = self.peer(at.management)
            watcher.ask("FQ1 health")
            crowd = [socket.create_connection(("127.0.0.1", at.normal), SOON) for _ in range(100)]
            self.until(lambda: descriptors(pid) >= 64, "none is left")
            steady.check()
            begin = processor_time(pid)
            time.sleep(1)
            self.assertLess(processor_time(pid) - begin, 0.5, "it does not spin")
            steady.check()
            self.expect(watcher.ask("FQ1 health"), "health")
            for made in crowd:
                made.close()
            self.expect(self.peer(at.management).ask("FQ1 health"), "health")


def peak(pid):
    """Octets of memory of a process that were there at once."""
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


def processor_time(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        user, system = file.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class Network(Faults):
    """A control plane that everybody reaches through proxies on 127.0.0.2, and a worker that it reaches through proxies on 127.0.0.3."""

    def begin(self, *options):
        base, management, discovery = support.free_ports()
        self.first = int(base.rsplit(":", 1)[1])
        self.control_plane, self.at = self.here("--local", "off", "--grace", "1", "--advertise-address", "127.0.0.2", *options,
                                                base=base, port=management, discovery=discovery)
        self.from_client, self.to_client, self.from_worker, self.to_worker = Way(), Way(), Way(), Way()
        self.client_proxies = [self.proxy("127.0.0.2", port, self.from_client, self.to_client) for port in (*range(self.first, self.first + 5), self.first + 6)]
        self.worker_proxies = [self.proxy("127.0.0.2", management, self.from_worker, self.to_worker)]
        self.client_discovery = f"tcp://127.0.0.2:{self.first + 6}"

    def proxy(self, *where):
        made = Proxy(*where)
        self.addCleanup(made.close)
        return made

    def far_worker(self):
        first = int(support.free_ports()[0].rsplit(":", 1)[1])
        self.worker_proxies += [self.proxy("127.0.0.3", first + i, self.to_worker, self.from_worker) for i in range(4)]
        started = self.start([support.PROGRAM, "subworker", "--worker-id", "far", "--control-plane-address", f"tcp://127.0.0.2:{self.first}",
                              "--discovery-address", self.client_discovery, "--base-address", f"tcp://127.0.0.1:{first}",
                              "--advertise-address", "127.0.0.3", "--grace", "1", "--task-modules", "mytasks"])
        started.wait_for("^registered")
        self.until_active(self.at, "far")
        return started

    def near_worker(self):
        """One that no fault of the network reaches."""
        self.start([support.PROGRAM, "subworker", "--worker-id", "near", "--control-plane-address", self.control_plane.base, "--discovery-address",
                    "tcp://127.0.0.1:1", "--base-address", support.FREE, "--grace", "1", "--task-modules", "mytasks"])
        self.until_active(self.at, "near")

    def begin_job(self, ms):
        """A task that runs."""
        task = new_id()
        self.expect(self.peer(self.at.normal).ask(f"FQ1 submit {task} sleep_ms", f"[{ms}]"), "accepted")
        self.until(lambda: self.peer(self.at.results).ask(f"FQ1 get {task}").words[1] == "running", "it runs")
        return task

    def end_of_job(self, task):
        return self.expect(self.peer(self.at.results).ask(f"FQ1 wait {task}"), "result", task, "success")

    def submit_from_far(self, *words):
        return self.start([support.PROGRAM, "submit", "--discovery-address", self.client_discovery, "--output", "json", "--task-name", *words])

    def held(self, *ways):
        """A worker behind `ways` that hold everything back, with a task: what becomes of it."""
        self.begin("--worker-timeout", "2")
        self.far_worker()
        task = self.begin_job(1500)
        self.near_worker()
        for way in ways:
            getattr(self, way).hold()
        begin = time.monotonic()
        reply = self.end_of_job(task)
        self.assertEqual((reply.fields["worker"], reply.fields["attempt"]), ("near", "2"))
        self.assertLess(time.monotonic() - begin, SOON)
        return task

    def healed(self, task):
        """What the worker had to say comes late, changes nothing, and it works again."""
        before = self.peer(self.at.results).ask(f"FQ1 get {task}")
        for way in (self.from_worker, self.to_worker):
            way.go_on()
        self.until_active(self.at, "far")
        self.until(lambda: self.stats(self.at)["stale_answers"] >= 1, "its late answer is counted")
        after = self.peer(self.at.results).ask(f"FQ1 get {task}")
        self.assertEqual((after.header, after.payload), (before.header, before.payload))
        tasks = [self.begin_job(1000) for _ in range(2)]  # they run beside each other, so each worker has one
        self.assertEqual({self.end_of_job(task).fields["worker"] for task in tasks}, {"near", "far"})

    def test_fault_43_fault_7_a_worker_that_hears_and_is_not_heard_is_replaced_and_its_late_answer_is_dropped(self):
        self.healed(self.held("from_worker"))

    def test_fault_40_a_worker_that_vanishes_without_an_end_of_its_connections_is_replaced(self):
        self.held("from_worker", "to_worker")

    def test_fault_41_a_worker_whose_connections_are_cut_comes_back_with_its_run(self):
        self.begin()
        self.far_worker()
        task = self.begin_job(800)
        before = [proxy.connections for proxy in self.worker_proxies]
        for proxy in self.worker_proxies:
            proxy.cut()
        reply = self.end_of_job(task)
        self.assertEqual((reply.fields["worker"], reply.fields["attempt"]), ("far", "1"))
        for proxy, connections in zip(self.worker_proxies, before):
            self.assertGreater(proxy.connections, connections, "all were made anew")

    def test_fault_45_a_slow_network_that_passes_one_octet_at_a_time_is_only_slow(self):
        self.begin("--worker-timeout", "3")
        for way in (self.from_client, self.to_client, self.from_worker, self.to_worker):
            way.delay, way.at_once = 0.1, 1
        self.far_worker()
        name = "n" * 2000
        begin = time.monotonic()
        client = self.submit_from_far("greet", "--args", name)
        self.assertEqual(client.wait(), 0, client.lines)
        ended = json.loads(client.lines[-1])
        self.assertEqual((ended["value"], ended["worker"], ended["attempt"]), (f"Hello, {name}!", "far", 1))
        self.assertGreater(time.monotonic() - begin, 0.4, "it was slow")
        self.assertGreater(self.from_client.passed, 2000)
        self.assertEqual(self.stats(self.at)["redelivered"], 0)

    def test_fault_47_an_answer_that_is_lost_with_its_connection_is_asked_for_again_and_the_task_runs_once(self):
        self.begin()
        self.near_worker()
        self.assertEqual(self.submit_from_far("add", "--args", "1", "2").wait(), 0)  # the way is free
        client = self.submit_from_far("sleep_ms", "--args", "700")
        self.until(lambda: self.document(self.at, "workers")[0]["running"] == 1, "the task runs")
        self.to_client.hold()
        self.until(lambda: self.stats(self.at)["succeeded"] == 2, "it has ended, and the client has not heard of it")
        before = sum(proxy.connections for proxy in self.client_proxies)
        for proxy in self.client_proxies:
            proxy.cut()
        self.to_client.go_on()
        self.assertEqual(client.wait(), 0, client.lines)
        self.assertEqual(json.loads(client.lines[-1])["attempt"], 1)
        self.assertGreater(sum(proxy.connections for proxy in self.client_proxies), before, "it came over another connection")
        self.assertEqual((self.stats(self.at)["submitted"], self.stats(self.at)["succeeded"]), (2, 2))


if __name__ == "__main__":
    support.main()
