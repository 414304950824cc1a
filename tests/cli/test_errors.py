"""Each mistake on the command line gets one line that names thing, value and mend, and code 2."""

import pathlib
import re
import shutil

import support

SUBWORKER = ("subworker", "--worker-id", "w", "--control-plane-address", "tcp://127.0.0.1:5555")


class Mistakes(support.Case):
    def check(self, words, *parts, expect=2):
        with self.subTest(words=words):
            text = self.error(*words, expect=expect)
            for part in parts:
                self.assertIn(part, text)

    def test_commands(self):
        self.check((), "command is missing", "control-plane", "--help")
        self.check(("sumbit",), "'sumbit'", "submit?")
        self.check(("frobnicate",), "'frobnicate'", "workers")
        self.check(("workers", "all"), "workers", "'all'")

    def test_options_before_the_command_are_refused_and_not_passed_over(self):
        self.check(("--output", "json", "workers"), "'--output' stands before the command", "fastqueue workers --output")
        self.check(("--log-level", "loud", "control-plane"), "--log-level 'loud'")  # the one that may
        self.check(("--log-level", "debug", "workers"), "workers has no option --log-level")
        self.check(("--bogus", "list", "--task-modules", "mytasks"), "'--bogus'", "fastqueue list")

    def test_unknown_options_name_the_nearest(self):
        self.check(("submit", "--tsk-name", "add"), "--tsk-name", "--task-name?")
        self.check(("control-plane", "--base-adress=tcp://127.0.0.1:0"), "--base-adress", "--base-address?")
        self.check(("submit", "--task-name", "add", "--args", 1, "--priorty", "low"), "--priorty", "--priority?")
        self.check(("workers", "--zzzzzzzzzz"), "--zzzzzzzzzz", "workers --help")

    def test_values_that_are_missing_or_too_many(self):
        self.check(("submit", "--task-name"), "--task-name", "value")
        self.check(("submit", "--task-name", "--priority", "low"), "--task-name", "--priority follows")
        self.check(("submit",), "--task-name is missing")
        self.check(("submit", "--task-name", "a", "--task-name", "b"), "--task-name", "2 times")
        self.check(("submit", "--task-name", "a", "--non-blocking=maybe"), "--non-blocking")
        self.check(("status",), "--task-id is missing")
        self.check(("subworker",), "--worker-id is missing")
        self.check(("subworker", "--worker-id", "a"), "--control-plane-address is missing")

    def test_numbers(self):
        self.check(("control-plane", "--result-cache-size", "-5"), "--result-cache-size", "'-5'", "whole number")
        self.check(("control-plane", "--result-cache-size", "many"), "'many'")
        self.check(("control-plane", "--result-cache-size", "1.5"), "'1.5'")
        self.check(("control-plane", "--result-cache-ttl", "0"), "--result-cache-ttl", "'0'")
        self.check(("control-plane", "--subworker-port", "65536"), "--subworker-port", "65535")
        self.check(("control-plane", "--worker-timeout", "-1"), "--worker-timeout", "'-1'", "seconds")
        self.check(("control-plane", "--worker-timeout", "0"), "--worker-timeout", "0.1 and up")
        self.check(("control-plane", "--grace", "nan"), "--grace", "'nan'")
        self.check(("control-plane", "--worker-grace", "-1"), "--worker-grace", "'-1'")
        self.check((*SUBWORKER, "--grace", "soon"), "--grace", "'soon'")
        self.check(("control-plane", "--max-deaths", "0"), "--max-deaths", "'0'")
        self.check((*SUBWORKER, "--concurrency", "0"), "--concurrency", "1 to 1024")
        self.check(("submit", "--task-name", "a", "--countdown", "-1"), "--countdown", "'-1'")
        self.check(("submit", "--task-name", "a", "--timeout", "soon"), "--timeout", "'soon'")
        self.check(("submit", "--task-name", "a", "--timeout", "1e99"), "--timeout", "'1e99'")
        self.check(("submit", "--task-name", "a", "--retries", "99999999999999999999"), "--retries")

        self.check(("submit", "--task-name", "a", "--retry-backoff", "0.5"), "--retry-backoff", "'0.5'", "1 to 100")
        self.check(("submit", "--task-name", "a", "--retry-jitter", "2"), "--retry-jitter", "'2'", "0 to 1")
        self.check(("submit", "--task-name", "a", "--expires", "0"), "--expires", "'0'", "over 0")

    def test_times(self):
        for wrong in ("tomorrow", "2026-12-24", "2026-12-24T18:00:00", "2026-02-30T18:00:00Z", "2026-12-24T24:00:00Z", "2026-12-24T18:61Z",
                      "2026-12-24T18:00:00.Z", "2026-12-24T18:00.5Z", "2026-12-24T18:00:00+01:", "2026-12-24T18:00:00+25:00", "2026-12-24T18:00:00Z and more", "26-12-24T18:00:00Z"):
            with self.subTest(time=wrong):
                self.check(("submit", "--task-name", "a", "--eta", wrong), "--eta", f"'{wrong}'", "2026-12-24T18:00:00+01:00")

    def test_options_that_exclude_each_other(self):
        self.check(("submit", "--task-name", "a", "--countdown", "5", "--eta", "2026-12-24T18:00:00Z"), "countdown and eta")

    def test_words(self):
        self.check(("submit", "--task-name", "a", "--delivery", "once"), "--delivery", "'once'", "at_least_once or at_most_once")
        self.check(("submit", "--task-name", "a", "--key", "a b"), "--key", "'a b'", "without spaces")
        self.check(("submit", "--task-name", "a", "--priority", "hihg"), "--priority", "'hihg'", "critical, high, normal or low", "high?")
        self.check(("submit", "--task-name", "a", "--output", "xml"), "--output", "'xml'", "text or json")
        self.check(("control-plane", "--local", "maybe"), "--local", "thread, process or off")
        self.check(("control-plane", "--unknown-tasks", "no"), "--unknown-tasks", "auto, wait or refuse")

    def test_addresses(self):
        for bad, why in (("127.0.0.1:5555", "tcp://"), ("tcp://127.0.0.1", "port is missing"), ("tcp://:5555", "host is missing"),
                         ("tcp://127.0.0.1:70000", "65535"), ("tcp://127.0.0.1:x", "not a number"), ("", "tcp://"), ("tcp://a b:1", "character")):
            self.check(("control-plane", "--base-address", bad), "--base-address", f"'{bad}'", why)
            self.check(("workers", "--discovery-address", bad), "--discovery-address", f"'{bad}'", why)
        self.check(("workers", "--discovery-address", "tcp://127.0.0.1:0"), "--discovery-address", "port")
        self.check(("workers", "--discovery-address", "tcp://*:5550"), "--discovery-address", "host")
        self.check(("control-plane", "--base-address", "tcp://127.0.0.1:65533"), "65533", "65531")
        self.check((*SUBWORKER, "--base-address", "tcp://127.0.0.1:65533"), "65533", "65532")
        self.check(("control-plane", "--advertise-address", "tcp://a:1"), "--advertise-address", "host")
        self.check(("control-plane", "--worker-allow", "10.0.0.1", "a b"), "--worker-allow", "'a b'")
        self.check(("control-plane", "--subworker-port", "5557"), "5557", "5555 to 5559", "5560")
        self.check(("control-plane", "--discovery-address", "tcp://127.0.0.1:5560"), "--discovery-address", "5560")

    def test_a_subworker_never_takes_the_ports_of_the_control_plane_it_waits_for(self):
        base, _, _ = support.free_ports()
        port = int(base.rsplit(":", 1)[1])
        for own in (port - 3, port):
            self.check(("subworker", "--worker-id", "w", "--control-plane-address", base, "--base-address", f"tcp://127.0.0.1:{own}"),
                       f"port {port} is taken by the control plane", "--base-address tcp://127.0.0.1:0", expect=1)

    def test_names_and_ids(self):
        self.check(("control-plane", "--worker-id", "a b"), "--worker-id", "'a b'")
        self.check(("subworker", "--worker-id", "x" * 256), "--worker-id", "255")
        self.check(("submit", "--task-name", "a/b"), "--task-name", "'a/b'")
        self.check(("status", "--task-id", "17"), "--task-id", "'17'")

    def test_modules(self):
        for role in (("control-plane", "--base-address", support.FREE, "--discovery-address", support.FREE), SUBWORKER, ("list",)):
            self.check((*role, "--task-modules", "nomod"), "nomod", "libnomod.so")
            self.check((*role, "--task-modules", "mytasks,nomod"), "nomod")
            self.check((*role, "--task-modules", "mytasks", "nomod"), "nomod")
        pathlib.Path(self.folder, "junk.so").write_text("not a shared object")
        self.check(("list", "--task-modules", "junk"), "junk.so")
        self.check(("list", "--task-modules", "./gone.so"), "./gone.so")
        shutil.copy(support.BIN / "mytasks.so", pathlib.Path(self.folder, "other.so"))
        self.check(("list", "--task-modules", "mytasks", "other"), "twice", "other.so")

    def test_modules_by_comma_space_path_and_search_path(self):
        place = pathlib.Path(self.folder, "modules")
        place.mkdir()
        shutil.copy(support.BIN / "mytasks.so", place / "libelsewhere.so")
        for modules in (("mytasks",), ("mytasks,mytasks",), ("mytasks", "mytasks"), ("modules/libelsewhere.so",)):
            self.assertIn("add(", self.run_cli("list", "--task-modules", *modules).stdout)
        self.assertIn("add(", self.run_cli("list", "--task-modules", "elsewhere", FASTQUEUE_MODULE_PATH=str(place)).stdout)


class Taken(support.Case):
    """Ports and names that somebody else has: code 1 and 5."""

    @classmethod
    def setUpClass(cls):
        cls.shared = support.Plane()
        cls.addClassCleanup(cls.shared.kill)

    def test_a_subworker_on_the_control_planes_ports_is_told_which_are_free(self):
        port = self.shared.base.rsplit(":", 1)[1]
        text = self.error("subworker", "--worker-id", "w", "--control-plane-address", self.shared.base, "--base-address", self.shared.base, expect=1)
        self.assertIn(f"port {port} is taken", text)
        self.assertIn("--base-address tcp://127.0.0.1:0", text)
        free = re.search(r"--base-address (tcp://127\.0\.0\.1:[1-9]\d*) ", text)
        if free:  # none is named where the ports end
            worker = self.start([support.PROGRAM, "subworker", "--worker-id", "w", "--control-plane-address", self.shared.base,
                                 "--discovery-address", self.shared.discovery, "--base-address", free[1]])
            worker.wait_for("^registered")

    def test_a_second_control_plane_is_told_which_option_moves_it(self):
        text = self.error("control-plane", "--base-address", self.shared.base, "--discovery-address", support.FREE, "--subworker-port", 0, expect=1)
        self.assertIn(f"port {self.shared.base.rsplit(':', 1)[1]} is taken", text)
        self.assertIn("--base-address tcp://127.0.0.1:0", text)
        text = self.error("control-plane", "--base-address", support.FREE, "--discovery-address", self.shared.discovery, expect=1)
        self.assertIn(f"port {self.shared.discovery.rsplit(':', 1)[1]} is taken", text)
        self.assertIn("--discovery-address", text)

    def test_a_management_port_that_is_taken_is_named(self):
        text = self.error("control-plane", "--base-address", support.FREE, "--discovery-address", support.FREE,
                          "--subworker-port", self.shared.management, expect=1)
        self.assertIn(f"port {self.shared.management} is taken", text)
        self.assertIn("--subworker-port", text)

    def test_a_worker_id_in_use_is_refused_and_the_first_keeps_it(self):
        self.worker("twin", self.shared)
        second = self.begin_worker("twin", self.shared)
        self.assertEqual(second.wait(), 5)
        self.assertIn("twin", second.lines[-1])
        self.assertTrue(second.lines[-1].startswith("fastqueue: "), second.lines)
        self.assertEqual(self.workers(self.shared)["twin"]["state"], "active")


if __name__ == "__main__":
    support.main()
