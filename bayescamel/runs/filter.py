"""Rows of a table chosen by an expression: ``step == 30000 and n_params < 3e8``.

The expression is read by Python's own parser, checked node by node, and evaluated here over columns
as values: nothing in it, and no name of a column, is ever run as code or as text.
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from bayescamel.exceptions import RunTableError
from bayescamel.input import shown
from bayescamel.runs.columns import listing

MAX_LENGTH = 10_000
"""Characters of a filter."""
MAX_NODES = 1000
"""Names, constants and operators of one; each costs a pass over the rows."""

_TOKENS = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`([^`]*)`""", re.DOTALL)
"""Texts, in which a backtick is one, and names in backticks."""

_ALLOWED = (
    *(ast.Name, ast.Constant, ast.List, ast.Tuple, ast.UnaryOp, ast.BinOp, ast.BoolOp),
    *(ast.Compare, ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop),
)
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}
_LOGIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.And: operator.and_,
    ast.Or: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}


def select_rows(table: pd.DataFrame, where: str) -> pd.Series:
    """Evaluate a row filter, one bool a row.

    Comparisons, arithmetic on numbers, ``in``, ``and``, ``or`` and ``not`` over columns and
    constants are allowed; names that are no Python words stand in backticks.

    Raises
    ------
    RunTableError
        When the expression is none of these, names no column, cannot be evaluated, or selects no
        row.
    """
    quoted = f"the row filter {shown(repr(where))}"
    tree, names = _parse(where, quoted)
    for name in names.values():
        if name not in table.columns:
            raise RunTableError(
                f"{quoted} names {shown(repr(name))}, which is no column; columns: "
                f"{listing(table.columns)}"
            )
    try:
        chosen = _Evaluation(table, names).value(tree)
    except RunTableError:
        raise
    except Exception as error:  # operators of any dtype that a table may bring
        raise RunTableError(
            f"cannot evaluate {quoted}: {shown(str(error) or type(error).__name__, 200)}"
        ) from error
    if not isinstance(chosen, pd.Series) or not pd.api.types.is_bool_dtype(chosen):
        raise RunTableError(
            f"{quoted} does not say yes or no of a row: compare columns with values"
        )
    chosen = chosen.fillna(False).astype(bool)
    if not chosen.any():
        raise RunTableError(f"{quoted} selects none of the {len(table)} rows")
    return chosen


def _parse(where: str, quoted: str) -> tuple[ast.expr, dict[str, str]]:
    """The expression, and the column of each of its names."""
    names: dict[str, str] = {}

    def plain(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[0]
        word = f"quoted_{len(names)}_"
        names[word] = match[1]
        return word

    if len(where) > MAX_LENGTH:
        raise RunTableError(
            f"cannot read {quoted}: it has {len(where)} characters, more than {MAX_LENGTH}"
        )
    text = _TOKENS.sub(plain, where).strip()
    try:
        tree = ast.parse(text, mode="eval").body
    # The last two: an expression nested a thousand deep.
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise RunTableError(f"cannot read {quoted}: {shown(error, 200)}") from error
    nodes = list(ast.walk(tree))
    if len(nodes) > MAX_NODES:
        raise RunTableError(f"cannot read {quoted}: it has more than {MAX_NODES} parts")
    for node in nodes:
        if not isinstance(node, _ALLOWED):
            raise _unknown(node)
        if isinstance(node, ast.Name):
            names.setdefault(node.id, node.id)
    return tree, names


def _unknown(node: ast.AST) -> RunTableError:
    return RunTableError(
        "a row filter may compare columns with values and nothing else "
        f"(found: {type(node).__name__})"
    )


class _Evaluation:
    """The values of an expression over the columns of a table."""

    def __init__(self, table: pd.DataFrame, names: Mapping[str, str]) -> None:
        self._table = table
        self._names = names

    def value(self, node: ast.expr) -> Any:
        """A column, a constant, or a list of constants."""
        match node:
            case ast.Name():
                return self._table[self._names[node.id]]
            case ast.Constant(value=bool() | int() | float() | str()):
                return node.value
            case ast.List() | ast.Tuple():
                return [_constant(self.value(item)) for item in node.elts]
            case ast.UnaryOp(op=ast.USub() | ast.UAdd()):
                number = _number(self.value(node.operand))
                return -number if isinstance(node.op, ast.USub) else number
            case ast.UnaryOp(op=ast.Not() | ast.Invert()):
                return ~_truth(self.value(node.operand))
            case ast.BinOp() if type(node.op) in _ARITHMETIC:
                left, right = _number(self.value(node.left)), _number(self.value(node.right))
                return _ARITHMETIC[type(node.op)](left, right)
            case ast.BinOp() if type(node.op) in _LOGIC:
                return self._all(_LOGIC[type(node.op)], [node.left, node.right])
            case ast.BoolOp():
                return self._all(_LOGIC[type(node.op)], node.values)
            case ast.Compare():
                return self._compare(node)
        raise _unknown(node)

    def _all(self, joined: Callable[[Any, Any], Any], nodes: list[ast.expr]) -> Any:
        result = _truth(self.value(nodes[0]))
        for node in nodes[1:]:
            result = joined(result, _truth(self.value(node)))
        return result

    def _compare(self, node: ast.Compare) -> Any:
        result = None
        left = self.value(node.left)
        for step, following in zip(node.ops, node.comparators, strict=True):
            right = self.value(following)
            said = _compared(step, left, right)
            result = said if result is None else result & said
            left = right
        return result


def _compared(step: ast.cmpop, left: Any, right: Any) -> Any:
    if isinstance(step, ast.In | ast.NotIn) or isinstance(right, list):
        if not (isinstance(left, pd.Series) and isinstance(right, list)):
            raise TypeError("'in' wants a column and a list of values")
        if not isinstance(step, ast.In | ast.NotIn | ast.Eq | ast.NotEq):
            raise TypeError("a list is no number")
        within = left.isin(right)
        return ~within if isinstance(step, ast.NotIn | ast.NotEq) else within
    return _COMPARISONS[type(step)](left, right)


def _constant(value: Any) -> Any:
    if isinstance(value, pd.Series | list):
        raise TypeError("a list holds constants")
    return value


def _number(value: Any) -> Any:
    """What can be computed with; a text times a number may be as long as it likes."""
    dtype = value.dtype if isinstance(value, pd.Series) else type(value)
    if isinstance(value, list) or not pd.api.types.is_numeric_dtype(dtype):
        raise TypeError("arithmetic wants numbers")
    return value


def _truth(value: Any) -> Any:
    if isinstance(value, pd.Series) and pd.api.types.is_bool_dtype(value):
        return value.fillna(False)
    raise TypeError("'and', 'or' and 'not' want comparisons")
