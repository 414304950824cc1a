"""docs/cli.md is what the program says of itself: cli_page.py PROGRAM writes it, cli_page.py PROGRAM --check compares."""

import os
import pathlib
import re
import subprocess
import sys

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "cli.md"
HEAD = """# The command line

What `fastqueue --help` and `fastqueue COMMAND --help` print, by command. This page is written by `tests/support/cli_page.py`,
and a test compares it with the program.

Each option can be given in four places; the first that has it counts:

1. as an argument: `--worker-id sw1`
2. as an environment variable: `FASTQUEUE_WORKER_ID=sw1`
3. in the TOML file that `--config` or `FASTQUEUE_CONFIG` names: `worker-id = "sw1"`, for all commands at the top, or for
   one below its name, `[subworker]`
4. its default

Results go to standard output, errors to standard error: one line that names the option or the place, the value and what
to do. `--output json` prints one JSON object a line.
"""


def says(program, *words):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FASTQUEUE_")}
    return subprocess.run([program, *words, "--help"], stdout=subprocess.PIPE, text=True, check=True, env=environment).stdout.rstrip() + "\n"


def page(program):
    whole = says(program)
    commands = re.findall(r"^  ([a-z-]+) ", whole[whole.index("Subcommands:"):], re.MULTILINE)
    parts = [HEAD, "## fastqueue\n\n```text\n" + whole + "```\n"]
    parts += [f"## {command}\n\n```text\n{says(program, command)}```\n" for command in commands]
    return "\n".join(parts)


def main():
    program, *check = sys.argv[1:]
    now = page(program)
    if not check:
        PAGE.write_text(now, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != now:
        sys.exit(f"docs/cli.md is not what the program says: run tests/support/cli_page.py {program}")


main()
