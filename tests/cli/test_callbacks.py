"""Callbacks: the end of a task is pushed to an address that the task names."""

import base64
import pathlib
import socket
import sys

import zmq

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import support  # noqa: E402


class Callbacks(support.Case):
    def setUp(self):
        super().setUp()
        self.there = self.plane("--local", "off")
        self.worker("w", self.there, "--concurrency", "4")

    def listener(self, port=None):
        """A PULL socket and its address."""
        pull = zmq.Context.instance().socket(zmq.PULL)
        self.addCleanup(pull.close, 0)
        pull.RCVTIMEO = support.PATIENCE * 1000
        if port is None:
            port = pull.bind_to_random_port("tcp://127.0.0.1")
        else:
            pull.bind(f"tcp://127.0.0.1:{port}")
        return pull, f"tcp://127.0.0.1:{port}"

    def told(self, pull):
        header, payload = pull.recv_multipart()
        verb, name, task, state, *fields = header.decode().split(" ")
        self.assertEqual((verb, name), ("FQ1", "result"))
        return task, state, dict(field.split("=", 1) for field in fields), payload

    def test_the_end_is_told_with_its_data(self):
        pull, address = self.listener()
        data = 'order 17: "x", ü'
        task = self.begin_task(self.there, "add", 5, 3, options=("--callback", address, "--callback-data", data))
        what, state, fields, payload = self.told(pull)
        self.assertEqual((what, state, payload), (task, "success", b"8"))
        self.assertEqual(base64.urlsafe_b64decode(fields["callback_data"] + "==").decode(), data)
        self.assertEqual((fields["worker"], fields["attempt"]), ("w", "1"))

    def test_failures_and_cancels_are_told_too(self):
        pull, address = self.listener()
        failed = self.begin_task(self.there, "fail", "no", options=("--callback", address))
        self.assertEqual(self.told(pull)[:2], (failed, "failure"))
        later = self.begin_task(self.there, "add", 1, 2, options=("--callback", address, "--countdown", "600"))
        self.run_cli("cancel", "--discovery-address", self.there.discovery, later)
        self.assertEqual(self.told(pull)[:2], (later, "cancelled"))

    def test_predecessor_7_a_dead_listener_holds_up_neither_results_nor_other_listeners(self):
        mute = socket.create_server(("127.0.0.1", 0))  # accepts, and never says a word
        self.addCleanup(mute.close)
        silent = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
        with socket.create_server(("127.0.0.1", 0)) as free:
            nobody = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        pull, address = self.listener()
        for _ in range(20):
            self.assertEqual(self.value(self.there, "add", 5, 3, options=("--callback", silent)), 8)
            self.assertEqual(self.value(self.there, "add", 5, 3, options=("--callback", nobody)), 8)
        self.assertEqual(self.value(self.there, "add", 1, 2, options=("--callback", address)), 3)
        self.assertEqual(self.told(pull)[3], b"3")
        self.stops(self.there)

    def test_a_listener_that_comes_late_is_told(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        tasks = [self.begin_task(self.there, "add", i, 0, options=("--callback", f"tcp://127.0.0.1:{port}")) for i in range(3)]
        for task in tasks:
            self.end_of(self.there, task)
        pull, _ = self.listener(port)
        self.assertEqual({self.told(pull)[0] for _ in tasks}, set(tasks))

    def test_a_callback_outlives_a_restart_of_the_control_plane_with_its_task(self):
        there = self.plane("--local", "off", "--store", "sqlite:store")
        pull, address = self.listener()
        task = self.begin_task(there, "add", 5, 3, options=("--callback", address, "--callback-data", "k"))
        there.kill()
        there = self.plane("--local", "off", "--store", "sqlite:store")
        self.worker("w", there)
        self.assertEqual(self.told(pull)[:2], (task, "success"))

    def test_hosts_are_dialled_only_where_they_are_allowed(self):
        refusal = self.error("submit", "--discovery-address", self.there.discovery, "--task-name", "add", "--callback", "tcp://192.0.2.1:7000", "--args", 1, 2, expect=5)
        self.assertIn("'192.0.2.1' is not allowed here", refusal)
        there = self.plane("--local", "off", "--callback-allow", "192.0.2.1")
        self.assertRegex(self.begin_task(there, "add", 1, 2, options=("--callback", "tcp://192.0.2.1:7000", "--countdown", "600")), "^[0-9a-f-]{36}$")
        for address in ("127.0.0.1", "tcp://127.0.0.1", "tcp://*:7000"):
            self.error("submit", "--task-name", "add", "--callback", address, "--args", 1, 2, expect=2)


if __name__ == "__main__":
    support.main()
