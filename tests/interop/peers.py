"""What the interop tests share: ZeroMQ peers that speak FQ1 without FastQueue's own code, every wait of theirs with an end."""

import json
import pathlib
import struct
import sys
import threading
import time
import uuid

import zmq

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import support  # noqa: E402  (the path is made just above)

PATIENCE = support.PATIENCE
PRIORITIES = support.PRIORITIES
LONGEST = 10  # seconds: what a well-behaved client waits for a call that takes none


def new_id():
    return str(uuid.uuid4())


class Reply:
    """One pair, taken apart."""

    def __init__(self, header, payload):
        self.header, self.payload = header.decode("ascii"), payload
        magic, self.verb, *rest = self.header.split(" ")
        assert magic == "FQ1", self.header
        self.words = [token for token in rest if "=" not in token]
        self.fields = dict(token.split("=", 1) for token in rest if "=" in token)

    def value(self):
        return json.loads(self.payload)

    def __repr__(self):
        return f"<{self.header} | {self.payload[:200]!r}>"


def octets(text):
    return text if isinstance(text, bytes) else text.encode()


def pack(pairs):
    blocks = [octets(half) for pair in pairs for half in pair]
    return b"FQ1 pack %d\n" % len(pairs) + b"".join(struct.pack(">I", len(b)) + b for b in blocks)


def unpack(frame):
    line, rest = frame.split(b"\n", 1)
    blocks = []
    while rest:
        (size,) = struct.unpack(">I", rest[:4])
        blocks.append(rest[4:4 + size])
        assert len(blocks[-1]) == size, "the pack is cut off"
        rest = rest[4 + size:]
    pairs = list(zip(blocks[::2], blocks[1::2]))
    assert line == b"FQ1 pack %d" % len(pairs), line
    return pairs


class Peer:
    """A socket that asks."""

    def __init__(self, socket):
        self.socket = socket

    def send(self, *pairs, envelope=()):
        self.socket.send_multipart([*envelope, *(octets(half) for pair in pairs for half in pair)])

    def send_frames(self, *frames):
        self.socket.send_multipart([octets(f) for f in frames])

    def frames(self, patience=PATIENCE):
        if not self.socket.poll(patience * 1000):
            raise AssertionError(f"no answer within {patience} s")
        return self.socket.recv_multipart()

    def replies(self, patience=PATIENCE, envelope=()):
        """The pairs of the next message."""
        frames = self.frames(patience)
        assert frames[:len(envelope)] == list(envelope), frames
        frames = frames[len(envelope):]
        assert len(frames) % 2 == 0, frames
        return [Reply(*pair) for pair in zip(frames[::2], frames[1::2])]

    def reply(self, patience=PATIENCE):
        replies = self.replies(patience)
        assert len(replies) == 1, replies
        return replies[0]

    def ask(self, header, payload=b"", patience=PATIENCE):
        self.send((header, payload))
        return self.reply(patience)

    def is_silent(self, seconds=0.3):
        return not self.socket.poll(seconds * 1000)


class Ports:
    """Where a control plane listens, by what it is for."""

    def __init__(self, document):
        node = document[0]
        port = lambda address: int(address.rsplit(":", 1)[1])
        self.tasks = dict(zip(PRIORITIES, node["ports"] if node.get("ports") else range(port(node["base"]), port(node["base"]) + 4)))
        self.normal = self.tasks["normal"]
        self.management, self.results = port(node["management"]), port(node["results"])
        self.epoch, self.limits = node["epoch"], node["limits"]


class Case(support.Case):
    """A test with a ZeroMQ context of its own."""

    def setUp(self):
        super().setUp()
        self.context = zmq.Context()
        self.addCleanup(self.context.destroy, 0)

    def socket(self, kind):
        made = self.context.socket(kind)
        made.linger = 0
        self.addCleanup(made.close, 0)
        return made

    def peer(self, port, kind=zmq.DEALER, **options):
        made = self.socket(kind)
        for name, value in options.items():
            setattr(made, name, value)
        made.connect(port if isinstance(port, str) else f"tcp://127.0.0.1:{port}")
        return Peer(made)

    def ports(self, plane):
        return Ports(self.peer(plane.discovery).ask("FQ1 discover").value())

    def here(self, *options, **more):
        """A control plane, and where it listens."""
        plane = self.plane(*options, **more)
        return plane, self.ports(plane)

    def expect(self, reply, verb, *words, **fields):
        self.assertEqual((reply.verb, *reply.words[:len(words)]), (verb, *words), reply)
        for name, value in fields.items():
            self.assertEqual(reply.fields.get(name), value, reply)
        return reply

    def document(self, ports, verb):
        reply = self.peer(ports.management).ask(f"FQ1 {verb}")
        self.expect(reply, verb)
        return reply.value()

    def worker_row(self, ports, name):
        return next((row for row in self.document(ports, "workers") if row["id"] == name), {})

    def until_active(self, ports, name):
        self.until(lambda: self.worker_row(ports, name).get("state") == "active", f"{name} is active")


class Steady:
    """A well-behaved client that calls `add` without a pause, and notes how long the answers took."""

    def __init__(self, case, port):
        self.latencies, self.failure = [], None
        self._case, self._port, self._stop = case, port, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def _run(self):
        context = zmq.Context()
        client = context.socket(zmq.REQ)
        client.linger, client.rcvtimeo = 0, LONGEST * 1000
        client.connect(f"tcp://127.0.0.1:{self._port}")
        try:
            while not self._stop.is_set():
                begin = time.monotonic()
                client.send_multipart([b"FQ1 call %s add" % new_id().encode(), b"[5, 3]"])
                reply = Reply(*client.recv_multipart())
                assert reply.verb == "result" and reply.value() == 8, reply
                self.latencies.append(time.monotonic() - begin)
                self._stop.wait(0.01)
        except Exception as e:  # pylint: disable=broad-except  (told to the test, in its own thread)
            self.failure = f"after {len(self.latencies)} calls, {time.monotonic() - begin:.1f} s into the next: {e!r}"
        finally:
            context.destroy(0)

    def check(self, longest=5):
        """It has been answered until now, each time within `longest` seconds, and goes on to be."""
        before = len(self.latencies)
        self._case.until(lambda: self.failure or len(self.latencies) > before + 1, "the well-behaved client is answered or gives up")
        self._case.assertIsNone(self.failure)
        self._case.assertLess(max(self.latencies), longest)

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(PATIENCE + 5)
