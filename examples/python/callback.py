"""Has a task run and is told of its end, in place of asking: ZeroMQ, the protocol of docs/protocol.md, and nothing else.

It binds a PULL socket to a free port of this machine, names that in the task, and prints what comes. Nobody acknowledges a callback:
the control plane tries for a minute, and what a listener had not read when it ended is lost. So when none has come in time this asks,
as client.py does. The exit codes are those of client.py.
"""

import argparse, base64, json, sys

import zmq

from client import Client, Failed, Reply, value


class Listener:
    """A PULL socket. One is enough for all of a program's tasks."""

    def __init__(self, context):
        self.socket = context.socket(zmq.PULL)
        self.address = f"tcp://127.0.0.1:{self.socket.bind_to_random_port('tcp://127.0.0.1')}"

    def end_of(self, task, seconds):
        """The task's result, or None where none came in time. Anybody may push to a port: what is not expected is passed over."""
        while self.socket.poll(seconds * 1000):
            frames = self.socket.recv_multipart()
            if len(frames) == 2 and frames[0].startswith(b"FQ1 result %s " % str(task).encode()):
                return Reply(*frames)
        return None


def encoded(data):
    return base64.urlsafe_b64encode(data.encode()).decode().rstrip("=")


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("task", help="its name")
    parser.add_argument("arguments", nargs="*", type=value, help="JSON where it can be read as JSON, else a string")
    parser.add_argument("--data", default="nothing", help="what is handed back with the callback")
    parser.add_argument("--discovery-address", default="tcp://127.0.0.1:5550", help="where the control plane is found")
    parser.add_argument("--patience", type=float, default=10, help="how many seconds to listen before it asks")
    parser.add_argument("--timeout", type=float, default=30, help="how many seconds to wait for all")
    options = parser.parse_args()
    client = Client(options.discovery_address, options.timeout)
    try:
        plane = client.find()
        listener = Listener(client.context)
        callback = f" callback={listener.address} callback_data={encoded(options.data)}"
        task = client.submit(plane, options.task, options.arguments, "normal", callback)
        told = listener.end_of(task, min(options.patience, client.left()))
        if not told:
            print("asked:", json.dumps(client.wait(plane, task)))
            return 0
    except Failed as failed:
        print(f"callback: {failed}", file=sys.stderr)
        return failed.exit_code
    state = told.words[1]
    print(f"told of {decoded(told.fields['callback_data'])}: {state} {told.payload}")
    return 0 if state == "success" else 1


if __name__ == "__main__":
    sys.exit(main())
