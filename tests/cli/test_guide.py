"""The worker guide's commands, typed as they stand there, on its own ports. Skipped where somebody holds those."""

import os
import signal

import support

PORTS = (5550, *range(5555, 5573))

CONTROL_PLANE = "fastqueue control-plane --worker-id control-plane --task-modules mytasks"
CUSTOM_CACHE = """fastqueue control-plane \\
  --worker-id control-plane \\
  --result-cache-size 20000 \\
  --result-cache-ttl 7200 \\
  --task-modules mytasks"""
FIRST_SUBWORKER = """fastqueue subworker \\
  --worker-id subworker1 \\
  --control-plane-address tcp://127.0.0.1:5555 \\
  --base-address tcp://127.0.0.1:5561 \\
  --task-modules mytasks"""
SUBWORKERS = {
    "sw1": "fastqueue subworker --worker-id sw1 --control-plane-address tcp://127.0.0.1:5555 --base-address tcp://127.0.0.1:5561 --task-modules mytasks",
    "sw2": "fastqueue subworker --worker-id sw2 --control-plane-address tcp://127.0.0.1:5555 --base-address tcp://127.0.0.1:5565 --task-modules mytasks",
    "sw3": "fastqueue subworker --worker-id sw3 --control-plane-address tcp://127.0.0.1:5555 --base-address tcp://127.0.0.1:5569 --task-modules mytasks",
}
NO_BASE = "fastqueue subworker --worker-id sw4 --control-plane-address tcp://127.0.0.1:5555 --task-modules mytasks"


class Guide(support.Case):
    def setUp(self):
        super().setUp()
        if held := [port for port in PORTS if not support.is_free(port)]:
            self.skipTest(f"somebody holds ports of the guide: {held}")

    def type(self, line):
        return self.start(["/bin/bash", "-c", f"exec {line}"],
                          env=support.environment(PATH=f"{support.BIN.resolve()}:{os.environ['PATH']}"))

    def begin(self):
        plane = self.type(CONTROL_PLANE)
        plane.wait_for(r"^control plane 'control-plane' listens: tasks tcp://127\.0\.0\.1:5555 \(critical\), 5556 \(high\), "
                       r"5557 \(normal\), 5558 \(low\), results 5559, management 5560, discovery 5550$")
        plane.wait_for("^tasks: add, ")
        plane.discovery = "tcp://127.0.0.1:5550"
        return plane

    def test_the_scenario(self):
        plane = self.begin()
        self.assertEqual(self.run_cli("submit", "--task-name", "add", "--args", 5, 3).stdout, "8\n", "without subworkers")
        workers = [self.type(line) for line in SUBWORKERS.values()]
        for worker, first in zip(workers, (5561, 5565, 5569)):
            worker.wait_for(rf"listens: tcp://127\.0\.0\.1:{first} \(critical\), {first + 1} \(high\), {first + 2} \(normal\), {first + 3} \(low\)$")
            worker.wait_for("^registered with the control plane tcp://127.0.0.1:5555$")
        self.until(lambda: all(self.workers(plane).get(w, {}).get("state") == "active" for w in SUBWORKERS), "all are active")
        tasks = [self.begin_task(plane, "sleep_ms", 300, options=("--priority", level)) for level in support.PRIORITIES * 3]
        used = {self.end_of(plane, task)["worker"] for task in tasks}
        self.assertEqual(used, set(SUBWORKERS))
        for worker in workers:
            self.stops(worker, signal.SIGINT)
        self.until(lambda: set(self.workers(plane)) == {"control-plane.local"}, "all have unregistered")
        self.stops(plane, signal.SIGINT)

    def test_the_first_subworker_and_the_custom_cache(self):
        plane = self.type(CUSTOM_CACHE)
        plane.wait_for("^tasks: add, ")
        self.type(FIRST_SUBWORKER).wait_for("^registered")
        ended = self.run_cli("submit", "--task-name", "add", "--args", 5, 3, "--output", "json")
        self.assertIn('"value":8', ended.stdout)

    def test_a_subworker_without_a_base_address_is_told_what_to_do(self):
        self.begin()
        worker = self.type(NO_BASE)
        self.assertEqual(worker.wait(), 1)
        self.assertEqual(len(worker.lines), 1)
        for part in ("fastqueue: port 5555 is taken", "--base-address tcp://127.0.0.1:5561 (5561-5564 are free)", "--base-address tcp://127.0.0.1:0"):
            self.assertIn(part, worker.lines[0])


if __name__ == "__main__":
    support.main()
