"""The processes of a storm: a control plane and its subworkers, and what is done to them. Ends only what it started."""

import heapq
import itertools
import pathlib
import shutil
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "cli"))
import support  # noqa: E402  (the path is made just above)
from history import Life  # noqa: E402

TIMEOUT = 2.0  # seconds of silence after which a worker is inactive
CONCURRENCY = 2  # of each worker


def build_module(folder):
    """The path of chaos_tasks.c, compiled."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        raise SystemExit("chaos.py: there is no C compiler (cc): install gcc")
    made = str(pathlib.Path(folder, "chaos_tasks.so"))
    include = HERE.parents[1] / "include"
    subprocess.run([compiler, "-std=c99", "-O1", "-shared", "-fPIC", f"-I{include}", str(HERE / "chaos_tasks.c"), "-o", made], check=True, timeout=60)
    return made


class Worker:
    """A subworker's name, and the process that has it now, if any."""

    def __init__(self, name):
        self.name, self.starts, self.process, self.life, self.stopped = name, 0, None, None, None

    def is_free(self):
        """Whether something may be done to it."""
        return self.process is not None and self.stopped is None


class Fleet:
    """Starts, kills, stops and continues. Remembers when."""

    def __init__(self, book, folder, store, workers, tasks, reunion):
        self.book, self.folder, self.module = book, pathlib.Path(folder), build_module(folder)
        self.base, self.management, self.discovery = support.free_ports()
        self.keeps = store == "sqlite"
        self._options = ["--local", "off", "--worker-timeout", str(TIMEOUT), "--max-deaths", "1000000", "--grace", "2", "--reunion", str(reunion),
                         "--result-cache-size", str(tasks + 1000), "--store", f"sqlite:{self.folder / 'queue.db'}" if self.keeps else "memory"]
        self.plane, self.plane_stopped, self.planes, self.starting = None, None, [], []
        self.workers = [Worker(f"w{i + 1}") for i in range(workers)]
        self.lives = {}

    # ---- the control plane

    def start_plane(self):
        begun = time.monotonic()
        self.plane = support.Plane.__new__(support.Plane)  # so that close() ends it also where it never listens
        self.plane.__init__(*self._options, base=self.base, discovery=self.discovery, port=self.management, modules=(), cwd=self.folder)
        self.starting.append(time.monotonic() - begun)
        self.planes.append(Life("control plane", begun))

    def kill_plane(self):
        self.planes[-1].killed = time.monotonic()
        self.plane.kill()
        self.book.count("control plane killed")

    def stop_plane(self):
        self.plane.signal(signal.SIGSTOP)
        self.plane_stopped = time.monotonic()
        self.book.count("control plane stopped")

    def continue_plane(self):
        if self.plane_stopped is not None:
            self.plane.signal(signal.SIGCONT)
            self.planes[-1].stops.append((self.plane_stopped, time.monotonic()))
            self.plane_stopped = None

    def peak_memory(self):
        """The most that the control plane has held in memory, in MiB."""
        status = pathlib.Path(f"/proc/{self.plane.process.pid}/status").read_text()
        return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))

    # ---- the subworkers

    def start(self, worker):
        worker.starts += 1
        name = f"{worker.name}.{worker.starts}"
        worker.life = self.lives[name] = Life(name, time.monotonic())
        told = support.environment(CHAOS_LOG=str(self.folder / f"{name}.log"), CHAOS_LIFE=name)
        worker.process = support.Running([support.PROGRAM, "subworker", "--worker-id", worker.name, "--control-plane-address", self.base,
                                          "--discovery-address", self.discovery, "--base-address", support.FREE, "--task-modules", self.module,
                                          "--concurrency", str(CONCURRENCY), "--grace", "2", "--log-level", "warning"], env=told, cwd=self.folder)

    def kill(self, worker):
        worker.life.killed = time.monotonic()
        worker.process.kill()
        worker.process = None
        self.book.count("workers killed")

    def stop(self, worker, long):
        worker.process.signal(signal.SIGSTOP)
        worker.stopped = time.monotonic()
        self.book.count("workers stopped past their time" if long else "workers stopped for a moment")

    def go_on(self, worker):
        if worker.stopped is not None:
            worker.process.signal(signal.SIGCONT)
            worker.life.stops.append((worker.stopped, time.monotonic()))
            worker.stopped = None

    # ---- all of them

    def look_after(self):
        """Starts what has ended by itself, and says so."""
        if self.plane.process.poll() is not None:
            self.book.wrong("ended by itself", f"control plane {len(self.planes)}: with {self.plane.wait()}: {self.plane.lines[-3:]}")
            self.start_plane()
        for worker in self.workers:
            if worker.process is not None and worker.process.process.poll() is not None:
                code = worker.process.wait()
                self.book.wrong("ended by itself", f"{worker.life.name}: with {code}: {worker.process.lines[-3:]}")
                worker.process.kill()
                worker.stopped = None
                self.start(worker)

    def heal(self):
        """No fault is left."""
        self.continue_plane()
        for worker in self.workers:
            self.go_on(worker)
            if worker.process is None:
                self.start(worker)

    def end_in_good_order(self):
        """SIGTERM to all: each is to end with 0 in time."""
        running = [(w.life.name, w.process) for w in self.workers if w.process is not None]
        for group in (running, [("the control plane", self.plane)]):
            for _, process in group:
                process.signal(signal.SIGTERM)
            for name, process in group:
                code = process.wait()
                if code != 0:
                    self.book.wrong("ended by itself", f"{name}: was told to stop and ended with {code}: {process.lines[-3:]}")

    def read_runs(self):
        for name in self.lives:
            log = self.folder / f"{name}.log"
            if log.exists():
                self.book.ran(name, log.read_text().splitlines())

    def close(self):
        for process in [w.process for w in self.workers] + [self.plane]:
            if process is not None and hasattr(process, "process"):
                process.kill()


class Storm:
    """Does harm to a fleet, by a seed, as long as it lasts."""

    def __init__(self, fleet, rng):
        self._fleet, self._rng = fleet, rng
        self._due, self._order = [], itertools.count()
        self._in(rng.uniform(0.2, 0.6), self._harm_a_worker)
        self._in(rng.uniform(1.5, 3), self._harm_the_plane)

    def run(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            while self._due and self._due[0][0] <= time.monotonic():
                heapq.heappop(self._due)[2]()
            self._fleet.look_after()
            time.sleep(0.02)

    def _in(self, seconds, what):
        heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), what))

    def _harm_a_worker(self):
        self._in(self._rng.expovariate(1.5), self._harm_a_worker)
        kind, amount = self._rng.random(), self._rng.random()
        free = [worker for worker in self._fleet.workers if worker.is_free()]
        if not free:
            return
        worker = self._rng.choice(free)
        if kind < 0.5:
            self._fleet.kill(worker)
            self._in(amount, lambda: self._fleet.start(worker))
        else:
            long = kind > 0.8
            self._fleet.stop(worker, long)
            self._in(TIMEOUT + 0.5 + amount if long else amount / 2, lambda: self._fleet.go_on(worker))

    def _harm_the_plane(self):
        self._in(self._rng.uniform(2, 6), self._harm_the_plane)
        if self._fleet.keeps and self._rng.random() < 0.75:
            self._fleet.kill_plane()
            self._fleet.start_plane()
        else:
            self._fleet.stop_plane()
            self._in(self._rng.uniform(0.1, 1), self._fleet.continue_plane)
