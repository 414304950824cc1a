"""Clients written with pyzmq alone: each verb of the task, results, management and discovery ports, and each shape of a message."""

import json
import threading
import time
import unittest
import uuid

import zmq

import peers
import support
from peers import new_id, pack, unpack

LIMIT = 16 * 1024 * 1024  # octets of one payload

# Part of the wire contract that docs/protocol.md, section 9, says this version does not have. `NotInThisVersion` holds what happens instead.


class Client(peers.Case):
    def setUp(self):
        super().setUp()
        self.control_plane, self.at = self.here()
        self.tasks = self.peer(self.at.normal)
        self.results = self.peer(self.at.results)

    def submit(self, name="add", arguments="[5, 3]", options=""):
        task = new_id()
        self.expect(self.tasks.ask(f"FQ1 submit {task} {name} {options}".rstrip(), arguments), "accepted", task)
        return task

    def end_of(self, task):
        return self.expect(self.results.ask(f"FQ1 wait {task}"), "result", task)

    def begin_long(self):
        """A task that runs until it is asked to stop."""
        task = self.submit("sleep_ms", "[60000]")
        self.until(lambda: self.results.ask(f"FQ1 get {task}").words[1] == "running", "it runs")
        return task

    def refused(self, code, header, payload=b"[5, 3]", to=None, subject="-"):
        """What is refused with `code`. Its text."""
        reply = (to or self.tasks).ask(header, payload)
        self.expect(reply, "error", subject, code)
        return reply.payload.decode()


class Verbs(Client):
    def test_submit_then_wait(self):
        task = self.submit()
        reply = self.end_of(task)
        self.assertEqual((reply.words[1], reply.value()), ("success", 8))
        for key in ("attempt", "submitted_us", "started_us", "finished_us"):
            self.assertRegex(reply.fields.get(key, ""), r"^\d+$", reply)
        self.assertLessEqual(int(reply.fields["submitted_us"]), int(reply.fields["finished_us"]))
        self.assertLess(abs(int(reply.fields["finished_us"]) / 1e6 - time.time()), 60)
        self.assertEqual(reply.fields["worker"], "control-plane.local")

    def test_call_is_answered_at_the_end_with_meta_only_where_it_is_asked_for(self):
        task = new_id()
        reply = self.expect(self.tasks.ask(f"FQ1 call {task} add", '{"x": 5, "y": 3}'), "result", task, "success", attempt=None)
        self.assertEqual(reply.value(), 8)
        self.expect(self.tasks.ask(f"FQ1 call {new_id()} add meta=1", "[5, 3]"), "result", attempt="1")

    def test_call_of_a_known_id_waits_for_that_task_or_gets_its_result(self):
        task = self.submit("sleep_ms", "[300]")
        for _ in range(2):
            reply = self.expect(self.tasks.ask(f"FQ1 call {task} sleep_ms", "[300]"), "result", task, "success")
            self.assertGreaterEqual(reply.value(), 300)
        self.results.ask(f"FQ1 forget {task}")
        self.refused("result_gone", f"FQ1 call {task} sleep_ms", "[300]", subject=task)

    def test_a_failure_says_what_the_task_said(self):
        reply = self.expect(self.tasks.ask(f"FQ1 call {new_id()} fail", '["it rained"]'), "result", code="handler_error")
        self.assertEqual((reply.words[1], reply.payload), ("failure", b"it rained"))

    def test_arguments_that_do_not_fit(self):
        for arguments in ("[5]", "[1, 2, 3]", '["a", "b"]', '{"x": 1}', "[", "7", "null", "[" * 100_000):
            with self.subTest(arguments=arguments[:20]):
                reply = self.tasks.ask(f"FQ1 call {new_id()} add retries=3 meta=1", arguments)
                self.expect(reply, "result", code="bad_arguments", attempt="1")
                self.assertEqual(reply.words[1], "failure")

    def test_get_is_answered_at_once(self):
        task = self.begin_long()
        self.expect(self.results.ask(f"FQ1 get {task}", patience=2), "result", task, "running")
        waiting = self.submit()
        self.expect(self.results.ask(f"FQ1 get {waiting}", patience=2), "result", waiting, "queued")
        self.results.ask(f"FQ1 cancel {task}")
        self.assertEqual(self.end_of(waiting).value(), 8)
        self.expect(self.results.ask(f"FQ1 get {waiting}"), "result", waiting, "success")

    def test_wait_gives_up_when_its_time_is_over(self):
        task = self.begin_long()
        begin = time.monotonic()
        self.expect(self.results.ask(f"FQ1 wait {task} timeout_ms=300"), "result", task, "running")
        self.assertGreaterEqual(time.monotonic() - begin, 0.28)
        self.assertLess(time.monotonic() - begin, 5)

    def test_unknown_ids(self):
        for verb in ("get", "wait", "cancel", "forget"):
            with self.subTest(verb=verb):
                task = new_id()
                self.refused("unknown_task", f"FQ1 {verb} {task}", b"", self.results, subject=task)

    def test_cancel_what_waits_what_runs_and_what_has_ended(self):
        runs = self.begin_long()
        waits = self.submit()
        self.expect(self.results.ask(f"FQ1 cancel {waits}"), "cancelled", waits, "cancelled")
        self.assertEqual(self.end_of(waits).words[1], "cancelled")
        self.expect(self.tasks.ask(f"FQ1 cancel {runs}"), "cancelled", runs, "running")  # the task ports know it as well
        self.assertIn(self.end_of(runs).words[1], ("cancelled", "success"))
        reply = self.results.ask(f"FQ1 cancel {waits}")
        self.expect(reply, "error", waits, "already_finished", state="cancelled")

    def test_a_cancel_cannot_overtake_its_submit(self):
        self.begin_long()
        for _ in range(50):
            task = new_id()
            self.tasks.send((f"FQ1 submit {task} add", "[5, 3]"))
            self.tasks.send((f"FQ1 cancel {task}", ""))
            self.expect(self.tasks.reply(), "accepted", task)
            self.expect(self.tasks.reply(), "cancelled", task, "cancelled")

    def test_forget_drops_the_result_and_keeps_the_id_used(self):
        task = self.begin_long()
        self.refused("not_finished", f"FQ1 forget {task}", b"", self.results, subject=task)
        self.results.ask(f"FQ1 cancel {task}")
        self.end_of(task)
        self.expect(self.results.ask(f"FQ1 forget {task}"), "forgotten", task)
        self.refused("unknown_task", f"FQ1 get {task}", b"", self.results, subject=task)
        self.refused("id_conflict", f"FQ1 submit {task} add", "[1, 1]", subject=task)

    def test_an_id_sent_again_is_the_same_task(self):
        task = self.submit()
        before = self.document(self.at, "stats")["submitted"]
        for _ in range(3):
            self.expect(self.tasks.ask(f"FQ1 submit {task} add priority=low retries=2", "[5, 3]"), "accepted", task)
        self.expect(self.tasks.ask(f"FQ1 submit {task.upper()} add", "[5, 3]"), "accepted", task)
        self.assertEqual(self.end_of(task).value(), 8)
        self.expect(self.tasks.ask(f"FQ1 submit {task} add", "[5, 3]"), "accepted", task, "success")
        self.assertEqual(self.document(self.at, "stats")["submitted"], before)

    def test_an_id_for_another_task_is_a_conflict(self):
        task = self.submit()
        for name, arguments, options in (("add", "[5,3]", ""), ("multiply", "[5, 3]", ""), ("add", "[5, 3]", " content=other")):
            for verb in ("submit", "call"):
                with self.subTest(name=name, arguments=arguments, verb=verb):
                    self.refused("id_conflict", f"FQ1 {verb} {task} {name}{options}", arguments, subject=task)

    def test_reply_both(self):
        task = new_id()
        self.tasks.send((f"FQ1 submit {task} sleep_ms reply=both ref=r1", "[200]"))
        self.expect(self.tasks.reply(), "accepted", task, ref="r1")
        self.expect(self.tasks.reply(), "result", task, "success", ref="r1")

    def test_scheduled_and_expired(self):
        later = self.submit(options="countdown_ms=300")
        self.expect(self.results.ask(f"FQ1 get {later}"), "result", later, "scheduled")
        reply = self.end_of(later)
        self.assertGreaterEqual(int(reply.fields["started_us"]) - int(reply.fields["submitted_us"]), 290_000)
        self.begin_long()
        self.assertEqual(self.end_of(self.submit(options="expires_ms=100")).words[1], "expired")
        self.assertEqual(self.end_of(self.submit(options="expires_us=1")).words[1], "expired")

    def test_retries(self):
        begin = time.monotonic()
        reply = self.tasks.ask(f"FQ1 call {new_id()} fail retries=2 retry_delay_ms=100 retry_backoff=2 retry_jitter=0 meta=1", '["no"]')
        self.expect(reply, "result", attempt="3", code="handler_error")
        self.assertGreaterEqual(time.monotonic() - begin, 0.29)

    def test_a_time_limit_ends_the_attempt(self):
        reply = self.tasks.ask(f"FQ1 call {new_id()} sleep_ms timeout_ms=200", "[60000]", patience=10)
        self.expect(reply, "result", code="timeout")
        self.assertEqual(reply.words[1], "failure")

    def test_priority_is_the_ports_or_the_options(self):
        self.begin_long()
        for level, port in self.at.tasks.items():
            self.expect(self.peer(port).ask(f"FQ1 submit {new_id()} add", "[1, 2]"), "accepted")
        self.submit(options="priority=critical")
        queues = self.document(self.at, "queues")
        self.assertEqual({level: queues[level]["waiting"] for level in peers.PRIORITIES}, {"critical": 2, "high": 1, "normal": 1, "low": 1})

    def test_unique_tasks(self):
        living = self.submit("sleep_ms", "[60000]", "unique=one")
        self.until(lambda: self.results.ask(f"FQ1 get {living}").words[1] == "running", "it runs")
        for options in ("", " on_duplicate=reject", " on_duplicate=replace"):
            task = new_id()
            text = self.refused("duplicate", f"FQ1 submit {task} sleep_ms unique=one{options}", "[1]", subject=task)
            self.assertEqual(text, living)
        task = new_id()
        self.expect(self.tasks.ask(f"FQ1 submit {task} sleep_ms unique=one on_duplicate=attach", "[1]"), "accepted", task, "running", attached=living)
        task = new_id()
        self.tasks.send((f"FQ1 call {task} sleep_ms unique=one on_duplicate=attach", "[1]"))
        self.expect(self.results.ask(f"FQ1 cancel {living}"), "cancelled", living, "running")
        self.assertEqual(self.expect(self.tasks.reply(), "result", task, "success", attached=living).fields["attached"], living)
        self.submit("sleep_ms", "[1]", "unique=one")

    def test_tags_find_tasks_and_cancel_them(self):
        management = self.peer(self.at.management)
        task = self.submit("add", options="countdown_ms=60000 tag.customer=42 tag.urgent=1")
        other = self.submit("add", options="countdown_ms=60000 tag.customer=43")
        rows = management.ask("FQ1 tasks tag.customer=42").value()
        self.assertEqual([(row["id"], row["tags"]) for row in rows], [(task, {"customer": "42", "urgent": "1"})])
        self.assertEqual(management.ask("FQ1 cancel tag.customer=42").value(), {"cancelled": 1, "asked_to_stop": 0})
        self.expect(self.results.ask(f"FQ1 get {task}"), "result", task, "cancelled")
        self.expect(self.results.ask(f"FQ1 get {other}"), "result", other, "scheduled")
        self.refused("bad_request", "FQ1 cancel", b"", management)
        for options in ("tag.=1", "tag.a=", "tag.a+b=1", " ".join(f"tag.k{i}=1" for i in range(9))):
            with self.subTest(options=options):
                task = new_id()
                self.refused("bad_request", f"FQ1 submit {task} add {options}", subject=task)

    def test_watch_a_task(self):
        task = self.begin_long()
        self.results.send((f"FQ1 watch {task} ref=w", ""))
        self.expect(self.results.reply(), "result", task, "running", ref="w")
        self.peer(self.at.results).ask(f"FQ1 cancel {task}")
        reply = self.results.reply()
        self.assertIn(reply.words[1], ("cancelled", "success"))
        self.assertEqual(reply.fields["ref"], "w")
        self.expect(self.results.ask(f"FQ1 watch {task}"), "result", task, reply.words[1])

    def test_a_callback_is_sent_to_a_pull_socket(self):
        pull = self.socket(zmq.PULL)
        port = pull.bind_to_random_port("tcp://127.0.0.1")
        task = self.submit(options=f"callback=tcp://127.0.0.1:{port} callback_data=aGk")
        reply = peers.Peer(pull).reply(patience=10)
        self.expect(reply, "result", task, "success", callback_data="aGk")
        self.assertEqual(reply.value(), 8)


class Refusals(Client):
    def test_unknown_task_names_with_the_nearest(self):
        worker = self.worker("w", self.control_plane)  # from now on it is known who can do what
        self.control_plane2, at = self.here("--unknown-tasks", "refuse")
        tasks = self.peer(at.normal)
        text = self.refused("unknown_task_name", "FQ1 submit {0} ad".format(task := new_id()), to=tasks, subject=task)
        self.assertIn("add", text)
        text = self.refused("unknown_task_name", "FQ1 call {0} multipli".format(task := new_id()), to=tasks, subject=task)
        self.assertIn("multiply", text)
        self.assertIsNone(worker.process.poll())

    def test_headers_that_cannot_be_read(self):
        task = new_id()
        for header in ("", "hello", "FQ1", "FQ1 ", "FQ1  submit", f"FQ1 submit {task} add priority=low priority=low", f"FQ1 submit {task}\tadd",
                       f"FQ1 submit {task} add ", b"FQ1 submit \xff\xfe add", f"FQ1 submit {task} add\n", "FQ1 submit", f"FQ1 submit {task}",
                       f"FQ1 submit {task} add surplus", "FQ1 submit not-a-uuid add", f"FQ1 submit {task} a/b", f"FQ1 submit {task} " + "a" * 256):
            with self.subTest(header=header):
                self.assertIn(self.tasks.ask(header, "[1, 2]").words[1], ("bad_request",))

    def test_values_that_cannot_be_read(self):
        for option in ("priority=urgent", "retries=-1", "retries=1001", "retries=x", "countdown_ms=1.5", "countdown_ms=-1", "timeout_ms=9007199254740993",
                       "eta_us=9223372036854775808", "countdown_ms=1 eta_us=1", "delivery=twice", "retry_jitter=2", "retry_jitter=nan", "meta=2", "reply=never",
                       "expires_ms=", "on_duplicate=what"):
            with self.subTest(option=option):
                reply = self.tasks.ask(f"FQ1 submit {new_id()} add {option}", "[1, 2]")
                self.expect(reply, "error")
                self.assertEqual(reply.words[1], "bad_request", reply)

    def test_an_unknown_key_is_ignored(self):
        reply = self.tasks.ask(f"FQ1 call {new_id()} add colour=blue x-9=", "[5, 3]")
        self.expect(reply, "result")

    def test_another_version(self):
        self.refused("unsupported_version", f"FQ2 submit {new_id()} add")

    def test_too_large(self):
        self.refused("too_large", f"FQ1 submit {new_id()} add x=" + "y" * 4096)
        task = new_id()
        self.refused("too_large", f"FQ1 submit {task} add", b"[" + b" " * LIMIT, subject=task)
        reply = self.tasks.ask(f"FQ1 call {new_id()} greet", json.dumps(["n" * (LIMIT - 100)]))
        self.expect(reply, "result")
        self.assertGreater(len(reply.payload) + 200, LIMIT)

    def test_each_verb_on_a_port_that_does_not_take_it(self):
        elsewhere = {
            "tasks": (self.at.normal, ("register w", "heartbeat w", "unregister w", "workers", "queues", "stats", "tasks", "health", "discover")),
            "results": (self.at.results, (f"submit {new_id()} add", f"call {new_id()} add", "register w", "workers", "discover")),
            "management": (self.at.management, (f"submit {new_id()} add", f"get {new_id()}", "discover")),
            "discovery": (self.control_plane.discovery, (f"submit {new_id()} add", f"get {new_id()}", "register w", "workers")),
        }
        for where, (port, headers) in elsewhere.items():
            for header in headers:
                with self.subTest(port=where, header=header):
                    self.refused("wrong_port", f"FQ1 {header}", to=self.peer(port))

    def test_verbs_of_a_worker_are_no_verbs_of_a_task_port(self):
        lease = f"{new_id()} 1"
        for header in (f"run {lease} add", f"recall {lease}", "hello x"):
            with self.subTest(header=header):
                self.refused("wrong_port", f"FQ1 {header}")

    def test_unknown_verbs(self):
        for port in (self.at.normal, self.at.results, self.at.management, self.control_plane.discovery):
            with self.subTest(port=port):
                self.refused("unknown_verb", "FQ1 frobnicate", to=self.peer(port))


class Messages(Client):
    def test_n_pairs_get_n_replies_in_their_order(self):
        ids = [new_id() for _ in range(300)]
        self.tasks.send(*((f"FQ1 submit {task} add ref={i}", f"[{i}, 1]") for i, task in enumerate(ids)))
        replies = self.tasks.replies()
        self.assertEqual([(r.verb, r.words[0], r.fields["ref"]) for r in replies], [("accepted", task, str(i)) for i, task in enumerate(ids)])
        self.assertEqual([self.end_of(task).value() for task in ids], [i + 1 for i in range(300)])

    def test_different_verbs_in_one_message(self):
        task, other = new_id(), new_id()
        self.tasks.send((f"FQ1 submit {task} add ref=a", "[5, 3]"), (f"FQ1 get {other} ref=b", ""), ("FQ1 nonsense ref=c", ""), (f"FQ1 get {task} ref=d", ""))
        replies = self.tasks.replies()
        self.assertEqual([(r.verb, r.fields["ref"]) for r in replies], [("accepted", "a"), ("error", "b"), ("error", "c"), ("result", "d")])

    def test_calls_of_one_message_are_answered_each_when_it_is_due(self):
        self.worker("w", self.control_plane, "--concurrency", "2")
        self.tasks.send((f"FQ1 call {new_id()} sleep_ms ref=slow", "[900]"), (f"FQ1 call {new_id()} sleep_ms ref=fast", "[50]"))
        self.assertEqual([self.tasks.reply().fields["ref"] for _ in range(2)], ["fast", "slow"])

    def test_the_submits_of_one_message_are_all_taken_or_none(self):
        taken = self.submit()
        self.end_of(taken)
        culprits = {"id_conflict": f"FQ1 submit {taken} multiply", "bad_request": f"FQ1 submit {new_id()} add retries=x"}
        for code, header in culprits.items():
            for at in range(3):
                with self.subTest(code=code, at=at):
                    good = [new_id() for _ in range(2)]
                    pairs = [(f"FQ1 submit {task} add", "[5, 3]") for task in good]
                    pairs.insert(at, (header, "[5, 3]"))
                    self.tasks.send(*pairs)
                    expected = ["batch_refused"] * 2
                    expected.insert(at, code)
                    self.assertEqual([r.words[1] for r in self.tasks.replies()], expected)
                    for task in good:
                        self.refused("unknown_task", f"FQ1 get {task}", b"", self.results, subject=task)

    def test_an_unreadable_pair_refuses_the_submits_too(self):
        task = new_id()
        self.tasks.send((f"FQ1 submit {task} add", "[5, 3]"), ("what is this", ""))
        self.assertEqual([r.words[1] for r in self.tasks.replies()], ["batch_refused", "bad_request"])
        self.refused("unknown_task", f"FQ1 get {task}", b"", self.results, subject=task)

    def test_a_call_stands_for_itself(self):
        task, refused = new_id(), new_id()
        self.tasks.send((f"FQ1 submit {refused} add", "[1, 1]"), (f"FQ1 call {task} add", "[5, 3]"), (f"FQ1 submit {new_id()} add retries=x", "[1, 1]"))
        replies = self.tasks.replies()
        while len(replies) < 3:
            replies += self.tasks.replies()
        self.assertEqual({r.words[0] if r.verb == "result" else r.words[1] for r in replies}, {task, "batch_refused", "bad_request"})

    def test_the_same_pair_twice_is_one_task(self):
        task = new_id()
        before = self.document(self.at, "stats")["submitted"]
        self.tasks.send(*[(f"FQ1 submit {task} add", "[5, 3]")] * 2)
        self.assertEqual([(r.verb, r.words[0]) for r in self.tasks.replies()], [("accepted", task)] * 2)
        self.end_of(task)
        self.assertEqual(self.document(self.at, "stats")["submitted"], before + 1)
        clash = new_id()
        self.tasks.send((f"FQ1 submit {clash} add", "[5, 3]"), (f"FQ1 submit {clash} add", "[5, 4]"))
        self.assertEqual({r.words[1] for r in self.tasks.replies()}, {"id_conflict", "batch_refused"})

    def test_ref_is_borne_by_every_reply(self):
        long = "r" * 64
        task = new_id()
        for header in (f"submit {task} add", f"call {task} add", f"get {task}", f"wait {task}", f"cancel {task}", f"forget {task}", "nonsense", "discover", f"call {new_id()} add retries=x"):
            with self.subTest(header=header):
                self.assertEqual(self.tasks.ask(f"FQ1 {header} ref={long}", "[5, 3]").fields.get("ref"), long)
        for header in ("workers", "stats", "queues", "tasks", "health"):
            with self.subTest(header=header):
                self.expect(self.peer(self.at.management).ask(f"FQ1 {header} ref=7"), header, ref="7")
        self.assertEqual(self.tasks.ask(f"FQ1 submit {new_id()} add ref={long}s", "[5, 3]").words[1], "bad_request")

    def test_a_packed_request_is_answered_packed(self):
        ids = [new_id() for _ in range(100)]
        self.tasks.send_frames(pack([(f"FQ1 submit {task} add", "[5, 3]") for task in ids]))
        (frame,) = self.tasks.frames()
        self.assertEqual([h.split()[1:3] for h, _ in unpack(frame)], [[b"accepted", task.encode()] for task in ids])
        self.tasks.send_frames(pack([(f"FQ1 call {new_id()} add", "[5, 3]")]))
        ((header, payload),) = unpack(self.tasks.frames()[0])
        self.assertEqual((header.split()[1], json.loads(payload)), (b"result", 8))
        self.assertEqual(self.end_of(ids[0]).value(), 8, "and what is not packed is answered in frames")

    def test_a_pack_that_does_not_add_up(self):
        good = pack([(f"FQ1 submit {new_id()} add", "[5, 3]")])
        inner = pack([(good, "")])
        for frame in (good[:-1], good + b"x", b"FQ1 pack 2\n" + good.split(b"\n", 1)[1], b"FQ1 pack 0\n", b"FQ1 pack 65537\n", b"FQ1 pack x\n", b"FQ1 pack 1",
                      b"FQ1 pack 1\n\xff\xff\xff\xff", inner):
            with self.subTest(frame=frame[:30]):
                self.tasks.send_frames(frame)
                frames = self.tasks.frames()
                pairs = unpack(frames[0]) if len(frames) == 1 else list(zip(frames[::2], frames[1::2]))
                self.assertEqual(len(pairs), 1)
                self.assertTrue(pairs[0][0].startswith(b"FQ1 error - bad_request"), pairs)

    def test_an_odd_number_of_frames(self):
        for frames in ([b"FQ1 health"], [f"FQ1 submit {new_id()} add", b"", b"FQ1 get"], [b"x"], [b"x", b"", b"y"]):
            with self.subTest(frames=frames):
                self.tasks.send_frames(*frames)
                self.expect(self.tasks.reply(), "error", "-", "bad_request")

    def test_a_probe_is_ignored(self):
        probing = self.peer(self.at.normal, PROBE_ROUTER=1)
        probing.socket.send(b"")
        self.expect(probing.ask(f"FQ1 call {new_id()} add", "[5, 3]"), "result")
        self.assertTrue(probing.is_silent())

    def test_the_envelope_is_mirrored(self):
        for envelope in ([b""], [b"corr", b""], [b"", b""], [b"a" * 64, b"\x00\x01\x02\x03\x04", b""], [b"%d" % i for i in range(7)] + [b""]):
            with self.subTest(envelope=envelope):
                task = new_id()
                self.tasks.send((f"FQ1 submit {task} add", "[5, 3]"), envelope=envelope)
                self.expect(self.tasks.replies(envelope=envelope)[0], "accepted", task)
                self.tasks.send((f"FQ1 call {new_id()} sleep_ms", "[50]"), envelope=envelope)
                self.expect(self.tasks.replies(envelope=envelope)[0], "result")
                self.tasks.send_frames(*envelope, pack([(f"FQ1 get {task}", "")]))
                frames = self.tasks.frames()
                self.assertEqual(frames[:-1], envelope)
                self.assertTrue(unpack(frames[-1])[0][0].startswith(b"FQ1 result"))
        nine = [b"%d" % i for i in range(8)] + [b""]
        self.tasks.send((f"FQ1 submit {new_id()} add", "[5, 3]"), envelope=nine)
        self.assertIn(b"FQ1 error - bad_request", b"|".join(self.tasks.frames()))


class Req(Client):
    def setUp(self):
        super().setUp()
        self.req = self.peer(self.at.normal, zmq.REQ)

    def test_every_verb_through_req(self):
        task = new_id()
        self.expect(self.req.ask(f"FQ1 submit {task} add", "[5, 3]"), "accepted", task)
        self.expect(self.req.ask(f"FQ1 wait {task}"), "result", task, "success")
        self.expect(self.req.ask(f"FQ1 get {task}"), "result", task, "success")
        self.assertEqual(self.req.ask(f"FQ1 call {new_id()} add", "[5, 3]").value(), 8)
        self.expect(self.req.ask(f"FQ1 cancel {task}"), "error", task, "already_finished")
        self.expect(self.req.ask(f"FQ1 forget {task}"), "forgotten", task)

    def test_several_submits_in_a_message(self):
        self.req.send(*((f"FQ1 submit {new_id()} add", "[5, 3]") for _ in range(10)))
        self.assertEqual([r.verb for r in self.req.replies()], ["accepted"] * 10)

    def test_the_packed_form(self):
        self.req.send_frames(pack([(f"FQ1 call {new_id()} add", "[5, 3]")]))
        ((header, payload),) = unpack(self.req.frames()[0])
        self.assertEqual((header.split()[1], payload), (b"result", b"8"))

    def test_what_needs_dealer_is_refused(self):
        task = new_id()
        self.req.send((f"FQ1 call {task} add", "[5, 3]"), (f"FQ1 call {new_id()} add", "[5, 3]"))
        self.assertEqual([r.words[1] for r in self.req.replies()], ["bad_request"] * 2)
        self.refused("unknown_task", f"FQ1 get {task}", b"", self.results, subject=task)
        self.assertEqual(self.req.ask(f"FQ1 submit {new_id()} add reply=both", "[5, 3]").words[1], "bad_request")
        discovery = self.peer(self.control_plane.discovery, zmq.REQ)
        self.expect(discovery.ask("FQ1 watch"), "error", "-", "bad_request")
        self.expect(discovery.ask("FQ1 discover"), "nodes")
        self.expect(self.peer(self.at.results, zmq.REQ).ask(f"FQ1 watch {new_id()}"), "error")

    def test_correlate_and_relaxed(self):
        req = self.peer(self.at.normal, zmq.REQ, REQ_CORRELATE=1, REQ_RELAXED=1)
        req.send((f"FQ1 call {new_id()} sleep_ms", "[400]"))
        self.assertTrue(req.is_silent(0.1))
        task = new_id()
        req.send((f"FQ1 call {task} add", "[5, 3]"))  # its answer alone is taken, though the other comes first
        self.expect(req.reply(), "result", task, "success")

    def test_a_new_socket_asks_again_with_the_same_id(self):
        task = new_id()
        req = self.peer(self.at.normal, zmq.REQ)
        req.send((f"FQ1 call {task} sleep_ms", "[600]"))
        self.assertTrue(req.is_silent(0.2))
        req.socket.close(0)
        again = self.peer(self.at.normal, zmq.REQ)
        self.expect(again.ask(f"FQ1 call {task} sleep_ms", "[600]"), "result", task, "success")
        self.expect(self.results.ask(f"FQ1 get {task}"), "result", attempt="1")

    def proxied(self, port):
        """The address of a zmq.proxy in front of a port."""
        context = zmq.Context()
        front, back = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
        back.connect(f"tcp://127.0.0.1:{port}")
        address = front.bind_to_random_port("tcp://127.0.0.1")

        def run():
            try:
                zmq.proxy(front, back)
            except zmq.ContextTerminated:
                pass
            finally:
                front.close(0)
                back.close(0)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        self.addCleanup(thread.join, 10)
        self.addCleanup(context.term)
        return address

    def test_behind_proxies_everybody_gets_his_own_answer(self):
        port = self.proxied(self.proxied(self.at.normal))
        clients = [self.peer(port, zmq.REQ if i % 2 else zmq.DEALER) for i in range(10)]
        for turn in range(3):
            for i, client in enumerate(clients):
                delimiter = [b""] if client.socket.type == zmq.DEALER else []
                client.send((f"FQ1 call {new_id()} add ref={i}", f"[{i}, {turn}]"), envelope=delimiter)
            for i, client in enumerate(clients):
                delimiter = [b""] if client.socket.type == zmq.DEALER else []
                (reply,) = client.replies(envelope=delimiter)
                self.assertEqual((reply.fields["ref"], reply.value()), (str(i), i + turn))


class Discovery(Client):
    def nodes(self, reply):
        self.expect(reply, "nodes")
        return reply.value()

    def test_discover(self):
        node = self.nodes(self.peer(self.control_plane.discovery).ask("FQ1 discover"))[0]
        self.assertEqual((node["id"], node["role"], node["base"]), ("control-plane", "control-plane", self.control_plane.base))
        self.assertEqual(node["management"], f"tcp://127.0.0.1:{self.control_plane.management}")
        uuid.UUID(node["epoch"])
        self.assertEqual(node["limits"]["max_header"], 4096)
        for limit in ("max_payload", "max_message", "max_pairs"):
            self.assertGreater(node["limits"][limit], 0)

    def test_a_watcher_is_told_of_each_change(self):
        watcher = self.peer(self.control_plane.discovery)
        watcher.send(("FQ1 watch", ""))
        ids = lambda: {n["id"]: n.get("state") for n in self.nodes(watcher.reply())}
        self.assertNotIn("w", ids())
        worker = self.worker("w", self.control_plane)
        self.until(lambda: ids().get("w") == "active", "it is told that the worker joined")
        worker.kill()
        self.until(lambda: "w" not in ids(), "it is told that the worker was lost")


class Documents(Client):
    def test_workers(self):
        self.worker("w", self.control_plane, "--concurrency", "3")
        row = self.worker_row(self.at, "w")
        self.assertEqual((row["state"], row["local"], row["concurrency"], row["running"]), ("active", False, 3, 0))
        self.assertIn("add", row["tasks"])
        self.assertGreater(row["pid"], 0)
        text = json.dumps(self.document(self.at, "workers"))
        self.assertNotIn("incarnation", text)

    def test_names_and_stats(self):
        self.assertEqual(self.tasks.ask(f"FQ1 call {new_id()} add", "[5, 3]").value(), 8)
        self.tasks.ask(f"FQ1 call {new_id()} fail", '["x"]')
        names = {row["name"]: row for row in self.document(self.at, "names")}
        self.assertEqual((names["add"]["succeeded"], names["fail"]["failed"]), (1, 1))
        stats = self.document(self.at, "stats")
        self.assertEqual((stats["submitted"], stats["succeeded"], stats["failed"], stats["waiting"]), (2, 1, 1, 0))

    def test_health_and_queues(self):
        self.assertEqual(self.document(self.at, "health")["status"], "ok")
        self.assertEqual(set(self.document(self.at, "queues")), set(peers.PRIORITIES))

    def test_verbs_that_show_or_change_the_whole(self):
        task = self.submit()
        self.end_of(task)
        for verb in (f"inspect {task}", f"why {task}", "dead", "pause", "resume", f"rerun {task}", "purge", "drain nobody"):
            with self.subTest(verb=verb):
                reply = self.peer(self.at.management).ask(f"FQ1 {verb}")
                self.assertNotIn(reply.words[1:2], (["unknown_verb"], ["wrong_port"]), reply)

    def test_events_are_streamed(self):
        watcher = self.peer(self.at.management)
        reply = watcher.ask("FQ1 watch events")
        self.assertNotEqual(reply.verb, "error", reply)


class WrongPorts(Client):
    def test_a_task_is_not_watched_where_nodes_and_events_are(self):
        task = self.submit()
        for port in (self.control_plane.discovery, self.at.management):
            self.refused("bad_request", f"FQ1 watch {task}", b"", self.peer(port))


if __name__ == "__main__":
    support.main()
