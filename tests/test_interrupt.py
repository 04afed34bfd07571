"""Processes that a signal ends take along those that they started."""

import os
import pathlib
import subprocess
import sys
import time

import pytest

PARENT = """
import multiprocessing, os, sys, time
from dogjax.interrupt import end_with_parent

def child():
    if {ends}:
        end_with_parent()
    print(os.getpid(), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    multiprocessing.get_context("spawn").Process(target=child).start()
    time.sleep(60)
"""


def is_alive(process):
    """Whether a process is there and no zombie."""
    stat = pathlib.Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.parametrize("ends", [True, False])
def test_a_child_ends_with_the_parent_that_is_killed_if_it_asked_for_it(tmp_path, ends):
    (tmp_path / "parent.py").write_text(PARENT.format(ends=ends))
    variables = os.environ | {"PYTHONPATH": str(pathlib.Path(__file__).parents[1])}
    command = [sys.executable, str(tmp_path / "parent.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
        deadline = time.monotonic() + (10 if ends else 1)
        while is_alive(child) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert is_alive(child) != ends
        if not ends:
            os.kill(child, 9)
