"""Metric math: CloudWatch's expressions, parsed as Python's (the syntax is nearly the same), by a whitelist.

Source: "Using math expressions with CloudWatch metrics" in the user guide. Time series of different lengths are
combined with 0 for what is missing; a division by zero leaves the datapoint out.
"""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce

from agent.sandbox.cloudwatch.functions import FUNCTIONS, WORDS, ExpressionError, Scope, Value, clean

_TOKENS = re.compile(r"\"[^\"]*\"|'[^']*'|&&|\|\||\^|\b(?:AND|OR)\b|\s+")
_PYTHON = {"&&": " and ", "AND": " and ", "||": " or ", "OR": " or ", "^": "**"}

_ARITHMETIC: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}  # fmt: skip
_COMPARISON: Mapping[type[ast.cmpop], Callable[[float, float], float]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Expression:
    text: str
    tree: ast.expr

    def names(self) -> frozenset[str]:
        """The ids of the metrics and expressions that it speaks of."""
        called = {id(node.func) for node in ast.walk(self.tree) if isinstance(node, ast.Call)}
        found = (node for node in ast.walk(self.tree) if isinstance(node, ast.Name) and id(node) not in called)
        return frozenset(node.id for node in found if node.id not in WORDS)

    def value(self, scope: Scope) -> Value:
        """Raises ExpressionError where a function is given what it does not take."""
        return _value(self.tree, scope)


def parse(text: str) -> Expression:
    """Raises ExpressionError for what is no expression, and for a function or operator that is not known here."""
    try:
        tree = ast.parse(_TOKENS.sub(_python, text).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError(f"{text!r} cannot be parsed: {error}") from error
    for node in ast.walk(tree):
        _admit(node)
    return Expression(text, tree)


def _python(found: re.Match[str]) -> str:
    token = found[0]
    return " " if token.isspace() else _PYTHON.get(token, token)


def _admit(node: ast.AST) -> None:
    if isinstance(node, ast.Call):
        known = isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS
        if not known or node.keywords:
            raise ExpressionError(f"the function {ast.unparse(node.func)} is not supported")
    elif isinstance(node, ast.Compare):
        if len(node.ops) > 1:
            raise ExpressionError("comparisons cannot be chained")
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool) or not isinstance(node.value, (int, float, str)):
            raise ExpressionError(f"{node.value!r} is not part of metric math")
    elif not isinstance(node, _ALLOWED):
        raise ExpressionError(f"{type(node).__name__} is not part of metric math")


_ALLOWED = (
    ast.Name, ast.Load, ast.List, ast.BinOp, ast.UnaryOp, ast.USub, ast.UAdd, ast.BoolOp, ast.And,
    ast.Or, *_ARITHMETIC, *_COMPARISON,
)  # fmt: skip


def _value(node: ast.expr, scope: Scope) -> Value:
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return scope.named(name)
        case ast.List(elts=items):
            return [one for item in items for one in _members(_value(item, scope))]
        case ast.Call(func=ast.Name(id=name), args=args):
            return FUNCTIONS[name](scope, [_value(arg, scope) for arg in args])
    return _operation(node, scope)


def _operation(node: ast.expr, scope: Scope) -> Value:
    match node:
        case ast.UnaryOp(op=op, operand=operand):
            return _combined(operator.mul, -1.0 if isinstance(op, ast.USub) else 1.0, _value(operand, scope))
        case ast.BinOp(left=left, op=op, right=right):
            return _combined(_ARITHMETIC[type(op)], _value(left, scope), _value(right, scope))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _combined(_COMPARISON[type(op)], _value(left, scope), _value(right, scope))
        case ast.BoolOp(op=op, values=values):
            apply = _both if isinstance(op, ast.And) else _either
            return reduce(lambda made, other: _combined(apply, made, other), [_value(one, scope) for one in values])
    raise ExpressionError(f"{ast.unparse(node)} is not part of metric math")


def _members(value: Value) -> list[Mapping[float, float]]:
    if isinstance(value, list):
        return value
    if isinstance(value, Mapping):
        return [value]
    raise ExpressionError("an array holds time series only")


def _both(left: float, right: float) -> float:
    return float(bool(left) and bool(right))


def _either(left: float, right: float) -> float:
    return float(bool(left) or bool(right))


def _combined(apply: Callable[[float, float], float], left: Value, right: Value) -> Value:
    if isinstance(left, str) or isinstance(right, str):
        raise ExpressionError("a text is no operand")
    if isinstance(left, list) and isinstance(right, list):
        raise ExpressionError("two arrays of time series cannot be combined")
    if isinstance(left, list):
        return [_series(_combined(apply, one, right)) for one in left]
    if isinstance(right, list):
        return [_series(_combined(apply, left, one)) for one in right]
    if isinstance(left, float) and isinstance(right, float):
        return _applied(apply, left, right)
    times = _times(left) | _times(right)
    return clean({at: _applied(apply, _at(left, at), _at(right, at)) for at in sorted(times)})


def _series(value: Value) -> Mapping[float, float]:
    assert isinstance(value, Mapping), "an element of an array is a time series"
    return value


def _times(value: Mapping[float, float] | float) -> set[float]:
    return set(value) if isinstance(value, Mapping) else set()


def _at(value: Mapping[float, float] | float, at: float) -> float:
    return value.get(at, 0.0) if isinstance(value, Mapping) else value


def _applied(apply: Callable[[float, float], float], left: float, right: float) -> float:
    try:
        made = apply(left, right)
    except (ZeroDivisionError, OverflowError):
        return math.nan
    return math.nan if isinstance(made, complex) else float(made)
