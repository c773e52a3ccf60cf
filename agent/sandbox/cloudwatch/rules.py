"""The rule of a composite alarm: ALARM("a") AND NOT OK(b) and so on. Pure.

Source: "Create a composite alarm" in CloudWatch's user guide.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from agent.sandbox.cloudwatch.states import State

_REFERENCE = re.compile(
    r"\b(?P<state>ALARM|OK|INSUFFICIENT_DATA)\s*\(\s*(?:\"(?P<quoted>(?:[^\"\\]|\\.)*)\"|(?P<bare>[^()\"]+?))\s*\)"
)
_WORDS = {"AND": "and", "OR": "or", "NOT": "not", "TRUE": "True", "FALSE": "False"}
_WORD = re.compile(r"\b(?:AND|OR|NOT|TRUE|FALSE)\b")
_ARN = re.compile(r"arn:[\w-]+:cloudwatch:[\w-]+:\d+:alarm:(?P<name>.+)")


class RuleError(Exception):
    """The rule cannot be parsed."""


@dataclass(frozen=True, slots=True)
class Reference:
    state: State
    alarm: str
    """The name, also when the rule has the ARN."""


@dataclass(frozen=True, slots=True)
class Rule:
    tree: ast.expr
    references: Mapping[str, Reference]

    def alarms(self) -> tuple[str, ...]:
        """The names that it speaks of, each once, in their order."""
        return tuple(dict.fromkeys(reference.alarm for reference in self.references.values()))

    def holds(self, state_of: Callable[[str], State]) -> bool:
        return self._holds(self.tree, state_of)

    def _holds(self, node: ast.expr, state_of: Callable[[str], State]) -> bool:
        match node:
            case ast.BoolOp(op=ast.And(), values=values):
                return all(self._holds(value, state_of) for value in values)
            case ast.BoolOp(values=values):
                return any(self._holds(value, state_of) for value in values)
            case ast.UnaryOp(operand=operand):
                return not self._holds(operand, state_of)
            case ast.Constant(value=value):
                return bool(value)
            case ast.Name(id=name):
                reference = self.references[name]
                return state_of(reference.alarm) is reference.state
        raise AssertionError("parse lets nothing else through")


def parse(text: str) -> Rule:
    """Raises RuleError, with the part that is wrong."""
    references: dict[str, Reference] = {}

    def placeholder(found: re.Match[str]) -> str:
        name = f"_{len(references)}"
        quoted = found["quoted"]
        alarm = found["bare"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        arn = _ARN.fullmatch(alarm)
        references[name] = Reference(State(found["state"]), arn["name"] if arn else alarm)
        return name

    marked = " ".join(_REFERENCE.sub(placeholder, text).split())
    if re.search(r"\b(?:and|or|not|True|False|_\d+)\b", " ".join(_REFERENCE.sub(" ", text).split())):
        raise RuleError("the operators are AND, OR, NOT, TRUE and FALSE, in capital letters")
    try:
        tree = ast.parse(_WORD.sub(lambda word: _WORDS[word[0]], marked), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise RuleError(f"the rule cannot be parsed: {error}") from error
    for node in ast.walk(tree):
        _admit(node, references)
    return Rule(tree, references)


def _admit(node: ast.AST, references: Mapping[str, Reference]) -> None:
    match node:
        case ast.BoolOp() | ast.And() | ast.Or() | ast.UnaryOp(op=ast.Not()) | ast.Not() | ast.Load():
            return
        case ast.Constant(value=bool()):
            return
        case ast.Name(id=name) if name in references:
            return
    text = ast.unparse(node) if isinstance(node, ast.expr) else type(node).__name__
    raise RuleError(f"{text} is not part of an alarm rule")
