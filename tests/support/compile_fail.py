"""Checks that a program does not compile, and that the compiler says what its first lines promise.

usage: compile_fail.py SOURCE -- COMPILER ARGUMENT...
       compile_fail.py --self-test

The source begins with one or more lines `// expect: TEXT`; each TEXT must occur in the compiler's output.
"""

import os
import subprocess
import sys
import tempfile

MARK = "// expect:"


def expectations(source):
    """The texts of the leading `// expect:` lines."""
    texts = []
    with open(source, encoding="utf-8") as lines:
        for line in lines:
            if not line.startswith(MARK):
                break
            texts.append(line[len(MARK):].strip())
    return texts


def complaint(source, command):
    """What is wrong with the source, or None if it fails to compile as it should."""
    texts = expectations(source)
    if not texts or not all(texts):
        return f"{source}:1: the first line must be '{MARK} TEXT'"
    environment = dict(os.environ, LC_ALL="C")
    run = subprocess.run(command + [source], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         errors="replace", env=environment, stdin=subprocess.DEVNULL, check=False)
    if run.returncode == 0:
        return f"{source}: compiles, and must not"
    # the compiler quotes source lines, the expectation among them if it is unlucky: those do not count
    output = "\n".join(line for line in run.stdout.splitlines() if MARK not in line)
    for text in texts:
        if text not in output:
            return f"{source}: the compiler does not say '{text}' but:\n{run.stdout}"
    return None


def self_test():
    """A program that compiles, one that fails for another reason and one without a promise are all found out."""
    compiler = [os.environ.get("CXX", "c++"), "-std=c++20", "-fsyntax-only"]
    samples = [
        (f'{MARK} odd\nstatic_assert(sizeof(int) == 3, "odd size");\n', True),
        (f"{MARK} odd\nint x;\n", False),
        (f'{MARK} odd\nstatic_assert(sizeof(int) == 3, "even size");\n', False),
        (f'static_assert(sizeof(int) == 3, "odd size");\n', False),
    ]
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "sample.cpp")
        for text, good in samples:
            with open(source, "w", encoding="utf-8") as file:
                file.write(text)
            if (complaint(source, compiler) is None) != good:
                return f"judged wrongly:\n{text}"
    return None


def main(arguments):
    if arguments == ["--self-test"]:
        problem = self_test()
    elif len(arguments) > 2 and arguments[1] == "--":
        problem = complaint(arguments[0], arguments[2:])
    else:
        problem = __doc__
    if problem:
        print(problem)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
