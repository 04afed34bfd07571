"""Fields of the configuration as a command line takes them."""

import shlex
from collections.abc import Mapping
from typing import Any


def as_flags(fields: Mapping[str, Any]) -> str:
    """`--config.FIELD=VALUE` for each of the dotted names, quoted for a shell; empty where there is none."""
    return " ".join(_quoted(f"--config.{field}={_literal(value)}") for field, value in fields.items())


def _literal(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(_tuples(value))


def _tuples(value: Any) -> Any:
    return tuple(_tuples(each) for each in value) if isinstance(value, list | tuple) else value


def _quoted(flag: str) -> str:
    """In double quotes where it has single ones, which `shlex.quote` makes unreadable."""
    return f'"{flag}"' if "'" in flag and not set(flag) & set('"$`\\!') else shlex.quote(flag)
