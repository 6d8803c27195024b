"""Shapes that the package declares, made readable: it names jaxtyping without importing it."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
from beartype import beartype
from jaxtyping import Float, jaxtyped


def readable(monkeypatch: pytest.MonkeyPatch, *modules: ModuleType) -> None:
    """Let the type aliases of modules be evaluated, which they are when they are first used."""
    for module in modules:
        monkeypatch.setattr(module, "Float", Float, raising=False)


def is_of(value: Any, shape: Any) -> bool:
    """Whether an array has a shape; within ``jaxtyped("context")`` one name has one length."""
    return isinstance(value, shape.__value__)


def checked(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which then refuses arguments and answers of other shapes."""
    made: Callable[..., Any] = jaxtyped(typechecker=beartype)(function)
    return made
