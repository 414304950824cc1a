"""A subworker written with pyzmq alone, with four ports of its own, beside or instead of real ones."""

import json
import time
import unittest

import zmq

import peers
import support
from peers import PATIENCE, PRIORITIES, Reply, new_id


class Worker:
    """A worker that does nothing by itself: the test says what it answers."""

    def __init__(self, case, ports, name="zw", tasks=("job",), **numbers):
        self.case, self.ports, self.name, self.tasks, self.numbers = case, ports, name, list(tasks), {"concurrency": 1, **numbers}
        self.incarnation = new_id()
        self.management = case.peer(ports.management)
        self.listen()

    def listen(self):
        self.routers = [self.case.socket(zmq.ROUTER) for _ in PRIORITIES]
        self.own_ports = [router.bind_to_random_port("tcp://127.0.0.1") for router in self.routers]
        self.poller = zmq.Poller()
        for router in self.routers:
            self.poller.register(router, zmq.POLLIN)
        self.unread = []
        self.sender = {}

    def die(self):
        for router in self.routers:
            router.close(0)
        self.management.socket.close(0)

    def register(self, runs=(), incarnation=None, more="", address=None):
        fields = " ".join(f"{k}={v}" for k, v in self.numbers.items())
        address = address or f"tcp://127.0.0.1:{self.own_ports[0]} ports={','.join(map(str, self.own_ports))}"
        header = f"FQ1 register {self.name} incarnation={incarnation or self.incarnation} {fields} address={address} {more}".rstrip()
        document = {"tasks": self.tasks, "runs": list(runs), "version": "1", "host": "here", "pid": 1, "content": ["json"]}
        return self.management.ask(header, json.dumps(document))

    def join(self, **how):
        """Registered, greeted on each port, and active."""
        reply = self.case.expect(self.register(**how), "registered", self.name)
        greeted, others = {}, []
        while len(greeted) < 4:
            port, pair = self.take_any("hello")
            if pair.verb == "hello":
                greeted[port] = pair
            else:  # a run on one port may be read before the greeting on another
                self.case.assertIn(port, greeted, "on each port the greeting is first")
                others.append((port, pair))
        self.unread = others + self.unread
        self.case.until_active(self.ports, self.name)
        return reply, greeted

    def beat(self, incarnation=None):
        return self.management.ask(f"FQ1 heartbeat {self.name} incarnation={incarnation or self.incarnation} running=0")

    def take(self, verb, patience=PATIENCE):
        """The next pair that came to one of the four ports, which is to be a `verb`: its port's priority, and itself."""
        port, pair = self.take_any(verb, patience)
        self.case.assertEqual(pair.verb, verb, pair)
        return port, pair

    def take_any(self, verb="message", patience=PATIENCE):
        if not self.unread:
            ready = self.poller.poll(patience * 1000)
            if not ready:
                raise AssertionError(f"no {verb} came within {patience} s")
            for router, _ in ready:
                identity, *frames = router.recv_multipart()
                at = self.routers.index(router)
                self.sender[at] = identity
                self.case.assertEqual(len(frames) % 2, 0, frames)
                self.unread += [(PRIORITIES[at], Reply(*pair)) for pair in zip(frames[::2], frames[1::2])]
        return self.unread.pop(0)

    def is_idle(self, seconds=0.4):
        return not self.unread and not self.poller.poll(seconds * 1000)

    def say(self, port, header, payload=b""):
        at = PRIORITIES.index(port)
        self.routers[at].send_multipart([self.sender[at], peers.octets(header), peers.octets(payload)])

    def done(self, port, task, attempt, end="success", value="1"):
        self.say(port, f"FQ1 done {task} {attempt} {end}", value)


class WithPorts(peers.Case):
    def setUp(self):
        super().setUp()
        self.control_plane, self.at = self.here("--local", "off")
        self.client = self.peer(self.at.normal)
        self.results = self.peer(self.at.results)

    def zworker(self, name="zw", **more):
        return Worker(self, self.at, name, **more)

    def call(self, options="", name="job"):
        task = new_id()
        self.client.send((f"FQ1 call {task} {name} meta=1 {options}".rstrip(), '["x"]'))
        return task

    def state(self, task):
        return self.results.ask(f"FQ1 get {task}").words[1]

    def stale(self):
        return self.document(self.at, "stats")["stale_answers"]


class Sessions(WithPorts):
    def test_it_is_greeted_on_each_port_first(self):
        reply, greeted = self.zworker().join()
        self.assertEqual(reply.fields["epoch"], self.at.epoch)
        for key in ("heartbeat_ms", "inactive_ms", "grace_ms"):
            self.assertGreater(int(reply.fields[key]), 0)
        self.assertEqual(reply.value()["drop"], [])
        for hello in greeted.values():
            self.assertEqual((hello.words, hello.fields["epoch"]), (["control-plane"], self.at.epoch))
        self.assertEqual(set(greeted), set(PRIORITIES))

    def test_the_base_port_stands_for_four(self):
        for _ in range(20):
            first = int(support.free_ports()[0].rsplit(":", 1)[1])
            worker = self.zworker()
            for router in worker.routers:
                worker.poller.unregister(router)
                router.close(0)
            worker.routers = [self.socket(zmq.ROUTER) for _ in PRIORITIES]
            try:
                for i, router in enumerate(worker.routers):
                    router.bind(f"tcp://127.0.0.1:{first + i}")
                    worker.poller.register(router, zmq.POLLIN)
            except zmq.ZMQError:
                continue
            break
        worker.join(address=f"tcp://127.0.0.1:{first}")
        self.call("priority=low")
        port, run = worker.take("run")
        self.assertEqual(port, "low")
        worker.done(port, *run.words[:2])
        self.expect(self.client.reply(), "result")

    def test_each_run_comes_to_the_port_of_its_priority(self):
        worker = self.zworker()
        worker.join()
        for level in PRIORITIES:
            by_port = new_id()
            self.peer(self.at.tasks[level]).ask(f"FQ1 submit {by_port} job", '["x"]')
            by_option = self.call(f"priority={level}")
            for task in (by_port, by_option):
                port, run = worker.take("run")
                self.assertEqual((port, run.words, run.payload), (level, [task, "1", "job"], b'["x"]'))
                worker.done(port, task, 1, value=json.dumps(level))
            reply = self.expect(self.client.reply(), "result", by_option, "success", worker="zw")
            self.assertEqual(reply.value(), level)

    def test_all_ends_of_a_run(self):
        worker = self.zworker()
        worker.join()
        for end, state, code in (("success", "success", None), ("failure", "failure", "handler_error"), ("failure code=bad_arguments", "failure", "bad_arguments"),
                                 ("cancelled", "cancelled", None)):
            task = self.call()
            port, _ = worker.take("run")
            worker.done(port, task, 1, end, "it ended")
            reply = self.expect(self.client.reply(), "result", task, state)
            if code:
                self.assertEqual((reply.fields["code"], reply.payload), (code, b"it ended"))

    def test_what_is_returned_is_run_again_with_a_higher_attempt(self):
        worker = self.zworker()
        worker.join()
        task = self.call()
        for attempt in (1, 2, 3):
            port, run = worker.take("run")
            self.assertEqual(run.words[:2], [task, str(attempt)])
            worker.done(port, task, attempt, "returned" if attempt < 3 else "success", "" if attempt < 3 else "7")
        self.expect(self.client.reply(), "result", task, "success", attempt="3")

    def test_many_answers_in_one_message(self):
        worker = self.zworker(concurrency=8)
        worker.join()
        tasks = [self.call() for _ in range(8)]
        ports = {worker.take("run")[0] for _ in tasks}
        self.assertEqual(ports, {"normal"})
        at = PRIORITIES.index("normal")
        worker.routers[at].send_multipart([worker.sender[at], *(half for task in tasks for half in (b"FQ1 done %s 1 success" % task.encode(), b"5"))])
        self.assertEqual({self.client.reply().words[0] for _ in tasks}, set(tasks))

    def test_no_more_than_the_window_is_outstanding(self):
        worker = self.zworker(concurrency=2)
        worker.join()
        for _ in range(6):
            self.call()
        held = [worker.take("run") for _ in range(2)]
        self.assertTrue(worker.is_idle())
        for port, run in held:
            worker.done(port, *run.words[:2])
        for _ in range(2):
            worker.take("run")
        self.assertTrue(worker.is_idle())

    def test_a_run_has_begun_when_it_is_sent_or_when_the_worker_says_so(self):
        plain = self.zworker("plain", tasks=["plain"])
        plain.join()
        task = self.call(name="plain")
        plain.take("run")
        self.assertEqual(self.state(task), "running")
        says = self.zworker("says", tasks=["says"], window=2)
        says.join()
        task = self.call(name="says")
        port, _ = says.take("run")
        self.assertEqual(self.state(task), "assigned")
        says.say(port, f"FQ1 began {task} 1")
        self.until(lambda: self.state(task) == "running", "it has begun")
        says.done(port, task, 1)
        self.expect(self.client.reply(), "result", task, "success")

    def test_progress_is_shown_while_the_task_runs(self):
        worker = self.zworker(window=2)
        worker.join()
        task = self.call()
        port, _ = worker.take("run")
        worker.say(port, f"FQ1 began {task} 1")
        worker.say(port, f"FQ1 progress {task} 1", '{"percent": 40}')
        self.until(lambda: self.state(task) == "running", "it runs")
        self.until(lambda: self.results.ask(f"FQ1 get {task}").payload == b'{"percent": 40}', "its progress is shown", patience=3)

    def test_cancel_reaches_a_running_task(self):
        worker = self.zworker()
        worker.join()
        task = self.call()
        port, _ = worker.take("run")
        self.expect(self.results.ask(f"FQ1 cancel {task}"), "cancelled", task, "running")
        to, cancel = worker.take("cancel")
        self.assertEqual((to, cancel.words), (port, [task, "1"]))
        worker.done(port, task, 1, "cancelled", "")
        self.expect(self.client.reply(), "result", task, "cancelled")

    def test_what_was_sent_ahead_is_cancelled_when_the_worker_has_said_so(self):
        worker = self.zworker(window=4)
        worker.join()
        for _ in range(5):  # until it is known that they are short
            task = self.call()
            port, _ = worker.take("run")
            worker.say(port, f"FQ1 done {task} 1 success took_us=10", "1")
            self.client.reply()
        first, ahead = self.call(), self.call()
        held = [worker.take("run")[1].words[0] for _ in range(2)]
        self.assertEqual(held, [first, ahead])
        asking = self.peer(self.at.results)
        asking.send((f"FQ1 cancel {ahead}", ""))
        port, cancel = worker.take("cancel")
        self.assertEqual(cancel.words, [ahead, "1"])
        self.assertTrue(asking.is_silent())
        worker.done(port, ahead, 1, "cancelled", "")
        self.expect(asking.reply(), "cancelled", ahead, "cancelled")
        worker.done(port, first, 1)
        self.assertEqual({self.client.reply().words[1] for _ in range(2)}, {"success", "cancelled"})

    def test_a_time_limit_is_told_and_kept_by_the_control_plane(self):
        worker = self.zworker()
        worker.join()
        task = self.call("timeout_ms=300")
        port, run = worker.take("run")
        self.assertEqual(run.fields["timeout_ms"], "300")
        begin = time.monotonic()
        self.expect(self.client.reply(), "result", task, "failure", code="timeout")
        self.assertLess(time.monotonic() - begin, 5)
        self.call()
        worker.take("cancel")
        self.assertTrue(worker.is_idle(), "its place is taken until its answer")
        worker.done(port, task, 1)
        worker.take("run")


class Fences(WithPorts):
    def test_an_answer_with_another_attempt_is_dropped(self):
        worker = self.zworker()
        worker.join()
        task = self.call()
        port, _ = worker.take("run")
        before = self.stale()
        for attempt in (2, 0, 1000):
            worker.done(port, task, attempt, value='"forged"')
        self.until(lambda: self.stale() + 1 >= before + 3, "they are counted")
        self.assertEqual(self.state(task), "running")
        worker.done(port, task, 1, value='"true"')
        self.assertEqual(self.expect(self.client.reply(), "result", task).value(), "true")

    def test_an_answer_of_another_worker_is_dropped(self):
        holder = self.zworker("holder")
        holder.join()
        forger = self.zworker("forger", tasks=["other"])
        forger.join()
        task = self.call()
        port, _ = holder.take("run")
        before = self.stale()
        forger.done(port, task, 1, value='"forged"')
        self.until(lambda: self.stale() == before + 1, "it is counted")
        self.assertEqual(self.state(task), "running")
        holder.done(port, task, 1, value='"true"')
        self.assertEqual(self.expect(self.client.reply(), "result", task).value(), "true")

    def test_an_answer_of_nobody_is_dropped(self):
        worker = self.zworker()
        worker.join()
        task = self.call()
        port, _ = worker.take("run")
        before = self.stale()
        stranger = self.peer(self.at.management)
        stranger.send((f"FQ1 done {task} 1 success", '"forged"'))
        self.until(lambda: self.stale() == before + 1, "it is counted")
        self.assertEqual(self.state(task), "running")
        worker.done(port, task, 1)
        self.expect(self.client.reply(), "result", task, "success")

    def test_a_second_answer_is_dropped(self):
        worker = self.zworker()
        worker.join()
        task = self.call()
        port, _ = worker.take("run")
        before = self.stale()
        worker.done(port, task, 1, value="1")
        worker.done(port, task, 1, value="2")
        self.assertEqual(self.client.reply().value(), 1)
        self.until(lambda: self.stale() == before + 1, "it is counted")
        self.assertTrue(self.client.is_silent())

    def test_the_name_of_a_live_worker_is_taken(self):
        worker = self.zworker()
        worker.join()
        other = self.zworker()
        reply = other.register()
        self.expect(reply, "error", "-", "worker_id_taken")
        self.expect(worker.beat(), "registered")
        self.expect(other.beat(), "error", "-", "unknown_worker")
        self.expect(worker.beat(incarnation=other.incarnation), "error", "-", "unknown_worker")
        self.call()
        worker.take("run")

    def test_addresses_that_are_not_allowed(self):
        worker = self.zworker()
        port = worker.own_ports[0]
        for address, code in ((f"tcp://*:{port}", "bad_request"), (f"tcp://0.0.0.0:{port}", "bad_request"), ("tcp://127.0.0.1", "bad_request"), (f"udp://127.0.0.1:{port}", "bad_request"),
                              ("tcp://127.0.0.1:0", "bad_request"), ("tcp://127.0.0.1:65536", "bad_request"), (f"tcp://192.0.2.1:{port}", "not_authorized")):
            with self.subTest(address=address):
                reply = worker.register(address=address)
                self.assertEqual((reply.verb, reply.words[1]), ("error", code), reply)

    def test_registrations_that_cannot_be_read(self):
        who = f"FQ1 register bad incarnation={new_id()} concurrency=1"
        for header, document in (("FQ1 register", "{}"), ("FQ1 register bad incarnation=x concurrency=1", "{}"), ("FQ1 register bad concurrency=1", "{}"), (who.replace("=1", "=0"), "{}"),
                                 (who + " window=x", "{}"), (who + " address=tcp://127.0.0.1:9 ports=1,2,3", "{}"), (who, "["), (who, "[]"), (who, '{"tasks": "add"}'),
                                 (who, '{"tasks": ["a b"]}'), (who, '{"tasks": ["add"], "runs": [["x", 1]]}'), (who, '{"tasks":' + "[" * 100_000)):
            with self.subTest(header=header, document=document[:40]):
                reply = self.peer(self.at.management).ask(header, document)
                self.assertEqual((reply.verb, reply.words[1]), ("error", "bad_request"), reply)
        self.assertEqual(self.document(self.at, "health")["active_workers"], 0)


class Comings(WithPorts):
    def test_what_a_dead_worker_had_is_run_elsewhere(self):
        worker = self.zworker(tasks=["add"], concurrency=4)
        worker.join()
        tasks = {self.client_add(i): i for i in range(10)}
        held = {worker.take("run")[1].words[0] for _ in range(4)}
        self.worker("heir", self.control_plane)
        worker.die()
        attempts = {}
        for _ in tasks:
            reply = self.expect(self.client.reply(), "result", worker="heir")
            self.assertEqual(reply.value(), tasks[reply.words[0]] + 3)
            attempts[reply.words[0]] = reply.fields["attempt"]
        self.assertEqual({attempts[task] for task in held}, {"2"})
        self.assertEqual(self.worker_row(self.at, "zw"), {})

    def client_add(self, x):
        task = new_id()
        self.client.send((f"FQ1 call {task} add meta=1", f"[{x}, 3]"))
        return task

    def test_at_most_once_is_not_run_again(self):
        worker = self.zworker()
        worker.join()
        task = self.call("delivery=at_most_once")
        worker.take("run")
        worker.die()
        self.expect(self.client.reply(), "result", task, "failure", code="worker_lost")

    def test_a_broken_session_is_dialled_anew_and_keeps_its_runs(self):
        worker = self.zworker()
        worker.join()
        task = self.call()
        worker.take("run")
        old = worker.routers
        worker.listen()  # ports elsewhere: it moves
        reply, _ = worker.join(runs=[[task, 1]])
        self.assertEqual(reply.value()["drop"], [])
        for router in old:
            router.close(0)
        worker.done("high", task, 1, value='"kept"')  # any of its connections does
        reply = self.expect(self.client.reply(), "result", task, "success", attempt="1")
        self.assertEqual(reply.value(), "kept")

    def test_what_is_not_its_any_more_is_dropped(self):
        worker = self.zworker(concurrency=2)
        worker.join()
        task, stranger = self.call(), new_id()
        worker.take("run")
        reply = worker.register(runs=[[task, 1], [stranger, 1], [task, 7]])
        drop = self.expect(reply, "registered").value()["drop"]
        self.assertEqual(sorted(drop), sorted([[stranger, 1], [task, 7]]))
        worker.done("normal", task, 1)
        self.expect(self.client.reply(), "result", task, "success")

    def test_a_new_incarnation_does_not_inherit(self):
        worker = self.zworker()
        worker.join()
        task = self.call()
        worker.take("run")
        worker.die()
        self.until(lambda: self.worker_row(self.at, "zw").get("state") != "active", "it is missed")
        heir = self.zworker()
        reply, _ = heir.join(runs=[[task, 1]])
        self.assertEqual(reply.value()["drop"], [[task, 1]])
        port, run = heir.take("run")
        self.assertEqual(run.words[:2], [task, "2"])
        heir.done(port, task, 2)
        self.expect(self.client.reply(), "result", task, "success")

    def test_registering_again_is_idempotent(self):
        worker = self.zworker()
        worker.join()
        task = self.call()
        worker.take("run")
        for _ in range(3):
            self.expect(worker.register(runs=[[task, 1]]), "registered")
        self.assertEqual(self.worker_row(self.at, "zw")["outstanding"], 1)
        worker.done("normal", task, 1)
        self.expect(self.client.reply(), "result", task, "success", attempt="1")

    def test_the_end_of_its_management_connection_means_nothing(self):
        worker = self.zworker()
        worker.join()
        task = self.call()
        port, _ = worker.take("run")
        worker.management.socket.close(0)
        time.sleep(1.5)  # longer than the grace
        self.assertEqual(self.worker_row(self.at, "zw")["state"], "active")
        worker.done(port, task, 1)
        self.expect(self.client.reply(), "result", task, "success", attempt="1")

    def test_a_req_socket_may_register(self):
        worker = self.zworker()
        worker.management = self.peer(self.at.management, zmq.REQ)
        worker.join()
        self.expect(worker.beat(), "registered")

    def test_unregister_ends_the_runs_and_what_it_still_holds_is_believed(self):
        worker = self.zworker()
        worker.join()
        task = self.call()
        port, _ = worker.take("run")
        waits = self.call()
        reply = worker.management.ask(f"FQ1 unregister zw incarnation={worker.incarnation}")
        self.expect(reply, "unregistered", "zw")
        worker.done(port, task, 1)
        self.expect(self.client.reply(), "result", task, "success", attempt="1")
        self.assertTrue(worker.is_idle())
        self.assertEqual(self.state(waits), "queued")
        self.assertEqual(self.worker_row(self.at, "zw"), {})


class Silence(peers.Case):
    def test_a_silent_worker_is_left_out_until_it_registers_again(self):
        _, at = self.here("--local", "off", "--worker-timeout", "1")
        worker = Worker(self, at)
        worker.join()
        client = self.peer(at.normal)
        for _ in range(10):  # longer than the limit
            time.sleep(0.25)
            self.expect(worker.beat(), "registered")
        task = new_id()
        client.send((f"FQ1 call {task} job meta=1", ""))
        worker.take("run")
        self.until(lambda: self.worker_row(at, "zw").get("state") != "active", "its silence is noticed", patience=10)
        self.assertEqual(self.peer(at.results).ask(f"FQ1 get {task}").words[1], "queued")
        self.expect(worker.beat(), "error", "-", "unknown_worker")
        reply = self.expect(worker.register(runs=[[task, 1]]), "registered")
        self.assertEqual(reply.value()["drop"], [[task, 1]])
        while (pair := worker.take_any())[1].verb != "run":
            pass
        port, run = pair
        self.assertEqual(run.words[:2], [task, "2"])
        worker.done(port, task, 2)
        self.expect(client.reply(), "result", task, "success")

    def test_a_done_is_a_sign_of_life(self):
        _, at = self.here("--local", "off", "--worker-timeout", "1")
        worker = Worker(self, at)
        worker.join()
        client = self.peer(at.normal)
        for _ in range(10):
            task = new_id()
            client.send((f"FQ1 call {task} job meta=1", ""))
            port, _ = worker.take("run")
            time.sleep(0.25)
            worker.done(port, task, 1)
            self.expect(client.reply(), "result", task, "success", attempt="1")


if __name__ == "__main__":
    support.main()
