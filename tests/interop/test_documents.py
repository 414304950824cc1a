"""docs/protocol.md against a control plane: the documents have the members of its examples, and its Python programs run."""

import json
import pathlib
import re
import subprocess
import sys

import zmq

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "cli"))

import support  # noqa: E402

PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
DOCUMENTS = ("nodes", "workers", "queues", "names", "tasks", "inspect", "why", "drain", "pause", "schedules", "event", "dead", "rerun", "purge", "cancel", "stats", "health")
ALONE = ("nodes", "workers", "queues", "names", "stats", "health")


def fenced(language, text):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def example_of(document):
    """The JSON under the heading of a document."""
    section = re.search(rf"^### {document}\n(.*?)^##", PAGE, re.MULTILINE | re.DOTALL)
    blocks = fenced("json", section[1]) if section else []
    if len(blocks) != 1:
        raise AssertionError(f"docs/protocol.md has {len(blocks)} examples of {document}")
    return json.loads(blocks[0])


def shape_of(value):
    """The names of all members and the kinds of their values; of an array, the shapes that stand in it."""
    if isinstance(value, dict):
        return tuple((key, shape_of(value[key])) for key in sorted(value))
    if isinstance(value, list):
        return "array", frozenset(map(shape_of, value))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return "number"
    return type(value).__name__


class Documents(support.Case):
    def ask(self, address, verb, payload=b""):
        """Header and payload of the answer to a verb."""
        with zmq.Context.instance().socket(zmq.DEALER) as socket:
            socket.linger = 0
            socket.RCVTIMEO = support.PATIENCE * 1000
            socket.connect(address)
            socket.send_multipart([b"FQ1 " + verb.encode(), payload])
            header, payload = socket.recv_multipart()
        return header.decode(), json.loads(payload)

    def test_each_document_has_the_members_of_its_example(self):
        plane = self.plane()
        self.worker("sw1", plane)
        self.assertEqual(self.value(plane, "add", 5, 3), 8)
        management = f"tcp://127.0.0.1:{plane.management}"
        for document in ALONE:
            with self.subTest(document):
                asked = ("discover", plane.discovery) if document == "nodes" else (document, management)
                header, value = self.ask(asked[1], asked[0])
                self.assertEqual(header, f"FQ1 {document}")
                self.assertEqual(shape_of(value), shape_of(example_of(document)))

    def test_the_documents_of_a_task_and_of_a_worker_have_the_members_of_their_examples(self):
        plane = self.plane("--local", "off")
        lost = self.worker("sw2", plane)
        task = self.begin_task(plane, "sleep_ms", 30000, options=("--task-retries", "3", "--task-timeout", "60"))
        management = f"tcp://127.0.0.1:{plane.management}"
        self.until_running(plane, task)
        lost.kill()
        self.worker("sw1", plane)
        self.until(lambda: "it runs at sw1" in self.ask(management, f"why {task}")[1]["text"], "it runs at the other one")
        for verb, expected in (("tasks name=sleep_ms", "tasks"), (f"inspect {task}", f"inspect {task}"),
                               (f"why {task}", f"why {task}"), ("drain sw1", "drain sw1"),
                               ("pause name=add priority=low", "pause"), ("cancel name=add", "cancel")):
            with self.subTest(verb):
                header, value = self.ask(management, verb)
                self.assertEqual(header, f"FQ1 {expected}")
                self.assertEqual(shape_of(value), shape_of(example_of(verb.split()[0])))

    def test_the_documents_of_dead_letters_have_the_members_of_their_examples(self):
        plane = self.plane()
        self.worker("sw1", plane)
        self.submit(plane, "fail", "as you wished", expect=1)
        management = f"tcp://127.0.0.1:{plane.management}"
        header, letters = self.ask(management, "dead")
        self.assertEqual(header, "FQ1 dead")
        self.assertEqual(shape_of(letters), shape_of(example_of("dead")))
        task = letters[0]["id"]
        self.assertEqual(self.ask(management, f"dead {task}")[1]["history"][0]["text"], "as you wished")
        header, again = self.ask(management, f"rerun {task}")
        self.assertEqual(header, f"FQ1 rerun {task}")
        self.assertEqual(shape_of(again), shape_of(example_of("rerun")))
        self.until(lambda: self.ask(management, "dead")[1], "it has failed again")
        header, purged = self.ask(management, "purge")
        self.assertEqual((header, purged), ("FQ1 purge", example_of("purge")))

    def test_the_documents_of_schedules_have_the_members_of_their_example(self):
        plane = self.plane()
        management = f"tcp://127.0.0.1:{plane.management}"
        nightly, tidy = example_of("schedules")
        for verb in ("schedule nightly add cron=30_2_*_*_* zone=Europe/Berlin",
                     "schedule tidy add every_ms=60000 count=3 overlap=allow catch_up=none", "pause schedule=tidy",
                     "trigger tidy as=01a22938-a823-7649-b954-a2220acdd2fd", "schedules nightly"):
            with self.subTest(verb):
                header, value = self.ask(management, verb, b"[5, 3]" if verb.startswith("schedule ") else b"")
                name = "nightly" if "nightly" in verb else "tidy"
                self.assertEqual(header, f"FQ1 {verb.split()[0]} {name}")
                expected = dict(nightly if name == "nightly" else tidy)
                if not verb.startswith("trigger"):
                    expected.pop("run_id", None)
                self.assertEqual(shape_of(value), shape_of(expected))
        header, listed = self.ask(management, "schedules")
        self.assertEqual((header, shape_of(listed)), ("FQ1 schedules", shape_of([nightly, tidy])))
        self.assertEqual(self.ask(management, "schedules limit=1 after=nightly")[1], listed[1:])
        for example, sent in zip((nightly, tidy), listed):
            for key in ("name", "task", "cron", "zone", "every_ms", "paused", "overlap", "catch_up", "fired", "skipped", "count"):
                self.assertEqual(sent.get(key), example.get(key), key)
        self.assertEqual(len(listed[1]["next_us"]), 3, "a run beside its times is none of the three")
        self.assertEqual(self.ask(management, "unschedule tidy"), ("FQ1 unschedule tidy", listed[1]))
        self.assertEqual(self.ask(management, "schedules")[1], listed[:1])

    def test_an_event_has_the_members_of_its_example(self):
        plane = self.plane()
        self.worker("sw1", plane)
        with zmq.Context.instance().socket(zmq.DEALER) as socket:
            socket.linger = 0
            socket.RCVTIMEO = support.PATIENCE * 1000
            socket.connect(f"tcp://127.0.0.1:{plane.management}")
            socket.send_multipart([b"FQ1 watch events", b""])
            self.assertEqual(socket.recv_multipart()[0], b"FQ1 watch events")
            self.submit(plane, "fail", "as you wished", expect=1)
            frames = []
            while b"FQ1 event task.failed" not in frames:
                frames += socket.recv_multipart()
        document = json.loads(frames[frames.index(b"FQ1 event task.failed") + 1])
        self.assertEqual(shape_of(document), shape_of(example_of("event")))

    def test_a_shape_tells_what_differs(self):
        self.assertEqual(shape_of([{"a": 1}, {"a": 2}]), shape_of([{"a": 3}]))
        for other in ([{"a": "1"}], [{"a": 1, "b": 1}], [{}], [], [{"a": 1}, {"b": 1}], {"a": 1}, [{"a": True}]):
            self.assertNotEqual(shape_of([{"a": 1}]), shape_of(other), other)

    def test_the_page_lays_down_these_documents_and_no_others(self):
        headings = re.findall(r"^### (\w+)$", PAGE, re.MULTILINE)
        self.assertEqual(headings, list(DOCUMENTS))


class Programs(support.Case):
    """The client and the worker of the page, with a control plane's real ports in place of the usual ones."""

    def programs(self, plane, normal):
        client, worker = fenced("python", PAGE)
        self.assertIn(":5557", client)
        self.assertIn(":5560", worker)
        return client.replace(":5557", f":{normal}"), worker.replace(":5560", f":{plane.management}")

    def test_the_readme_shows_the_client_of_the_page(self):
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        self.assertEqual(fenced("python", readme), fenced("python", PAGE)[:1])

    def test_the_client_and_the_worker_of_the_page_work(self):
        base, management, discovery = support.free_ports()
        plane = self.plane(base=base, port=management, discovery=discovery, modules=())
        client, worker = self.programs(plane, int(base.rsplit(":", 1)[1]) + 2)
        self.start([sys.executable, "-c", worker])
        self.until(lambda: self.workers(plane).get("py1", {}).get("state") == "active", "py1 is active")
        ended = subprocess.run([sys.executable, "-c", client], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                               timeout=support.PATIENCE + 10, env=support.environment())
        self.assertEqual(ended.stdout, "success 8\n", ended.stderr)
        self.assertEqual(self.workers(plane)["py1"]["succeeded"], 1)


if __name__ == "__main__":
    support.main()
