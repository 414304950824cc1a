"""What a shell offers when Tab is pressed."""

import pathlib
import shutil
import subprocess
import unittest

import support

# Presses Tab behind the words given: readline gives `a=b` as the three words a, = and b.
BASH = """
source <("$1" completion bash) || exit 9
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_fastqueue
printf '%s\\n' "${COMPREPLY[@]}"
"""


class Bash(support.Case):
    def offers(self, *words):
        ended = subprocess.run(["bash", "-c", BASH, "bash", support.PROGRAM, "fastqueue", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                               timeout=support.PATIENCE, cwd=self.folder, env=support.environment())
        self.assertEqual((ended.returncode, ended.stderr), (0, ""))
        return ended.stdout.split("\n")[:-1] if ended.stdout != "\n" else []

    def test_commands(self):
        found = self.offers("")
        self.assertTrue({"control-plane", "subworker", "submit", "status", "workers", "completion", "--help", "--version"} <= set(found), found)
        self.assertEqual(self.offers("sub"), ["subworker", "submit"])
        self.assertEqual(self.offers("--v"), ["--version"])
        self.assertEqual(self.offers("zzz"), [])

    def test_each_command_of_the_help_is_offered(self):
        listed = self.run_cli("--help").stdout.split("Subcommands:")[1].split("Exit codes")[0]
        names = [line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2] != " "]
        self.assertGreater(len(names), 7)
        self.assertEqual(set(names), {n for n in self.offers("") if not n.startswith("-")})

    def test_options_of_the_command_that_stands_there(self):
        self.assertEqual(self.offers("control-plane", "--worker-g"), ["--worker-grace"])
        self.assertEqual(self.offers("submit", "--worker-g"), [])
        self.assertEqual(self.offers("submit", "--task-name", "add", "--prio"), ["--priority"])
        self.assertEqual(self.offers("subworker", "--task-modules", "mytasks", "--conf"), ["--config"])
        self.assertIn("--worker-id", self.offers("subworker", ""))

    def test_words_of_values(self):
        self.assertEqual(self.offers("submit", "--priority", ""), list(support.PRIORITIES))
        self.assertEqual(self.offers("submit", "--priority", "h"), ["high"])
        self.assertEqual(self.offers("submit", "--priority", "="), list(support.PRIORITIES))
        self.assertEqual(self.offers("submit", "--priority", "=", "l"), ["low"])
        self.assertEqual(self.offers("control-plane", "--unknown-tasks", ""), ["auto", "wait", "refuse"])
        self.assertEqual(self.offers("subworker", "--log-format", "j"), ["json"])
        self.assertEqual(self.offers("completion", ""), ["bash", "zsh", "--help"])
        self.assertEqual(self.offers("submit", "--task-name", ""), [], "nobody can guess it")

    def test_files_where_a_path_is_wanted_also_with_spaces_in_it(self):
        for name in ("fq.toml", "a file.toml", "mine.so"):
            pathlib.Path(self.folder, name).touch()
        self.assertEqual(sorted(self.offers("workers", "--config", "")), ["a file.toml", "fq.toml", "mine.so"])
        self.assertEqual(self.offers("control-plane", "--log-file", "fq"), ["fq.toml"])
        self.assertEqual(self.offers("subworker", "--task-modules", "mytasks", "mi"), ["mine.so"])

    def test_mistakes(self):
        self.assertIn("bash", self.error("completion", expect=2))
        self.assertIn("completion 'fish' is not bash or zsh", self.error("completion", "fish", expect=2))
        self.assertIn("'zsh' is there, too", self.error("completion", "bash", "zsh", expect=2))
        self.assertIn("--x", self.error("completion", "bash", "--x", expect=2))


class Zsh(support.Case):
    def test_the_script_names_each_option_with_its_help(self):
        script = self.run_cli("completion", "zsh").stdout
        self.assertTrue(script.startswith("#compdef fastqueue\n"))
        self.assertIn("'--priority[", script)
        self.assertIn(":(critical high normal low)'", script)
        self.assertIn("'*--task-modules[", script)

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh_takes_it(self):
        line = 'autoload -Uz compinit && compinit -u -D && source <("$1" completion zsh) && print -r -- $_comps[fastqueue]'
        ended = subprocess.run(["zsh", "-f", "-c", line, "zsh", support.PROGRAM], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                               timeout=support.PATIENCE, cwd=self.folder, env=support.environment())
        self.assertEqual((ended.returncode, ended.stdout, ended.stderr), (0, "_fastqueue\n", ""))


if __name__ == "__main__":
    support.main()
