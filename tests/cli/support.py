"""What the tests of the command line share: programs that are started, read, waited for with an end, and ended.

FASTQUEUE_BIN_DIR names the folder with the programs `fastqueue` and `mytasks.so`. Ports are taken free by the programs
themselves (port 0) and read from what they print. Only processes that a test has started are ended.
"""

import json
import os
import pathlib
import queue
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

PATIENCE = 30  # seconds: longer than anything takes on a busy machine, shorter than ctest waits
FREE = "tcp://127.0.0.1:0"
PRIORITIES = ("critical", "high", "normal", "low")

BIN = pathlib.Path(os.environ.get("FASTQUEUE_BIN_DIR", "."))
PROGRAM = str(BIN / "fastqueue")


def environment(**more):
    """The caller's, without FastQueue's own variables."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("FASTQUEUE_")}
    kept.update(more)
    return kept


def build_module(case, source):
    """The path of a module that a C file of this folder is built into, for all tests of the class `case`."""
    here = pathlib.Path(__file__).resolve()
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        raise unittest.SkipTest(f"no C compiler: {source} cannot be built")
    folder = tempfile.TemporaryDirectory(prefix="fastqueue-module-")
    case.addClassCleanup(folder.cleanup)
    module = str(pathlib.Path(folder.name, source).with_suffix(".so"))
    subprocess.run([compiler, "-std=c99", "-shared", "-fPIC", f"-I{here.parents[2] / 'include'}", str(here.parent / source), "-o", module],
                   check=True, timeout=60)
    return module


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_ports():
    """A base address, a management port and a discovery address, for a control plane that is started again where it was.
    Below the ports that the system gives away."""
    while True:
        first = random.randrange(20_000, 32_000)
        if all(is_free(first + i) for i in range(7)):
            return f"tcp://127.0.0.1:{first}", first + 5, f"tcp://127.0.0.1:{first + 6}"


class Running:
    """A program whose lines are collected as they come."""

    def __init__(self, command, **options):
        options.setdefault("env", environment())
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, **options)
        self.lines = []
        self._fresh = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self._fresh.put(line.rstrip("\n"))
        self._fresh.put(None)

    def wait_for(self, pattern, patience=PATIENCE):
        """The match in the next line that has one."""
        end = time.monotonic() + patience
        while True:
            try:
                line = self._fresh.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line matched {pattern!r} within {patience} s; there were: {self.lines}") from None
            if line is None:
                raise AssertionError(f"the program ended before a line matched {pattern!r}; there were: {self.lines}")
            self.lines.append(line)
            found = re.search(pattern, line)
            if found:
                return found

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, patience=PATIENCE):
        """Its exit code, once it has ended and all its lines are in `lines`."""
        code = self.process.wait(patience)
        self._reader.join(patience)
        while not self._fresh.empty():
            line = self._fresh.get()
            if line is not None:
                self.lines.append(line)
        return code

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self.process.stdout.close()


class Plane(Running):
    """A control plane on ports of its own."""

    def __init__(self, *options, base=FREE, discovery=FREE, port=None, modules=("mytasks",), **more):
        command = [PROGRAM, "control-plane", "--base-address", base, "--discovery-address", discovery]
        if port is not None:
            command += ["--subworker-port", str(port)]
        if modules:
            command += ["--task-modules", *modules]
        super().__init__([*command, *options], **more)
        found = self.wait_for(r"listens: tasks tcp://\S+:(\d+) \(critical\), .* management (\d+), discovery (?:tcp://\S+:)?(\d+)$")
        self.base, self.discovery = (f"tcp://127.0.0.1:{port}" for port in found.group(1, 3))
        self.management = int(found[2])
        self.wait_for("^tasks: ")


class Case(unittest.TestCase):
    """A test with a folder of its own, that leaves no process behind."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="fastqueue-cli-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def start(self, command, **options):
        options.setdefault("cwd", self.folder)
        return self.watch(Running(command, **options))

    def watch(self, program):
        self.addCleanup(program.kill)
        return program

    def plane(self, *options, **more):
        more.setdefault("cwd", self.folder)
        return self.watch(Plane(*options, **more))

    def begin_worker(self, name, plane, *options, modules=("mytasks",)):
        """A subworker that may not be registered yet."""
        return self.start([PROGRAM, "subworker", "--worker-id", name, "--control-plane-address", plane.base,
                           "--discovery-address", plane.discovery, "--base-address", FREE,
                           "--task-modules", *modules, *options])

    def worker(self, name, plane, *options, **more):
        """A subworker, once the control plane has made use of it possible."""
        started = self.begin_worker(name, plane, *options, **more)
        started.wait_for("^registered with the control plane ")
        self.until(lambda: self.workers(plane).get(name, {}).get("state") == "active", f"{name} is active")
        return started

    def run_cli(self, *words, expect=0, patience=PATIENCE, **variables):
        """Runs a command to its end. `expect`: its exit code, None for any."""
        ended = subprocess.run([PROGRAM, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                               timeout=patience, cwd=self.folder, env=environment(**variables))
        if expect is not None:
            self.assertEqual(ended.returncode, expect, f"{words}: {ended.stdout[:2000]}{ended.stderr[:2000]}")
        return ended

    def error(self, *words, expect, **variables):
        """The one line on standard error of a command that must fail."""
        ended = self.run_cli(*words, expect=expect, **variables)
        self.assertEqual(ended.stdout, "")
        self.assertRegex(ended.stderr, r"\Afastqueue: [^\n]+\n\Z", "one line, and whose it is")
        return ended.stderr[len("fastqueue: "):-1]

    def submit(self, plane, name, *arguments, options=(), expect=0, patience=PATIENCE):
        return self.run_cli("submit", "--discovery-address", plane.discovery, "--task-name", name, *options,
                            "--args", *arguments, expect=expect, patience=patience)

    def value(self, plane, name, *arguments, options=()):
        return json.loads(self.submit(plane, name, *arguments, options=options).stdout)

    def begin_task(self, plane, name, *arguments, options=()):
        """Hands a task over. Its id."""
        return self.submit(plane, name, *arguments, options=("--non-blocking", *options)).stdout.strip()

    def status(self, plane, task, *options, expect=0):
        words = ("status", "--discovery-address", plane.discovery, "--task-id", task, "--output", "json", *options)
        return json.loads(self.run_cli(*words, expect=expect).stdout)

    def end_of(self, plane, task):
        return self.status(plane, task, "--wait", PATIENCE - 5)

    def workers(self, plane):
        rows = self.run_cli("workers", "--discovery-address", plane.discovery, "--output", "json").stdout
        return {row["id"]: row for row in map(json.loads, rows.splitlines())}

    def rows(self, *words, **more):
        """What a command prints as JSON, one object a line."""
        return [json.loads(line) for line in self.run_cli(*words, "--output", "json", **more).stdout.splitlines()]

    def until(self, condition, what, patience=PATIENCE):
        end = time.monotonic() + patience
        while not condition():
            self.assertLess(time.monotonic(), end, f"did not come about within {patience} s: {what}")
            time.sleep(0.02)

    def until_running(self, plane, task):
        def runs():
            state = self.status(plane, task)["state"]
            self.assertIn(state, ("scheduled", "queued", "assigned", "running"), "it ended before it was seen running")
            return state == "running"

        self.until(runs, f"task {task} runs")

    def stops(self, program, number=signal.SIGINT, expect=0):
        program.signal(number)
        self.assertEqual(program.wait(), expect, program.lines)


def main():
    if not os.access(PROGRAM, os.X_OK):
        raise SystemExit(f"there is no {PROGRAM}: set FASTQUEUE_BIN_DIR to the folder of the built programs")
    unittest.main(verbosity=2)
