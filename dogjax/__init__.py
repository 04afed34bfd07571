"""dogjax: train a small network on frames of dog videos, bit for bit, and explain its validation curve."""

from dogjax.runtime import keep_freed_memory, set_xla_flags

set_xla_flags()
keep_freed_memory()
