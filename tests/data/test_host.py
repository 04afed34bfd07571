"""TensorFlow on the host: its compiler, and flags that are meant for another one."""

import os
import subprocess
import sys

PROGRAM = """
import os
from dogjax.data.host import compiled
import tensorflow as tf
assert int(compiled(lambda x: x + 1)(tf.constant(1))) == 2
print(os.environ["XLA_FLAGS"].split()[0])
"""


def test_a_flag_that_only_jax_s_compiler_knows_does_not_stop_tensorflow_and_is_kept():
    environment = os.environ | {"XLA_FLAGS": "--xla_a_flag_of_another_day=true"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "--xla_a_flag_of_another_day=true"
