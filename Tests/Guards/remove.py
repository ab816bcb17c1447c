#!/usr/bin/env python3
"""Removes the guards of the product one by one, and checks that a test fails each time.

    Tests/Guards/remove.py                  all guards of guards.py
    Tests/Guards/remove.py --find           only checks that each is in the checkout and has tests
    Tests/Guards/remove.py NAME...          the guards with names that begin with NAME
    REVISION=... Tests/Guards/remove.py     the guards of that commit instead of the last one

Works on the last commit, in a separate git worktree under .build/guards, which is kept for the next run. Before the
first guard is removed, its tests must pass. The exit status is 0 if each removal is noticed.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from guards import GUARDS

ROOT = Path(__file__).resolve().parents[2]
TREE = ROOT / ".build" / "guards" / "tree"
SCRATCH = ROOT / ".build" / "guards" / "build"
# In seconds, of one command: without its guard the product may wait without end.
LIMIT = 240


def git(*arguments, folder=ROOT):
    done = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def prepare():
    """Updates the worktree to the commit; unchanged files keep their modification times."""
    revision = os.environ.get("REVISION")
    if not revision and git("status", "--porcelain", "--untracked-files=no"):
        sys.exit("the checkout has changes: commit them first")
    commit = git("rev-parse", revision or "HEAD")
    if (TREE / ".git").exists():
        git("reset", "--quiet", "--hard", commit, folder=TREE)
    else:
        git("worktree", "prune")
        git("worktree", "add", "--quiet", "--detach", str(TREE), commit)


def run(*command):
    """The exit status and the output of a command in the worktree; the status is None after LIMIT seconds."""
    process = subprocess.Popen(
        command, cwd=TREE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | {"FSYNC": "off"}, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=LIMIT)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        return None, process.communicate()[0]
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)
        raise


def build():
    return run("swift", "build", "--build-tests", "--scratch-path", str(SCRATCH))


def test(*filters):
    options = [option for name in filters for option in ("--filter", name)]
    return run(
        "scripts/with-postgres", "swift", "test", "--skip-build", "--scratch-path", str(SCRATCH), *options)


def failures(output):
    """The names of the tests that failed."""
    return sorted(set(re.findall(r"✘ Test (\S+?)\(.*? (?:recorded an issue|failed after)", output)))


def verdict(guard):
    """Removes a guard and returns the result as text, and whether a test noticed the removal."""
    path = TREE / guard.file
    original = path.read_text()
    path.write_text(original.replace(guard.text, guard.replacement))
    try:
        status, output = build()
        if status != 0:
            return "does not build: " + " ".join(re.findall(r"error: .*", output)[:2]), False
        status, output = test(guard.tests)
        failed = failures(output)
        if status == 0:
            return f"UNNOTICED by {guard.tests}", False
        if status is None:
            return "noticed: the tests do not end", True
        if not failed and "unexpected signal" not in output:
            return "no test failed, and yet: " + output[-300:], False
        return "noticed by " + (", ".join(failed) or "the end of the process"), True
    finally:
        path.write_text(original)


def find(tree):
    misplaced = [g.name for g in GUARDS if (tree / g.file).read_text().count(g.text) != 1]
    if misplaced:
        sys.exit("not exactly once in its file: " + ", ".join(misplaced))
    untested = [g.name for g in GUARDS if not all(suites(tree, *name.split(".")) for name in g.tests.split("|"))]
    if untested:
        sys.exit("no such tests: " + ", ".join(untested))


def suites(tree, target, prefix=""):
    """The suites of a target with names that begin with the prefix."""
    declaration = re.compile(rf"^@Suite.* (?:struct|class) ({prefix}\w*)", re.MULTILINE)
    files = (tree / "Tests" / target).rglob("*.swift")
    return [name for file in files for name in declaration.findall(file.read_text())]


def main():
    names = sys.argv[1:]
    if names == ["--find"]:
        return find(ROOT)
    guards = [guard for guard in GUARDS if not names or guard.name.startswith(tuple(names))]
    prepare()
    find(TREE)
    if len({guard.name for guard in GUARDS}) != len(GUARDS) or not guards:
        sys.exit("names must differ and one must fit")
    status, output = build()
    if status != 0:
        sys.exit("the checkout does not build:\n" + output[-3_000:])
    status, output = test(*sorted({guard.tests for guard in guards}))
    if status != 0:
        sys.exit(f"tests fail with all guards in place: {failures(output)}\n{output[-3_000:]}")
    unnoticed = 0
    for guard in guards:
        begun = time.monotonic()
        text, is_noticed = verdict(guard)
        unnoticed += not is_noticed
        seconds = time.monotonic() - begun
        print(f"{'ok' if is_noticed else 'FAIL':4} {guard.name:47} {seconds:4.0f} s  {text}", flush=True)
    print(f"{len(guards) - unnoticed} of {len(guards)} removals were noticed")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
