"""`fastqueue top` in a real terminal, which is tmux with a server of the test's own, and without one."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import unittest

import support

OLD_TEXT = "what stood here before"


class Terminal:
    """A terminal with a shell in it."""

    def __init__(self, case, width=80, height=24):
        if not shutil.which("tmux"):
            raise unittest.SkipTest("there is no tmux")
        self.case = case
        self.socket = os.path.join(case.folder, "tmux")
        case.addCleanup(self.end)
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height), "env", "PS1=ready> ", "bash", "--norc", "--noprofile")
        self.tmux("set-option", "-g", "status", "off")
        self.resize(width, height)
        self.until_shows("^ready>")
        self.clear()

    def clear(self):
        self.type(f"clear; echo {OLD_TEXT}", "Enter")
        self.until_shows(rf"\A{OLD_TEXT}\nready> ?\Z")

    def tmux(self, *words):
        environment = support.environment(HISTFILE="")
        environment.pop("TMUX", None)
        return subprocess.run(["tmux", "-S", self.socket, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, env=environment,
                              cwd=self.case.folder, timeout=support.PATIENCE).stdout

    def end(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=support.PATIENCE)

    def type(self, *keys):
        self.tmux("send-keys", *keys)

    def run(self, *words):
        """Begins `fastqueue` with these words in the shell; when it has ended its exit code is shown."""
        self.type("-l", shlex.join([support.PROGRAM, *words]) + "; echo code $?")
        self.type("Enter")

    def resize(self, width, height):
        self.tmux("resize-window", "-x", str(width), "-y", str(height))
        self.case.assertEqual(self.state("#{pane_width}x#{pane_height}"), f"{width}x{height}")

    def state(self, what):
        return self.tmux("display-message", "-p", what).rstrip("\n")

    def lines(self):
        return self.tmux("capture-pane", "-p").rstrip("\n").split("\n")

    def shows(self, pattern):
        return re.search(pattern, "\n".join(self.lines()), re.MULTILINE)

    def until_shows(self, pattern):
        try:
            self.case.until(lambda: self.shows(pattern), f"the terminal shows {pattern!r}")
        except AssertionError as e:
            raise AssertionError(str(e) + "\n" + "\n".join(self.lines())) from None
        return self.shows(pattern)

    def process(self):
        """Of the program that the shell runs."""
        shell = self.state("#{pane_pid}")
        with open(f"/proc/{shell}/task/{shell}/children", encoding="ascii") as children:
            return int(children.read())

    def modes(self):
        """Whether the alternate screen, the cursor, and new lines at the right end are on."""
        return self.state("#{alternate_on} #{cursor_flag} #{wrap_flag}")


class Top(support.Case):
    IN_TOP = "1 0 0"
    IN_SHELL = "0 1 1"

    def busy(self):
        """A control plane with two workers that run a long task each; another waits, and one is due later."""
        plane = self.plane("--local", "off")
        for name in ("sw1", "sw2"):
            self.worker(name, plane)
        tasks = []
        for _ in range(2):
            tasks.append(self.begin_task(plane, "sleep_ms", 600_000))
            self.until_running(plane, tasks[-1])
        tasks.append(self.begin_task(plane, "sleep_ms", 600_000, options=("--priority", "low")))
        self.begin_task(plane, "add", 1, 2, options=("--countdown", "600"))
        return plane, tasks

    def begin(self, plane, *options, **size):
        terminal = Terminal(self, **size)
        terminal.run("top", "--discovery-address", plane.discovery, "--interval", "0.1", *options)
        terminal.until_shows("^fastqueue top ")
        self.until(lambda: terminal.modes() == self.IN_TOP, "the terminal is in the hands of top")
        return terminal

    def fits(self, terminal, width, height):
        lines = terminal.lines()
        self.assertLessEqual(len(lines), height)
        self.assertLessEqual(max(map(len, lines)), width, lines)
        return lines

    # ---- what stands there

    def test_80_by_24_has_totals_queues_workers_and_running_tasks(self):
        plane, tasks = self.busy()
        terminal = self.begin(plane)
        terminal.until_shows(r"^in \d+\.\d/s  out \d+\.\d/s  queued 1  running 2  due later 1  dead letters 0$")
        lines = self.fits(terminal, 80, 24)
        self.assertEqual(len(lines), 24)
        self.assertRegex(lines[0], rf"^fastqueue top  {plane.discovery}  up \d+\.\d (ms|s|min)  control-plane \S+$")
        self.assertRegex(lines[2], r"^in all: submitted 4  failed 0  retried 0  succeeded 0  cancelled 0")
        self.assertEqual(lines[4].split(), ["PRIORITY", "WAITING", "OLDEST", "RATE", "PAUSED"])
        self.assertEqual([line.split()[:2] for line in lines[5:9]], [["critical", "0"], ["high", "0"], ["normal", "0"], ["low", "1"]])
        self.assertEqual(lines[10].split()[:5], ["WORKER", "STATE", "LOAD", "TASKS", "RATE"])
        self.assertRegex(lines[11], r"^sw1 +active +1/1 +1 +0\.0/s +0 +0 +\d+\.\d m?s ")
        self.assertRegex(lines[12], r"^sw2 +active +1/1 +1 ")
        self.assertEqual(lines[14].split()[:3], ["TASK", "RUNNING", "WORKER"])
        self.assertRegex(lines[15], rf"^sleep_ms +\d+\.\d m?s +sw[12] +1 +normal +\d+\.\d m?s +{tasks[0][-12:]}$")
        self.assertIn(tasks[1][-12:], lines[16])
        self.assertEqual(lines[23], "h help  q quit  [workers by worker]  tasks by running")

    def test_rates_are_those_of_now(self):
        plane = self.plane()
        terminal = self.begin(plane)
        terminal.until_shows(r"^in 0\.0/s  out 0\.0/s")
        load = self.start([support.PROGRAM, "bench", "--discovery-address", plane.discovery, "--task-name", "add", "--args", "5", "3", "--tasks", "1000000"])
        terminal.until_shows(r"^in [1-9]\S*/s  out [1-9]\S*/s (.*\n)+control-plane\.local +active +\d/1 +\d+ +[1-9]\d*(\.\d)?/s +[1-9]")
        load.kill()
        terminal.until_shows(r"^in 0\.0/s  out 0\.0/s")

    def test_it_fits_any_size_also_when_that_changes(self):
        plane, tasks = self.busy()
        terminal = self.begin(plane)
        terminal.until_shows(tasks[0][-12:])
        self.assertFalse(terminal.shows(tasks[0]))
        terminal.resize(160, 40)
        terminal.until_shows(tasks[0])
        self.assertEqual(len(self.fits(terminal, 160, 40)), 40)
        terminal.resize(20, 5)
        terminal.until_shows(r"\Afastqueue top  tc\.\.\.\nin 0\.0/s  out 0\.0/s\nin all: submitted 4\nWORKER +1-1 of 2\nsw1 +active +1/1\Z")
        self.fits(terminal, 20, 5)
        terminal.resize(1, 1)
        terminal.until_shows(r"\Af\Z")
        terminal.resize(80, 24)
        terminal.until_shows(r"^h help  q quit  ")
        self.assertEqual(self.fits(terminal, 80, 24)[14].split()[:2], ["TASK", "RUNNING"])
        self.assertEqual(terminal.state("#{history_size}"), "0", "nothing has been scrolled away")

    # ---- keys

    def first_worker(self, terminal):
        lines = terminal.lines()
        return lines[next(i for i, line in enumerate(lines) if line.startswith("WORKER")) + 1].split()[0]

    def test_keys_sort_and_reverse_the_list_that_is_chosen(self):
        plane, tasks = self.busy()
        terminal = self.begin(plane)
        terminal.until_shows(r"\[workers by worker\]  tasks by running$")
        self.assertEqual(self.first_worker(terminal), "sw1")
        terminal.type("r")
        terminal.until_shows(r"\[workers by worker \(reversed\)\]")
        self.assertEqual(self.first_worker(terminal), "sw2")
        terminal.type("r", "s", "s")
        terminal.until_shows(r"\[workers by load\]  tasks by running$")
        terminal.type("Tab", "s", "r")
        terminal.until_shows(r"\[tasks by age \(reversed\)\]  workers by load$")
        self.assertRegex("\n".join(terminal.lines()), rf"(?s){tasks[1][-12:]}.*{tasks[0][-12:]}")
        terminal.type("?")
        terminal.until_shows("^q quit  s sort  r reverse  p pause  Tab other list  Up/Down scroll  h back$")

    def test_what_the_list_has_no_room_for_can_be_scrolled_to(self):
        plane, _ = self.busy()
        terminal = self.begin(plane, height=14)
        terminal.until_shows(r"^WORKER .* 1-1 of 2$")
        terminal.type("Down")
        terminal.until_shows(r"^WORKER .* 2-2 of 2\nsw2 ")
        terminal.type("Down", "PageDown", "End", "Up")
        terminal.until_shows(r"^WORKER .* 1-1 of 2\nsw1 ")
        self.fits(terminal, 80, 14)

    def test_p_holds_the_figures_until_it_is_pressed_again(self):
        plane, _ = self.busy()
        terminal = self.begin(plane)
        terminal.type("p")
        terminal.until_shows("^PAUSED  fastqueue top ")
        self.begin_task(plane, "add", 1, 2)
        self.assertTrue(terminal.shows(" queued 1 "))
        terminal.type("p")
        terminal.until_shows(" queued 2 ")
        self.assertFalse(terminal.shows("^PAUSED"))

    def test_a_sort_order_can_be_asked_for(self):
        plane, _ = self.busy()
        terminal = self.begin(plane, "--sort", "age")
        terminal.until_shows(r"\[tasks by age\]  workers by worker$")
        self.assertIn("did you mean load?", self.error("top", "--sort", "laod", expect=2))
        self.assertIn("'0.05'", self.error("top", "--interval", "0.05", expect=2))
        self.assertIn("'0'", self.error("top", "--count", "0", expect=2))

    # ---- the end, and the terminal after it

    def check_shell_is_back(self, terminal, before):
        terminal.until_shows(rf"^{OLD_TEXT}$")
        self.assertEqual(terminal.modes(), self.IN_SHELL)
        terminal.type("stty -a > after; echo asked", "Enter")
        terminal.until_shows("^asked$")
        with open(os.path.join(self.folder, "after"), encoding="utf-8") as after:
            self.assertEqual(after.read(), before)

    def stty(self, terminal):
        terminal.type("stty -a > before; echo kept", "Enter")
        terminal.until_shows("^kept$")
        terminal.clear()
        with open(os.path.join(self.folder, "before"), encoding="utf-8") as before:
            return before.read()

    def test_the_terminal_is_as_it_was_however_it_ends(self):
        plane, _ = self.busy()
        terminal = Terminal(self)
        before = self.stty(terminal)
        ways = {"q": 0, "C-c": 0, "C-\\": 0, signal.SIGTERM: 0, signal.SIGHUP: 0, "--count": 0}
        for way, code in ways.items():
            with self.subTest(way=way):
                terminal.clear()
                count = ("--count", "3") if way == "--count" else ()
                terminal.run("top", "--discovery-address", plane.discovery, "--interval", "0.3", *count)
                terminal.until_shows("^fastqueue top ")
                if isinstance(way, int):
                    os.kill(terminal.process(), way)
                elif not count:
                    terminal.type(way)
                terminal.until_shows(f"^code {code}$")
                self.check_shell_is_back(terminal, before)

    def test_it_can_be_left_while_nobody_answers(self):
        terminal = Terminal(self)
        before = self.stty(terminal)
        plane, _ = self.busy()
        terminal.run("top", "--discovery-address", plane.discovery, "--interval", "0.1")
        terminal.until_shows("^fastqueue top ")
        plane.kill()
        terminal.until_shows("^NO ANSWER for ")
        terminal.type("q")
        terminal.until_shows("^code 0$")
        self.check_shell_is_back(terminal, before)

    def test_ctrl_z_gives_the_shell_back_and_fg_goes_on(self):
        plane, _ = self.busy()
        terminal = self.begin(plane)
        for _ in range(2):
            terminal.type("C-z")
            terminal.until_shows(r"^\[1\]\+ +Stopped ")
            self.assertEqual(terminal.modes(), self.IN_SHELL)
            self.assertTrue(terminal.shows(f"^{OLD_TEXT}$"))
            terminal.type("fg", "Enter")
            terminal.until_shows("^fastqueue top ")
            self.assertEqual(terminal.modes(), self.IN_TOP)
        terminal.type("q")
        terminal.until_shows("^code ")

    # ---- a control plane that goes

    def test_a_control_plane_that_goes_is_told_of_and_found_again(self):
        base, management, discovery = support.free_ports()
        where = {"base": base, "port": management, "discovery": discovery}
        plane = self.plane("--local", "off", **where)
        self.begin_task(plane, "add", 1, 2, options=("--countdown", "600"))
        terminal = self.begin(plane)
        terminal.until_shows(" due later 1 ")
        plane.kill()
        terminal.until_shows(r"^NO ANSWER for \d\.\d s  fastqueue top ")
        self.assertTrue(terminal.shows(" due later 1 "), "the last figures stay")
        self.assertRegex(terminal.tmux("capture-pane", "-p", "-e"), r"\x1b\[(0;)?2m\S*in ", "and are seen to be old")
        terminal.type("s")
        terminal.until_shows("workers by state")
        self.plane("--local", "off", **where)
        terminal.until_shows(" due later 0 ")
        self.assertFalse(terminal.shows("NO ANSWER"))
        terminal.until_shows("^in 0.0/s ")

    def test_without_any_control_plane_it_fails_as_other_commands_do(self):
        where = ("--discovery-address", "tcp://127.0.0.1:1", "--retries", "0")
        self.assertEqual(self.error("top", *where, expect=3), self.error("workers", *where, expect=3))
        terminal = Terminal(self)
        terminal.run("top", *where)
        terminal.until_shows("^code 3$")
        self.assertTrue(terminal.shows("^fastqueue: nobody answers at "))
        self.assertEqual(terminal.modes(), self.IN_SHELL)

    # ---- without a terminal

    def test_without_a_terminal_it_prints_figures_as_plain_text(self):
        plane, tasks = self.busy()
        text = self.run_cli("top", "--discovery-address", plane.discovery, "--interval", "0.1", "--count", "2").stdout
        self.assertNotIn("\x1b", text)
        self.assertEqual(len(re.findall("^fastqueue top ", text, re.MULTILINE)), 2)
        self.assertRegex(text, rf"(?m)^sleep_ms +\d+\.\d m?s +sw[12] .* {tasks[0]}$")
        self.assertRegex(text, r"(?m)^in -  out -  queued 1  running 2 ")
        self.assertRegex(text, r"(?m)^in 0\.0/s  out 0\.0/s  queued 1  running 2  due later 1  dead letters 0  sent ahead 0$")

    def test_as_json_each_figures_are_an_object_on_a_line(self):
        plane, tasks = self.busy()
        rows = self.rows("top", "--discovery-address", plane.discovery, "--interval", "0.1", "--count", "2")
        self.assertEqual(len(rows), 2)
        self.assertEqual((rows[0]["stats"]["waiting"], rows[0]["health"]["status"]), (1, "ok"))
        self.assertEqual([row["id"] for row in rows[1]["running"]], tasks[:2])
        self.assertEqual((rows[1]["in_per_second"], rows[1]["out_per_second"]), (0, 0))
        self.assertNotIn("in_per_second", rows[0])
        self.assertEqual([row["id"] for row in rows[1]["workers"]], ["sw1", "sw2"])
        self.assertIn("critical", rows[1]["queues"])

    def test_without_a_terminal_it_ends_with_its_reader_or_by_a_signal(self):
        plane, _ = self.busy()
        words = [support.PROGRAM, "top", "--discovery-address", plane.discovery, "--interval", "0.1"]
        first = subprocess.run(["bash", "-c", '"$@" | head -1', "bash", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=support.PATIENCE,
                               cwd=self.folder, env=support.environment())
        self.assertRegex(first.stdout, "^fastqueue top ")
        running = self.start(words)
        running.wait_for("^in 0.0/s ")
        self.stops(running, signal.SIGTERM)

    def test_without_a_terminal_silence_is_told_once_on_standard_error(self):
        base, management, discovery = support.free_ports()
        where = {"base": base, "port": management, "discovery": discovery}
        plane = self.plane(**where)
        running = self.start([support.PROGRAM, "top", "--discovery-address", plane.discovery, "--interval", "0.1", "--output", "json"])
        self.assertEqual(json.loads(running.wait_for(r"^\{.*\}$")[0])["health"]["status"], "ok")
        plane.kill()
        running.wait_for(f"^fastqueue: no answer from {plane.discovery}; it is asked on$")
        self.plane(**where)
        running.wait_for(f"^fastqueue: {plane.discovery} answers again$")
        running.wait_for(r"^\{.*\}$")
        self.stops(running, signal.SIGINT)


if __name__ == "__main__":
    support.main()
