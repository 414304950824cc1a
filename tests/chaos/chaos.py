"""A storm over real processes: a control plane, subworkers and clients, while subworkers are killed, stopped and started again, and, where the
store keeps tasks, the control plane is killed as well. Then the faults stop, all must come to rest, and every task is asked for.

usage: chaos.py [--tasks 100000] [--seconds 120] [--store memory|sqlite] [--seed N] [--workers 4] [--keep]

FASTQUEUE_BIN_DIR names the folder of the built programs. Prints a table. The exit code is 1 where a task was lost, reported in two ways, run
though nobody asked, or run again without a cause; their ids are then told on standard error. Python 3 and pyzmq; nothing but loopback."""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import uuid

import zmq

import clients
import fleet
import history
from clients import peers, support

REST = 60  # seconds in which all must have ended once the faults have stopped
TOLD = 20  # of each kind of wrong


def make_tasks(book, run, rng):
    """Half of them take no time, the others keep the workers busy half of theirs; a few are to run at most once."""
    mean = 1000 * run.seconds * run.workers * fleet.CONCURRENCY / run.tasks  # milliseconds
    made = []
    for _ in range(run.tasks):
        ms = min(int(rng.expovariate(1 / mean)), 500) if rng.random() < 0.5 else 0
        number = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        made.append(book.add(history.Task(number, rng.random() < 0.05, rng.choice(support.PRIORITIES), ms)))
    return made


def discover(address):
    """Where a control plane listens."""
    context = zmq.Context()
    try:
        socket = context.socket(zmq.DEALER)
        socket.linger = 0
        socket.connect(address)
        return peers.Ports(peers.Peer(socket).ask("FQ1 discover").value())
    finally:
        context.destroy(0)


def make_clients(book, tasks, ports, run, processes, rng):
    """Three ZeroMQ clients and the command line, with a share each."""
    shares = [tasks[i::10] for i in range(10)]
    plans = [(sum(shares[first:first + 3], []), calls) for first, calls in ((0, False), (3, False), (6, True))]
    spread = run.seconds * 0.9
    paced = lambda own: clients.Pace(own, spread, random.Random(rng.random()))
    made = [clients.Dealer(book, paced(own), own, ports.normal, ports.epoch, calls) for own, calls in plans]
    own = shares[9]
    for task in own:
        task.once = False  # a line cannot ask for that
    made.append(clients.CommandLine(book, paced(own), own, processes.discovery, processes.folder, rng.random()))
    return made


def come_to_rest(working, processes):
    """Waits until the clients have all their results. How long that took."""
    begun = time.monotonic()
    while any(client.is_alive() for client in working) and time.monotonic() - begun < REST:
        processes.look_after()
        time.sleep(0.02)
    took = time.monotonic() - begun
    stop(working)
    return took


def stop(working):
    """The clients end, and the command lines that they have started."""
    for client in working:
        client.stopping.set()
    for client in working:
        if client.is_alive():
            client.join(REST)


def weather(run, book, processes, rng, working):
    """The storm, the rest after it, and the questions. What it took, by name. `working` gets the clients."""
    processes.start_plane()
    for worker in processes.workers:
        processes.start(worker)
    ports = discover(processes.discovery)
    tasks = make_tasks(book, run, rng)
    working += make_clients(book, tasks, ports, run, processes, rng)
    begun = time.monotonic()
    for client in working:
        client.start()
    fleet.Storm(processes, rng).run(run.seconds)
    processes.heal()
    rest = come_to_rest(working, processes)
    took = time.monotonic() - begun
    audit(book, tasks, processes, ports.results)
    memory = processes.peak_memory()
    processes.end_in_good_order()
    processes.read_runs()
    return {"seconds until all had ended": f"{took:.1f}", "of which after the faults": f"{rest:.1f}", "tasks a second": f"{len(tasks) / took:.0f}",
            "longest start of the control plane": f"{max(processes.starting):.2f} s", "its memory at the most": f"{memory:.0f} MiB"}


def audit(book, tasks, processes, port):
    """Asks for each task, and where they are kept once more after another restart."""
    known = [task for task in tasks if task.accepted and not (task.end and task.end[0] == "refused")]
    auditor = clients.Auditor(book, port)
    auditor.ask(known, REST)
    if processes.keeps:
        processes.kill_plane()
        processes.start_plane()
        auditor.ask(known, REST)


def rows(run, book, judge, times):
    """The table: what is counted, and how often."""
    tasks = book.tasks.values()
    ends = {}
    for task in tasks:
        name = task.end[0] if task.end and task.end[0] == "success" else (task.end[1] if task.end else "none")
        ends[name] = ends.get(name, 0) + 1
    yield "store", run.store
    yield "seed", run.seed
    if run.store == "sqlite":
        yield "--reunion of the control plane", run.reunion
    yield "tasks submitted", sum(task.sent is not None for task in tasks)
    yield "acknowledged", sum(task.accepted for task in tasks)
    for name, count in sorted(ends.items(), key=lambda row: -row[1]):
        yield f"ended: {name}", count
    yield "runs", book.total_runs()
    yield "tasks that ran more than once", sum(len(runs) > 1 for runs in book.runs.values())
    for cause, count in judge.causes.most_common():
        yield f"ran again: {cause}", count
    yield from sorted(book.counts.items())
    yield from times.items()
    for kind, found in book.wrongs.items():
        yield f"wrong: {kind}", len(found)


def read_arguments(words):
    parser = argparse.ArgumentParser(description="A storm of kills, stops and restarts over real processes; every task is accounted for.")
    parser.add_argument("--tasks", type=int, default=100_000, help="how many, in all (100000)")
    parser.add_argument("--seconds", type=float, default=120, help="how long faults are made (120)")
    parser.add_argument("--store", choices=("memory", "sqlite"), default="memory")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32), help="of the tasks and the faults (random)")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--keep", action="store_true", help="leave the folder with the store and the logs where it is, and say where")
    run = parser.parse_args(words)
    for name, least, most in (("tasks", 1, 10_000_000), ("seconds", 1, 86_400), ("workers", 1, 64)):
        if not least <= getattr(run, name) <= most:
            parser.error(f"--{name} '{getattr(run, name)}' is not {least} to {most}: choose one of these")
    return run


def main(words):
    run = read_arguments(words)
    if not os.access(support.PROGRAM, os.X_OK):
        raise SystemExit(f"chaos.py: there is no {support.PROGRAM}: set FASTQUEUE_BIN_DIR to the folder of the built programs")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that what was started is ended
    folder = tempfile.mkdtemp(prefix="fastqueue-chaos-", dir=os.environ.get("TMPDIR"))
    book, rng = history.Book(), random.Random(run.seed)
    run.reunion = rng.choice((0.5, 2, 10))  # short enough for work to go on between two kills, and the default, which is not
    processes = fleet.Fleet(book, folder, run.store, run.workers, run.tasks, run.reunion)
    working = []
    try:
        times = weather(run, book, processes, rng, working)
    finally:
        stop(working)
        processes.close()
        print(f"chaos.py: its folder is {folder}", file=sys.stderr) if run.keep else fleet.shutil.rmtree(folder, ignore_errors=True)
    judge = history.Judge(book, processes.lives, processes.planes, fleet.TIMEOUT * 0.9)
    judge.judge()
    for name, figure in rows(run, book, judge, times):
        print(f"{name:<62}{figure:>12}")
    for kind, found in book.wrongs.items():
        for what in list(found.values())[:TOLD]:
            print(f"chaos.py: {kind} ({history.WRONGS[kind]}): {what}", file=sys.stderr)
        if len(found) > TOLD:
            print(f"chaos.py: {kind}: and {len(found) - TOLD} more", file=sys.stderr)
    return 0 if book.is_good() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
