"""Where an option's value comes from: the argument, the environment, a file, the default, in this order."""

import pathlib
import re

import support

NOBODY = "tcp://127.0.0.1:1"
QUICK = ("--retries", 0, "--timeout", 2)


class Config(support.Case):
    def file(self, text, name="fq.toml"):
        pathlib.Path(self.folder, name).write_text(text, encoding="utf-8")
        return name

    def start_plane(self, *options, **variables):
        """A control plane that is only looked at. What it prints first."""
        started = self.start([support.PROGRAM, "control-plane", *options], env=support.environment(**variables))
        started.wait_for("^tasks: ")
        return started

    def name_of(self, *options, **variables):
        free = ("--base-address", support.FREE, "--discovery-address", support.FREE)
        plane = self.start_plane(*free, *options, **variables)
        return re.search("^control plane '(.*)' listens", plane.lines[0])[1]


class Precedence(Config):
    def test_a_name_comes_from_argument_then_environment_then_file_then_default(self):
        file = ("--config", self.file('worker-id = "filed"\n'))
        self.assertEqual(self.name_of(), "control-plane")
        self.assertEqual(self.name_of(*file), "filed")
        self.assertEqual(self.name_of(*file, FASTQUEUE_WORKER_ID="set"), "set")
        self.assertEqual(self.name_of(*file, "--worker-id", "given", FASTQUEUE_WORKER_ID="set"), "given")
        self.assertEqual(self.name_of("--worker-id", "given", FASTQUEUE_WORKER_ID="set"), "given")

    def test_an_address_comes_from_argument_then_environment_then_file(self):
        def asked(*options, **variables):
            return re.search(r"tcp://\S+:\d+", self.error("workers", *QUICK, *options, expect=3, **variables))[0]

        base, _, _ = support.free_ports()
        port = int(base.rsplit(":", 1)[1])
        filed, named, given = (f"tcp://127.0.0.1:{port + i}" for i in range(3))
        file = ("--config", self.file(f'discovery-address = "{filed}"'))
        self.assertEqual(asked(*file), filed)
        self.assertEqual(asked(*file, FASTQUEUE_DISCOVERY_ADDRESS=named), named)
        self.assertEqual(asked(*file, "--discovery-address", given, FASTQUEUE_DISCOVERY_ADDRESS=named), given)

    def test_a_list_comes_whole_from_one_place(self):
        file = ("--config", self.file('task-modules = ["mytasks", "gone-1"]'))
        self.assertIn("gone-1", self.error("list", *file, expect=2))
        self.assertIn("gone-2", self.error("list", *file, expect=2, FASTQUEUE_TASK_MODULES="mytasks,gone-2"))
        self.assertIn("add(", self.run_cli("list", *file, "--task-modules", "mytasks", FASTQUEUE_TASK_MODULES="gone-2").stdout)

    def test_a_file_can_be_named_by_the_environment_and_the_argument_goes_first(self):
        first, second = self.file('worker-id = "first"', "1.toml"), self.file('worker-id = "second"', "2.toml")
        self.assertEqual(self.name_of(FASTQUEUE_CONFIG=first), "first")
        self.assertEqual(self.name_of("--config", second, FASTQUEUE_CONFIG=first), "second")

    def test_a_commands_own_table_goes_before_what_is_for_all(self):
        file = ("--config", self.file('worker-id = "all"\n[subworker]\nworker-id = "not this"\n[control-plane]\nworker-id = "own"\n'))
        self.assertEqual(self.name_of(*file), "own")
        self.assertEqual(self.name_of("--config", self.file('[subworker]\nworker-id = "sw"\n')), "control-plane")

    def test_a_whole_control_plane_from_a_file(self):
        file = self.file(f"""# comment
discovery-address = '{support.FREE}'\t# as it is
[ control-plane ]
"worker-id" = "pl-1"
log-file = "a#b.log"  # text in quotes is taken as it is
base-address = "{support.FREE}"
worker-timeout = 1_0.5
result-cache-size = +20_000
task-modules = [  # several lines
  "mytasks",
]
""")
        plane = self.start_plane("--config", file)
        self.assertIn("control plane 'pl-1' listens", plane.lines[0])
        self.assertIn("add, ", plane.lines[1])
        self.assertIn("'pl-1' listens", pathlib.Path(self.folder, "a#b.log").read_text(encoding="utf-8"))

    def test_an_empty_file_an_empty_variable_and_lines_of_windows_change_nothing(self):
        self.assertEqual(self.name_of("--config", self.file("")), "control-plane")
        self.assertEqual(self.name_of("--config", self.file("\ufeff# x\r\n\r\nworker-id = \"w\"\r\n[list]\r\n")), "w")
        self.assertEqual(self.name_of(FASTQUEUE_WORKER_ID=""), "control-plane")


class Environment(Config):
    # The others are called like their option.
    CANCELS = {"--name", "--tag", "--priority", "--state", "--all"}  # only who types them means them
    VARIABLES = {"--concurrency": "FASTQUEUE_WORKER_CONCURRENCY", "submit --timeout": "FASTQUEUE_TASK_TIMEOUT",
                 "submit --retries": "FASTQUEUE_TASK_RETRIES", "submit --wait": "FASTQUEUE_TIMEOUT", "submit --connect-retries": "FASTQUEUE_RETRIES"}
    VARIABLES |= {name.replace("submit", "schedule"): variable for name, variable in VARIABLES.items() if name.startswith("submit")}
    VARIABLES["schedule --count"] = "FASTQUEUE_SCHEDULE_COUNT"
    ONLY_TYPED = ("--help", "--args", "--kwargs")

    def options_of(self, command):
        text = self.run_cli(command, "--help").stdout
        return dict(re.findall(r"^  (?:-\w,)?(--[a-z-]+)(.*?)(?=^  -|^$)", text, re.M | re.S))

    def commands(self):
        text = self.run_cli("--help").stdout
        return [c for c in re.findall(r"^  ([a-z-]+) ", text.split("Subcommands:")[1], re.M) if c != "completion"]

    def test_each_option_of_each_command_names_its_variable_in_the_help(self):
        commands = self.commands()
        self.assertTrue({"control-plane", "subworker", "submit", "workers"} <= set(commands), commands)
        for command in commands:
            options = self.options_of(command)
            self.assertIn("--config", options)
            variables = []
            for option, text in options.items():
                if option in self.ONLY_TYPED or (command == "cancel" and option in self.CANCELS):
                    continue
                usual = "FASTQUEUE_" + option[2:].upper().replace("-", "_")
                name = self.VARIABLES.get(f"{command} {option}", self.VARIABLES.get(option, usual))
                variables += re.findall(r"\[(FASTQUEUE_[A-Z_]+)\]", text)
                self.assertEqual(variables[-1:], [name], f"{command} {option}: {text}")
            self.assertEqual(len(variables), len(set(variables)), f"each has its own: {variables}")

    def test_errors_name_the_variable(self):
        for name, value, command in (("FASTQUEUE_WORKER_TIMEOUT", "soon", "control-plane"), ("FASTQUEUE_MAX_DEATHS", "0", "control-plane"),
                                     ("FASTQUEUE_WORKER_CONCURRENCY", "x", "control-plane"), ("FASTQUEUE_UNKNOWN_TASKS", "no", "control-plane"),
                                     ("FASTQUEUE_OUTPUT", "xml", "workers"), ("FASTQUEUE_RETRIES", "-1", "workers"),
                                     ("FASTQUEUE_PRIORITY", "hihg", "submit"), ("FASTQUEUE_NON_BLOCKING", "maybe", "submit"),
                                     ("FASTQUEUE_LOG_LEVEL", "loud", "subworker"), ("FASTQUEUE_GRACE", "-1", "subworker")):
            with self.subTest(name=name):
                self.assertIn(f"{name} '{value}' is not", self.error(command, expect=2, **{name: value}))

    def test_a_flag_is_set_and_unset_by_words(self):
        plane = self.plane("--local", "off")
        submit = ("submit", "--discovery-address", plane.discovery, "--task-name", "add")
        for word in ("1", "true", "yes", "on", "TRUE"):
            task = self.run_cli(*submit, "--args", 1, 2, FASTQUEUE_NON_BLOCKING=word).stdout
            self.assertRegex(task, r"^[0-9a-f-]{36}\n$", word)
        self.worker("w", plane)
        for word in ("0", "false", "no", "off"):
            self.assertEqual(self.run_cli(*submit, "--args", 1, 2, FASTQUEUE_NON_BLOCKING=word).stdout, "3\n", word)
        file = ("--config", self.file("[submit]\nnon-blocking = true\n"))
        self.assertRegex(self.run_cli(*submit, *file, "--args", 1, 2).stdout, r"^[0-9a-f-]{36}\n$")
        self.assertEqual(self.run_cli(*submit, *file, "--args", 1, 2, FASTQUEUE_NON_BLOCKING="off").stdout, "3\n")
        self.assertRegex(self.run_cli(*submit, "--non-blocking", "--args", 1, 2, FASTQUEUE_NON_BLOCKING="off").stdout, r"^[0-9a-f-]{36}\n$")

    def test_a_subworker_can_be_set_up_by_the_environment_alone(self):
        plane = self.plane("--local", "off")
        worker = self.start([support.PROGRAM, "subworker"], env=support.environment(
            FASTQUEUE_WORKER_ID="w", FASTQUEUE_CONTROL_PLANE_ADDRESS=plane.base, FASTQUEUE_DISCOVERY_ADDRESS=plane.discovery,
            FASTQUEUE_BASE_ADDRESS=support.FREE, FASTQUEUE_TASK_MODULES="mytasks", FASTQUEUE_WORKER_CONCURRENCY="3"))
        worker.wait_for("^registered ")
        self.until(lambda: self.workers(plane).get("w", {}).get("concurrency") == 3, "it runs three at once")


class Mistakes(Config):
    def check(self, text, *parts, command=("workers",)):
        with self.subTest(text=text):
            error = self.error(*command, "--config", self.file(text), expect=2)
            for part in parts:
                self.assertIn(part, error)

    def test_a_file_that_cannot_be_read_is_named_with_who_named_it(self):
        error = self.error("workers", "--config", "gone.toml", expect=2)
        self.assertIn("--config 'gone.toml' cannot be read: No such file", error)
        self.assertIn("FASTQUEUE_CONFIG '.' cannot be read: Is a directory", self.error("workers", expect=2, FASTQUEUE_CONFIG="."))
        self.assertIn("too large", self.error("workers", "--config", self.file("#" * (1 << 20) + "\n"), expect=2))
        self.assertIn("--config", self.error("workers", "--config", expect=2))
        self.assertIn("2 times", self.error("workers", "--config", "a", "--config", "b", expect=2))

    def test_a_value_that_cannot_be_is_named_with_file_line_and_key(self):
        self.check("\n\ntimeout = 'soon'", "fq.toml:3: timeout 'soon' is not a number of seconds")
        self.check("[workers]\nretries = -1", "fq.toml:2: retries '-1' is not a whole number")
        self.check("output = true", "fq.toml:1: output 'true' is not text or json")
        self.check("timeout = [1, 2]", "fq.toml:1: timeout is a list of 2, but it takes one value")
        self.check("timeout = []", "fq.toml:1: timeout is a list of 0")
        self.check("[submit]\nnon-blocking = 'maybe'", "fq.toml:2: non-blocking 'maybe' is not 1, true, yes, on,", command=("submit",))
        self.check("[control-plane]\nworker-allow = ['a', 'b c']", "fq.toml:2: worker-allow 'b c'", command=("control-plane",))

    def test_a_name_that_means_nothing_gets_the_nearest(self):
        self.check("timout = 3", "fq.toml:1: no command has an option 'timout'; did you mean timeout?")
        self.check("[workers]\nworker-timeout = 3", "fq.toml:2: workers has no option 'worker-timeout'")
        self.check("\n[subwrker]", "fq.toml:2: there is no command 'subwrker'", "did you mean subworker?")
        self.check("[subworker]\nworkerid = 'a'", "fq.toml:2: subworker has no option 'workerid'; did you mean worker-id?")
        self.check("qqqqqqqqqqqqqq = 1", "'qqqqqqqqqqqqqq'", "fastqueue --help")
        self.check("config = 'other.toml'", "no command has an option 'config'")
        self.check("help = true", "no command has an option 'help'")
        self.check("[submit]\nargs = [1, 2]", "submit has no option 'args'")

    def test_what_is_given_twice_is_told_with_both_lines(self):
        self.check("timeout = 1\n# x\ntimeout = 2", "fq.toml:3: 'timeout' is given twice, first in line 1")
        self.check("[workers]\n[submit]\n[workers]", "fq.toml:3: [workers] is there twice, first in line 1")

    def test_what_is_not_toml_is_told_with_its_line_and_the_mend(self):
        for text, *parts in (
                ("timeout", "fq.toml:1: '=' is missing behind 'timeout'", "key = value"),
                ("timeout =", "fq.toml:1: 'timeout' has no value"),
                ("timeout = # none", "'timeout' has no value"),
                ("= 3", "'= 3' is not a name"),
                ("output = json", "'json' is not a value", '"json"'),
                ("timeout = 5s", "'5s' is not a value"),
                ("timeout = 05", "'05' is not a value"),
                ("timeout = 1__0", "'1__0' is not a value"),
                ("timeout = 1.", "'1.' is not a value"),
                ("timeout = --1", "'--1' is not a value"),
                ("timeout = 2026-11-24", "'2026-11-24' is not a value"),
                ("timeout = 1 retries = 2", "a line ends at 'retries = 2'"),
                ('output = "text', "the text has no end"),
                ('output = "text\n"', "fq.toml:1: the text has no end"),
                ('output = "a\\q"', "'\\q' is not known"),
                ('output = """text"""', "several lines"),
                ("workers.timeout = 1", "names with dots"),
                ("[workers.x]", "names with dots"),
                ("[[workers]]", "'[[' is not known"),
                ("[workers", "']' is missing"),
                ("[]", "is not a name"),
                ("output = {a = 1}", "inside is not known"),
                ("[list]\ntask-modules = [1\n", "fq.toml:3: the list of 'task-modules' has no end"),
                ("[list]\ntask-modules = [1 2]", "',' or ']' is missing"),
                ("output = 'a\x01b'", "fq.toml:1: a control character"),
                ("# a\rb", "a control character")):
            self.check(text, *parts)
        pathlib.Path(self.folder, "latin.toml").write_bytes(b"# ok\n# \xe4\n")
        self.assertIn("latin.toml:2: the text is not UTF-8", self.error("workers", "--config", "latin.toml", expect=2))


class Holders(support.Case):
    """A port that is taken: by whom, where that can be seen."""

    def test_the_process_that_has_the_port_is_named_to_its_own_user(self):
        plane = self.plane()
        holder = f"is taken by process {plane.process.pid} (fastqueue)"
        mine = ("--discovery-address", plane.discovery, "--control-plane-address", NOBODY, "--worker-id", "w")
        self.assertIn(holder, self.error("subworker", *mine, "--base-address", plane.base, expect=1))
        self.assertIn(holder, self.error("control-plane", "--base-address", plane.base, "--discovery-address", support.FREE, "--subworker-port", 0, expect=1))


class Version(support.Case):
    def test_the_version_is_the_first_line_and_what_it_speaks_the_second(self):
        first, second = self.run_cli("--version").stdout.splitlines()
        self.assertRegex(first, r"^fastqueue \d+\.\d+\.\d+$")
        self.assertRegex(second, r"^protocol FQ1, ZMTP 3\.1, (GCC|Clang) .*, (release|debug) build")


if __name__ == "__main__":
    support.main()
