"""Celery's side of benchmarks/compare: its worker and who submits, started by compare itself.

usage: celery_app.py work PORT
       celery_app.py submit PORT IN_FLIGHT PAYLOAD SECONDS

PORT is the redis-server's. A worker says "ready" on standard output. Who submits warms up, says "ready", waits for a line,
runs, says "tasks wrong seconds p50_us p99_us" and waits for another.
"""
import collections
import os
import sys
import time

import celery
from celery.signals import worker_ready

MODE, PORT = sys.argv[1:3]
URL = f"redis://127.0.0.1:{PORT}/0"
app = celery.Celery("benchmark", broker=URL, backend=URL)
app.conf.result_expires = 60


@app.task(name="add")
def add(x, y, padding=""):
    return [x + y, 0, padding] if padding else x + y


def work():
    told = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what it says of itself is not for compare

    @worker_ready.connect
    def say(**_):
        print("ready", file=told, flush=True)

    app.worker_main(["worker", "--pool=solo", "--loglevel=ERROR", f"--hostname=w{os.getpid()}@benchmark",
                     "--without-mingle", "--without-gossip"])


def run(in_flight, arguments, expected, seconds):
    """A closed loop; answers are awaited in the order of the tasks. Returns how many, how many wrong, the time, times."""
    waiting = collections.deque()
    times = []
    wrong = 0
    begin = now = time.perf_counter()
    while waiting or now < begin + seconds:
        while now < begin + seconds and len(waiting) < in_flight:
            waiting.append((time.perf_counter(), add.delay(*arguments)))
        sent, result = waiting.popleft()
        wrong += result.get(timeout=20) != expected
        now = time.perf_counter()
        times.append(now - sent)
    return len(times), wrong, now - begin, sorted(times)


def submit(in_flight, payload, seconds):
    padding = "0" * (payload - len('[5,3,""]')) if payload > 16 else ""
    arguments = (5, 3, padding) if padding else (5, 3)
    expected = [8, 0, padding] if padding else 8
    _, wrong_before, _, _ = run(in_flight, arguments, expected, seconds / 5)
    print("ready", flush=True)
    sys.stdin.readline()
    done, wrong, took, times = run(in_flight, arguments, expected, seconds)
    p50, p99 = (times[int((done - 1) * part)] * 1e6 if in_flight == 1 else 0 for part in (0.5, 0.99))
    print(done, wrong + wrong_before, took, p50, p99, flush=True)
    sys.stdin.readline()


if MODE == "work":
    work()
else:
    submit(int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
