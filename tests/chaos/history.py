"""What was asked, answered and run in a storm, and the judgement of it: after Jepsen's checker of queues, what was acknowledged and never ended is
lost, what was never asked for is unexpected, and what ran again needs a cause."""

import collections
import threading

# What must not happen, in the order in which it is told.
WRONGS = {
    "lost": "acknowledged, and unknown afterwards",
    "not ended": "acknowledged, and not ended when all was at rest",
    "unknown": "never answered, though all was at rest",
    "failed": "ended, but not with a result of its own",
    "differs": "reported twice, and differently",
    "answered twice": "one request, two answers",
    "unexpected": "run, or reported as run, and it never was",
    "ran twice": "an at_most_once task that ran more than once",
    "attempt twice": "one attempt that ran twice",
    "overtaken": "a result of an attempt that another had replaced",
    "unexplained": "ran again, and nothing had happened to its worker",
    "ended by itself": "a process that nobody had killed",
    "broke": "a client or a question that could not go on",
}


class Task:
    """One task, by its id: what its client knows of it."""

    __slots__ = ("id", "once", "priority", "ms", "sent", "tries", "accepted", "end")

    def __init__(self, number, once, priority, ms):
        self.id, self.once, self.priority, self.ms = number, once, priority, ms
        self.sent, self.tries, self.accepted, self.end = None, 0, False, None

    @property
    def plain(self):
        return self.id.replace("-", "")


class Run:
    """One execution, as the handler wrote it down. `life`: which start of which worker."""

    __slots__ = ("life", "attempt", "at")

    def __init__(self, life, attempt, at):
        self.life, self.attempt, self.at = life, attempt, at


class Life:
    """A process from its start to its end: when it was stopped, and when it was killed."""

    def __init__(self, name, begun):
        self.name, self.begun, self.killed, self.stops = name, begun, None, []

    def was_killed(self, begin, end):
        return self.killed is not None and begin <= self.killed <= end

    def was_stopped(self, begin, end, least):
        return any(a <= end and b >= begin and b - a >= least for a, b in self.stops)


class Book:
    """All tasks of a storm, what became of them, and what went wrong. Safe from several threads."""

    def __init__(self):
        self.tasks, self.runs = {}, collections.defaultdict(list)
        self.wrongs = {kind: {} for kind in WRONGS}  # each by what it is about
        self.counts = collections.Counter()
        self._lock = threading.Lock()

    def add(self, task):
        self.tasks[task.plain] = task
        return task

    def wrong(self, kind, what):
        """`what`: a task's id, or what else it is about, then a colon and the details. The first of each counts."""
        with self._lock:
            self.wrongs[kind].setdefault(what.partition(":")[0], what)

    def count(self, what, by=1):
        with self._lock:
            self.counts[what] += by

    def ended(self, task, state, code, value):
        """What somebody was told of a task's end."""
        end = (state, code, value)
        task.accepted = True
        if task.end is None:
            task.end = end
        elif task.end != end:
            self.wrong("differs", f"{task.id}: {task.end}, then {end}")

    def ran(self, life, lines):
        """What a worker wrote down."""
        for line in lines:
            plain, attempt, at = line.split()
            self.runs[plain].append(Run(life, int(attempt), int(at) / 1e9))

    def total_runs(self):
        return sum(map(len, self.runs.values()))

    def is_good(self):
        return not any(self.wrongs.values())


class Judge:
    """Looks through a book, once all is at rest. Notes what is wrong in it, and counts why tasks ran again."""

    def __init__(self, book, lives, planes, silence):
        """`silence`: how long a worker must stand still to lose what it has."""
        self.book, self.lives, self.planes, self.silence = book, lives, planes, silence
        self.causes = collections.Counter()

    def judge(self):
        for task in self.book.tasks.values():
            self._judge_end(task)
        for plain, runs in self.book.runs.items():
            task = self.book.tasks.get(plain)
            if task is None or task.sent is None:
                self.book.wrong("unexpected", f"{plain}: ran at {runs[0].life} and was never submitted")
            else:
                self._judge_runs(task, sorted(runs, key=lambda run: (run.attempt, run.at)))

    def _judge_end(self, task):
        if task.end is None:
            if task.sent is not None and not task.accepted:
                self.book.wrong("unknown", task.id)
            return  # the other cases were found by asking for it
        state, code, value = task.end
        if state == "success":
            ran = {f'"{run.life} {run.attempt}"' for run in self.book.runs.get(task.plain, ())}
            if value not in ran:
                self.book.wrong("unexpected", f"{task.id}: is said to have run as {value}, and ran as {sorted(ran)}")
        elif not task.once or code not in ("worker_lost", "outcome_unknown"):
            self.book.wrong("failed", f"{task.id}: {state} {code} {value}")

    def _judge_runs(self, task, runs):
        if task.once and len(runs) > 1:
            self.book.wrong("ran twice", f"{task.id}: {self._told(runs)}")
        if len({run.attempt for run in runs}) < len(runs):
            self.book.wrong("attempt twice", f"{task.id}: {self._told(runs)}")
        if task.end is not None and task.end[0] == "success" and int(task.end[2].strip('"').split()[1]) < runs[-1].attempt:
            self.book.wrong("overtaken", f"{task.id}: {task.end[2]}, and ran as {self._told(runs)}")
        latest = max(run.at for run in runs)
        for run in runs[:-1]:
            cause = self._cause(run, task.sent, latest)
            self.causes[cause] += 1
            if cause == "unexplained":
                self.book.wrong("unexplained", f"{task.id}: {self._told(runs)}")

    def _cause(self, run, begin, end):
        life = self.lives[run.life]
        if life.was_killed(begin, end):
            return "its worker was killed"
        if life.was_stopped(begin, end, self.silence):
            return "its worker stood still for too long"
        if any(plane.was_killed(begin, end) for plane in self.planes):
            return "the control plane was killed before its end was stored"
        return "unexplained"

    @staticmethod
    def _told(runs):
        return ", ".join(f"{run.life} attempt {run.attempt} at {run.at:.3f}" for run in runs)
