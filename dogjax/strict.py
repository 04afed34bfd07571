"""Builds frozen dataclasses from plain values; refuses unknown names, wrong types and values out of range."""

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Mapping
from typing import Any

from dogjax.errors import UserError


def nearest_name(name: str, known: list[str]) -> str:
    """Returns a hint `did you mean 'x'?` for a misspelt name, or the known names where none is near."""
    # Case must not hide a match: 'Learning_Rate' is learning_rate.
    lowered = {each.lower(): each for each in known}
    near = difflib.get_close_matches(name.lower(), list(lowered), n=1)
    return f"did you mean '{lowered[near[0]]}'?" if near else f"known: {', '.join(known)}"


def build(cls: type, values: Mapping[str, Any], prefix: str = "") -> Any:
    """Builds the dataclass `cls` with `values` for its fields; missing ones take their defaults.

    A field's metadata may hold `choices`, `low` and `high`. Fields that are dataclasses take mappings.

    Args:
      cls: a dataclass whose fields are typed.
      values: by name.
      prefix: what stands before a field's name in messages.

    Raises:
      UserError: names the field, its value and what it may be.
    """
    known = {field.name: (field, hint) for field, hint in typed_fields(cls)}
    for name in values:
        if name not in known:
            raise UserError(f"unknown configuration field '{prefix}{name}'; {nearest_name(name, list(known))}")
    chosen = {}
    for name, value in values.items():
        field, hint = known[name]
        path = f"{prefix}{name}"
        if dataclasses.is_dataclass(hint):
            if not isinstance(value, Mapping):
                raise UserError(f"configuration group '{path}' is {value!r}, but must hold fields")
            chosen[name] = build(typing.cast(type, hint), value, f"{path}.")
        else:
            chosen[name] = _checked(path, value, hint, field.metadata)
    return cls(**chosen)


def _checked(path: str, value: Any, hint: Any, limits: Mapping[str, Any]) -> Any:
    options = alternatives(hint)
    for option in options:
        converted = _converted(value, option)
        if converted is not None or (option is type(None) and value is None):
            _check_limits(path, converted, limits)
            return converted
    wanted = " or ".join(_describe(option) for option in options)
    raise UserError(f"{path}={value!r}: must be {wanted}")


def _converted(value: Any, wanted: Any) -> Any:
    """Converts `value` to type `wanted`, or returns None where it is not of that type."""
    if wanted is bool:
        return value if isinstance(value, bool) else None
    if wanted is int:
        return value if isinstance(value, int) and not isinstance(value, bool) else None
    if wanted is float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float(value) if math.isfinite(value) else None
    if wanted is str:
        return value if isinstance(value, str) else None
    if wanted is tuple or typing.get_origin(wanted) is tuple:
        if not isinstance(value, tuple | list):
            return None
        item = (typing.get_args(wanted) or (Any,))[0]
        items = [_frozen(each) if item is Any else _converted(each, item) for each in value]
        return None if any(each is None for each in items) else tuple(items)
    return None


def _frozen(value: Any) -> Any:
    return tuple(_frozen(each) for each in value) if isinstance(value, tuple | list) else value


def _describe(wanted: Any) -> str:
    if wanted is tuple:
        return "a tuple"
    if typing.get_origin(wanted) is tuple:
        return f"a tuple of {typing.get_args(wanted)[0].__name__}"
    return {bool: "true or false", int: "an integer", float: "a finite number", str: "text", type(None): "None"}[wanted]


def _check_limits(path: str, value: Any, limits: Mapping[str, Any]) -> None:
    choices = limits.get("choices", ())
    if choices and value not in choices:
        raise UserError(f"{path}={value!r}: must be one of {', '.join(choices)}; {nearest_name(value, list(choices))}")
    low, high = limits.get("low"), limits.get("high")
    if value is None or low is None:
        return
    if value < low or (high is not None and value > high):
        raise UserError(f"{path}={value!r}: must be at least {low}" + (f" and at most {high}" if high else ""))


def typed_fields(cls: type) -> list[tuple[dataclasses.Field, Any]]:
    """Lists each field of a dataclass with its type, resolved."""
    hints = typing.get_type_hints(cls)
    return [(field, hints[field.name]) for field in dataclasses.fields(cls)]


def alternatives(hint: Any) -> tuple:
    """Lists the types that a field may have."""
    return typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
