"""The clients of a storm. Each knows its tasks' ids before it sends them, and asks again under the same id when a connection broke or an answer
did not come, as docs/protocol.md has it."""

import heapq
import itertools
import json
import pathlib
import random
import subprocess
import sys
import threading
import time
import traceback

import zmq
from zmq.utils.monitor import recv_monitor_message

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "interop"))
import peers  # noqa: E402  (the path is made just above)
import support  # noqa: E402

FINAL = ("success", "failure", "cancelled", "expired")
SILENCE = 10  # seconds without any answer after which a connection is given up
MOST = 500  # pairs in a message


class Pace:
    """Hands out a client's tasks in bursts, spread over the storm."""

    def __init__(self, tasks, seconds, rng):
        self._tasks, self._seconds, self._rng = tasks, seconds, rng
        self._given, self._begun = 0, time.monotonic()

    def next(self):
        """The next burst, if it is time."""
        if self._given < len(self._tasks) and time.monotonic() - self._begun < self._seconds * self._given / len(self._tasks):
            return []
        size = self._rng.randrange(1, 2000 if self._rng.random() < 0.1 else 300)
        burst = self._tasks[self._given:self._given + size]
        self._given += len(burst)
        return burst

    def is_over(self):
        return self._given == len(self._tasks)


class Link:
    """A DEALER that says when its connection broke, and is then replaced."""

    def __init__(self, address):
        self._context, self._address = zmq.Context(), address
        self._socket = self._monitor = None
        self.renew()

    def renew(self):
        self._drop()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.linger, self._socket.reconnect_ivl = 0, 50
        self._socket.sndhwm = self._socket.rcvhwm = 0
        self._monitor = self._socket.get_monitor_socket(zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL)
        self._socket.connect(self._address)

    def send(self, pairs):
        self._socket.send(peers.pack(pairs))

    def replies(self, patience):
        """The pairs that have come, and whether the connection broke."""
        zmq.zmq_poll([(self._socket, zmq.POLLIN), (self._monitor, zmq.POLLIN)], int(patience * 1000))
        found, broke = [], False
        while self._monitor.poll(0):
            recv_monitor_message(self._monitor)
            broke = True
        while self._socket.poll(0):
            frames = self._socket.recv_multipart()
            pairs = peers.unpack(frames[0]) if len(frames) == 1 else zip(frames[::2], frames[1::2])
            found += [peers.Reply(*pair) for pair in pairs]
        return found, broke

    def _drop(self):
        if self._socket is not None:
            self._socket.disable_monitor()
            self._socket.close(0)

    def close(self):
        self._drop()
        self._context.destroy(0)


class Client(threading.Thread):
    """Works off its tasks until all have ended, or it is told to stop."""

    def __init__(self, book, pace, tasks):
        super().__init__(daemon=True)
        self.book, self.pace, self.tasks = book, pace, tasks
        self.stopping = threading.Event()

    def run(self):
        try:
            self.work()
        except Exception:  # pylint: disable=broad-except  (told to the storm, in its own thread)
            self.book.wrong("broke", f"{self.name}: {traceback.format_exc()}")

    def is_done(self):
        return all(task.end is not None for task in self.tasks)


class Dealer(Client):
    """A ZeroMQ client. `calls`: one question a task, else `submit` in batches, then `wait`."""

    def __init__(self, book, pace, tasks, port, epoch, calls):
        super().__init__(book, pace, tasks)
        self._address, self._epoch, self._first = f"tcp://127.0.0.1:{port}", epoch, "call" if calls else "submit"
        self._refs, self._order = itertools.count(), itertools.count()
        self._later = []  # a heap of (when, order, verb, task)
        self._asked, self._heard, self._open = {}, time.monotonic(), len(tasks)

    def work(self):
        link = Link(self._address)
        try:
            while self._open and not self.stopping.is_set():
                for task in self.pace.next():
                    self._plan(self._first, task)
                self._send(link)
                replies, broke = link.replies(0.02)
                for reply in replies:
                    self._take(reply)
                if broke or (self._asked and time.monotonic() - self._heard > SILENCE):
                    self._again(link, "connections that broke" if broke else "answers given up")
        finally:
            link.close()

    def _plan(self, verb, task, delay=0.0):
        heapq.heappush(self._later, (time.monotonic() + delay, next(self._order), verb, task))

    def _send(self, link):
        now = time.monotonic()
        if not self._asked:
            self._heard = now
        pairs = []
        while self._later and self._later[0][0] <= now and len(pairs) < MOST:
            _, _, verb, task = heapq.heappop(self._later)
            ref = str(next(self._refs))
            self._asked[ref] = verb, task
            pairs.append(self._pair(verb, task, ref, now))
        if pairs:
            link.send(pairs)

    def _pair(self, verb, task, ref, now):
        if verb == "wait":
            return f"FQ1 wait {task.id} timeout_ms=5000 ref={ref}", b""
        header = f"FQ1 {verb} {task.id} chaos.note priority={task.priority} ref={ref}"
        if task.once:
            header += " delivery=at_most_once"
        if task.tries:
            header += f" resent={self._epoch}"
        if task.sent is None:
            task.sent = now
        task.tries += 1
        return header, f"[{task.ms}]"

    def _again(self, link, why):
        """A new connection, over which all that was not answered is asked again."""
        self.book.count(why)
        self.book.count("requests sent again", len(self._asked))
        link.renew()
        for verb, task in self._asked.values():
            self._plan(verb, task)
        self._asked.clear()
        self._heard = time.monotonic()

    def _take(self, reply):
        self._heard = time.monotonic()
        asked = self._asked.pop(reply.fields.get("ref"), None)
        if asked is None:
            return self.book.wrong("answered twice", repr(reply))
        verb, task = asked
        if reply.verb == "accepted":
            task.accepted = True
            self._plan("wait", task)
        elif reply.verb == "result" and reply.words[1] in FINAL:
            self._end(task, reply.words[1], reply.fields.get("code", ""), reply.payload.decode())
        elif reply.verb == "result":
            self._plan(verb, task)  # its time is over, and it has not ended
        else:
            self._refused(verb, task, reply)

    def _refused(self, verb, task, reply):
        code = reply.words[1]
        self.book.count(f"refused: {code}")
        if code in ("queue_full", "batch_refused", "unknown_task_name", "shutting_down"):
            self._plan(verb, task, int(reply.fields.get("retry_after_ms", 100)) / 1000)
        elif code == "outcome_unknown":
            self._end(task, "refused", code, "")
        else:
            self.book.wrong("lost" if code in ("unknown_task", "result_gone") else "broke", f"{task.id}: {verb} was answered with {reply}")
            self._open -= 1

    def _end(self, task, *end):
        self._open -= 1
        self.book.ended(task, *end)


class CommandLine(Client):
    """`fastqueue submit --from`, again and again. Sometimes it is killed; then the same lines are handed over once more."""

    def __init__(self, book, pace, tasks, discovery, folder, seed):
        super().__init__(book, pace, tasks)
        self._discovery, self._rng = discovery, random.Random(seed)
        self._file = pathlib.Path(folder, "lines.jsonl")

    def work(self):
        while not self.stopping.is_set() and not (self.pace.is_over() and self.is_done()):
            burst = self.pace.next()
            if not burst:
                self.stopping.wait(0.05)
            while burst and not self.stopping.is_set():
                self._submit(burst, self._rng.uniform(0.02, 1) if self._rng.random() < 0.3 else None)
                burst = [task for task in burst if task.end is None]

    def _submit(self, burst, patience):
        lines = ({"task": "chaos.note", "args": [task.ms], "id": task.id, "priority": task.priority} for task in burst)
        self._file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        for task in burst:
            task.sent, task.tries = task.sent or time.monotonic(), task.tries + 1
        process = subprocess.Popen([support.PROGRAM, "submit", "--from", str(self._file), "--output", "json", "--discovery-address", self._discovery,
                                    "--connect-retries", "20"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=support.environment(), text=True)
        end = time.monotonic() + (patience or 1e9)
        while True:
            try:
                out, err = process.communicate(timeout=0.1)
                break
            except subprocess.TimeoutExpired:
                if time.monotonic() > end or self.stopping.is_set():
                    process.kill()
        self.book.count("command lines")
        if process.returncode < 0:
            self.book.count("command lines that were killed")
        elif process.returncode > 1:
            self.book.count(f"command lines that ended with {process.returncode}")
            print(err.strip(), file=sys.stderr)
        self._read(out)

    def _read(self, out):
        for line in out.splitlines(keepends=True):
            if line.endswith("\n"):
                told = json.loads(line)
                task = self.book.tasks[told["id"].replace("-", "")]
                value = json.dumps(told["value"]) if "value" in told else told.get("error", "")
                if told["state"] in FINAL:
                    self.book.ended(task, told["state"], told.get("code", ""), value)


class Auditor:
    """Asks for every task, once all is at rest."""

    def __init__(self, book, port):
        self._book, self._address = book, f"tcp://127.0.0.1:{port}"

    def ask(self, tasks, patience):
        """`get` of each. What is not known is lost, what has not ended is said, and what differs, too."""
        link = Link(self._address)
        try:
            for first in range(0, len(tasks), MOST):
                some = {str(i): task for i, task in enumerate(tasks[first:first + MOST])}
                link.send([(f"FQ1 get {task.id} ref={ref}", b"") for ref, task in some.items()])
                end = time.monotonic() + patience
                while some and time.monotonic() < end:
                    for reply in link.replies(0.1)[0]:
                        self._take(some.pop(reply.fields["ref"]), reply)
                if some:
                    return self._book.wrong("broke", f"{len(some)} questions were not answered within {patience} s")
        finally:
            link.close()

    def _take(self, task, reply):
        if reply.verb != "result":
            return self._book.wrong("lost", f"{task.id}: {reply}")
        state = reply.words[1]
        if state not in FINAL:
            return self._book.wrong("not ended", f"{task.id}: {reply}")
        self._book.ended(task, state, reply.fields.get("code", ""), reply.payload.decode())
