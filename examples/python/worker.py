"""A FastQueue worker in Python: ZeroMQ, the protocol of docs/protocol.md, and nothing else.

It finds the control plane, again if that was restarted, and runs what it is given in threads. Ctrl+C or SIGTERM: what runs is
finished, then the worker leaves; a second one ends it at once. It only dials out, so it needs no ports of its own.
"""

import argparse, inspect, json, os, queue, signal, socket, statistics, sys, threading, time, uuid

import zmq


def doze(seconds):
    time.sleep(seconds)
    return seconds


TASKS = {"mean": statistics.fmean, "doze": doze}  # arguments and values are JSON; what a task raises is its failure


def outcome(name, content, payload):
    """Runs a task. Its state, as `done` tells it, and the payload."""
    if content != "json":
        return "failure code=unsupported_content", f"this worker cannot read {content}"
    try:
        arguments = json.loads(payload or b"[]")
        args, kwargs = ([], arguments) if isinstance(arguments, dict) else (arguments, {})
        bound = inspect.signature(TASKS[name]).bind(*args, **kwargs)
    except (KeyError, TypeError, ValueError) as error:
        return "failure code=bad_arguments", str(error)
    try:
        return "success", json.dumps(TASKS[name](*bound.args, **bound.kwargs), allow_nan=False)
    except BaseException as error:  # each run needs an answer, even that of a task that calls sys.exit
        return "failure", f"{type(error).__name__}: {error}"


class Worker:
    def __init__(self, options):
        self.options = options
        self.me = f"{options.worker_id} incarnation={uuid.uuid4()}"  # a secret: it tells this process from others
        self.context = zmq.Context()
        self.runs, self.answers = queue.Queue(), queue.Queue()
        self.held = set()  # the (id, attempt) of each run that was not answered yet
        self.stop_by = None  # after a signal: when the time for finishing is over
        self.waking, self.waker = socket.socketpair()  # only one thread may use a ZeroMQ socket; the others wake it
        signal.signal(signal.SIGINT, self.stop)
        signal.signal(signal.SIGTERM, self.stop)
        for _ in range(options.concurrency):
            threading.Thread(target=self.work, daemon=True).start()

    def stop(self, number, _):
        self.stop_by = time.monotonic() + self.options.grace
        signal.signal(number, signal.SIG_DFL)  # a second one ends the process

    def work(self):
        while True:
            run, *what = self.runs.get()
            self.answers.put((run, *outcome(*what)))
            self.waker.send(b".")

    def run(self):
        while not self.stop_by:
            if management := self.find():
                self.serve(management)
                print("has left" if self.stop_by else "lost the control plane", flush=True)
        self.context.term()  # returns when the last answers are sent

    def find(self):
        """The control plane's management address, None where nobody answers. After a restart it may be another."""
        with self.context.socket(zmq.REQ) as asking:
            asking.linger = 0
            asking.connect(self.options.discovery_address)
            asking.send_multipart([b"FQ1 discover", b""])
            return json.loads(asking.recv_multipart()[1])[0]["management"] if asking.poll(1000) else None

    def serve(self, management):
        """Works until the connection is lost or, after a signal, until all is finished."""
        with self.context.socket(zmq.DEALER) as plane, plane.get_monitor_socket(zmq.EVENT_DISCONNECTED) as broken:
            plane.linger = 2000
            plane.connect(management)
            self.say = lambda header, payload="": plane.send_multipart([header.encode(), payload.encode()])
            self.registered = self.leaving = self.left = False
            self.beat, self.next_word, heard = 5, 0, time.monotonic()
            while self.held or not self.left:
                self.speak()
                ready, _, _ = zmq.select([plane, broken, self.waking.fileno()], [], [], 0.1)
                if self.waking.fileno() in ready:
                    self.waking.recv(4096)
                if plane in ready:
                    heard, frames = time.monotonic(), plane.recv_multipart()
                    for header, payload in zip(frames[::2], frames[1::2]):  # a message may hold several pairs
                        self.hear(header.decode(), payload)
                if broken in ready or not self.leaving and time.monotonic() > heard + 3 * self.beat:
                    plane.linger = 0  # what was not sent is not expected any more
                    break

    def speak(self):
        """Says what is due: register, heartbeat, answers, unregister."""
        now = time.monotonic()
        if self.stop_by and not self.leaving:
            self.leaving, self.left = True, not self.registered
            self.say(f"FQ1 unregister {self.me}")
        elif now >= self.next_word and not self.leaving:
            self.next_word = now + self.beat
            if self.registered:
                self.say(f"FQ1 heartbeat {self.me} running={len(self.held)}")
            else:
                about = {"tasks": list(TASKS), "runs": list(self.held), "pid": os.getpid()}
                self.say(f"FQ1 register {self.me} concurrency={self.options.concurrency}", json.dumps(about))
        while (self.registered or self.leaving) and not self.answers.empty():
            self.answer(*self.answers.get())
        if self.leaving and now > self.stop_by:
            self.left = True
            for run in list(self.held):
                self.answer(run, "returned")  # it runs elsewhere, and counts as no failure

    def answer(self, run, state, text=""):
        if run in self.held:
            self.held.remove(run)
            self.say(f"FQ1 done {run[0]} {run[1]} {state}", text)

    def hear(self, header, payload):
        _, verb, *words = header.split(" ")
        fields = dict(word.split("=", 1) for word in words if "=" in word)
        if verb == "run":  # `recall` and `cancel` are ignored: a run begins when it comes, and Python cannot stop a function
            run = (words[0], int(words[1]))
            self.held.add(run)
            self.runs.put((run, words[2], fields.get("content", "json"), payload))
        elif verb == "registered":
            if not self.registered:
                print("registered", flush=True)
            self.registered, self.beat = True, int(fields["heartbeat_ms"]) / 1000
            self.next_word = time.monotonic() + self.beat
            self.held -= {tuple(run) for run in json.loads(payload or b"{}").get("drop", [])}  # not ours any more
        elif verb == "unregistered":
            self.left = True
        elif words[1] in ("unknown_worker", "worker_id_taken", "queue_full", "shutting_down"):
            self.registered, self.left = False, self.leaving
            self.next_word = time.monotonic() + (0 if words[1] == "unknown_worker" else 1)
        elif verb == "error":
            sys.exit(f"refused: {words[1]}: {payload.decode()}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--worker-id", default="py1", help="a name that no other worker has")
    parser.add_argument("--discovery-address", default="tcp://127.0.0.1:5550", help="where the control plane is found")
    parser.add_argument("--concurrency", type=int, default=1, help="how many tasks run at once")
    parser.add_argument("--grace", type=float, default=30, help="how many seconds what runs may take at the end")
    Worker(parser.parse_args()).run()
