"""Checks what a program prints: prints.py EXPECTED PROGRAM, where the file EXPECTED holds its whole output."""

import subprocess
import sys

expected_file, program = sys.argv[1:]
run = subprocess.run([program], stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, check=False)
with open(expected_file, encoding="utf-8") as file:
    expected = file.read()
if run.returncode != 0:
    sys.exit(f"{program} ended with {run.returncode}")
if run.stdout != expected:
    sys.exit(f"expected:\n{expected}\nprinted:\n{run.stdout}")
