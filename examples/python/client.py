"""A FastQueue client in Python: ZeroMQ, the protocol of docs/protocol.md, and nothing else.

It has a task run and prints the value as JSON. The exit codes are those of the program `fastqueue`: 0 done, 1 the task failed,
2 usage, 3 nobody there, 4 timed out, 5 refused.
"""

import argparse, json, sys, time, uuid

import zmq

PRIORITIES = ("critical", "high", "normal", "low")


class Failed(Exception):
    def __init__(self, exit_code, text):
        super().__init__(text)
        self.exit_code = exit_code


class Reply:
    """A pair of frames, taken apart."""

    def __init__(self, header, payload):
        _, self.verb, *tokens = header.decode().split(" ")
        self.words = [token for token in tokens if "=" not in token]
        self.fields = dict(token.split("=", 1) for token in tokens if "=" in token)
        self.payload = payload.decode()


class Client:
    def __init__(self, discovery, seconds):
        self.context, self.discovery, self.seconds = zmq.Context(), discovery, seconds
        self.end = time.monotonic() + seconds

    def left(self):
        return self.end - time.monotonic()

    def ask(self, address, header, payload="", seconds=5):
        """One request. Its reply, or None where none came. A REQ socket that got none can ask nothing more, so it is closed."""
        with self.context.socket(zmq.REQ) as socket:
            socket.linger = 0
            socket.connect(address)
            socket.send_multipart([header.encode(), payload.encode()])
            reply = Reply(*socket.recv_multipart()) if socket.poll(seconds * 1000) else None
        if reply and reply.verb == "error":
            raise Failed(5, f"refused: {reply.words[1]}: {reply.payload}")
        return reply

    def find(self):
        """The control plane among the nodes: where it takes tasks, and its epoch, which is another after each start."""
        reply = self.ask(self.discovery, "FQ1 discover", seconds=min(5, self.seconds))
        if not reply:
            raise Failed(3, f"nobody there: no control plane answers at {self.discovery}")
        return json.loads(reply.payload)[0]

    def submit(self, plane, name, arguments, priority, more=""):
        """Hands a task over, with `more` options. Its id, which the client chooses: sent again with the same id it is still one task, so whoever does
        not know whether the first message arrived sends another."""
        host, base = plane["base"].rsplit(":", 1)
        ports = plane.get("ports") or range(int(base), int(base) + 4)
        task, again = uuid.uuid4(), ""
        while self.left() > 0:
            header = f"FQ1 submit {task} {name}{more}{again}"
            if self.ask(f"{host}:{ports[PRIORITIES.index(priority)]}", header, json.dumps(arguments), min(5, self.left())):
                return task
            again = f" resent={plane['epoch']}"
        raise Failed(4, f"timed out: {plane['base']} has not taken the task within {self.seconds:g} s")

    def wait(self, plane, task):
        """The value. Waits in short turns: an answer that was lost with a connection is asked for again."""
        state = "unknown"
        while self.left() > 0:
            turn = min(5, self.left())
            reply = self.ask(plane["results"], f"FQ1 wait {task} timeout_ms={int(turn * 1000) + 1}", seconds=turn + 1)
            state = reply.words[1] if reply else "unknown"
            if state == "success":
                return json.loads(reply.payload)
            if state in ("failure", "cancelled", "expired"):
                raise Failed(1, f"{state} {reply.fields['code']}: {reply.payload}")
        raise Failed(4, f"timed out: the state of task {task} after {self.seconds:g} s is {state}")


def value(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("task", help="its name")
    parser.add_argument("arguments", nargs="*", type=value, help="JSON where it can be read as JSON, else a string")
    parser.add_argument("--discovery-address", default="tcp://127.0.0.1:5550", help="where the control plane is found")
    parser.add_argument("--priority", choices=PRIORITIES, default="normal", help="what overtakes what")
    parser.add_argument("--timeout", type=float, default=30, help="how many seconds to wait for all")
    options = parser.parse_args()
    client = Client(options.discovery_address, options.timeout)
    try:
        plane = client.find()
        task = client.submit(plane, options.task, options.arguments, options.priority)
        print(json.dumps(client.wait(plane, task)))
    except Failed as failed:
        print(f"client: {failed}", file=sys.stderr)
        return failed.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
