"""A user's program with tasks of its own linked in and the whole command line (examples/linked_tasks)."""

import signal
import unittest

import support

PROGRAM = str(support.BIN / "linked_tasks")


class LinkedTasks(support.Case):
    def setUp(self):
        super().setUp()
        self.addCleanup(setattr, support, "PROGRAM", support.PROGRAM)
        support.PROGRAM = PROGRAM

    def test_it_is_control_plane_subworker_and_client_with_its_own_tasks(self):
        plane = self.plane("--local", "off", modules=())
        worker = self.own_worker("sw1", plane)
        self.assertEqual(self.value(plane, "shout", "hello"), "HELLO")
        self.assertEqual(self.value(plane, "repeat", "ab"), "abab", "a default that the handler's definition gives")
        self.assertEqual(self.value(plane, "repeat", "ab", "3"), "ababab")
        self.assertIn("times must be 0 to 1000", self.submit(plane, "repeat", "ab", "1001", expect=None).stderr)
        worker.signal(signal.SIGTERM)
        self.assertEqual(worker.wait(), 0)

    def test_list_shows_its_tasks(self):
        plane = self.plane("--local", "off", modules=())
        self.own_worker("sw1", plane)
        rows = self.rows("list", "--discovery-address", plane.discovery)
        self.assertEqual(sorted(row["name"] for row in rows), ["repeat", "shout"])

    def own_worker(self, name, plane):
        started = self.start([PROGRAM, "subworker", "--worker-id", name, "--control-plane-address", plane.base,
                              "--discovery-address", plane.discovery, "--base-address", support.FREE])
        started.wait_for("^registered with the control plane ")
        self.until(lambda: self.workers(plane).get(name, {}).get("state") == "active", f"{name} is active")
        return started


if __name__ == "__main__":
    unittest.main()
