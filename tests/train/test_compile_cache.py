"""A second start reads its programs instead of compiling them, and computes the same bits."""

import os
import subprocess
import sys

# Compiles one program; prints its result's bits, and how many programs came out of the cache.
PROGRAM = """
import pathlib, sys
import jax, jax.numpy as jnp
from dogjax.train.identity import keep_compiled_programs
hits = []
jax.monitoring.register_event_listener(lambda event, **_: hits.append(event) if event.endswith("/cache_hits") else None)
keep_compiled_programs(pathlib.Path(sys.argv[1]))
x = jnp.linspace(0, 1, 1000)
print(jax.jit(lambda x: jnp.sin(x) @ jnp.cos(x))(x).tobytes().hex(), len(hits))
"""


def start(folder, **environment):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, folder],
        env=os.environ | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    bits, hits = done.stdout.split()
    return bits, int(hits)


def test_a_second_start_reads_what_the_first_compiled(tmp_path):
    first, none = start(tmp_path)
    second, hits = start(tmp_path)
    assert (none, hits > 0) == (0, True)
    assert first == second


def test_a_folder_of_the_user_s_own_is_kept(tmp_path):
    start(tmp_path / "ours", JAX_COMPILATION_CACHE_DIR=str(tmp_path / "theirs"))
    assert not (tmp_path / "ours").exists()
