"""The shape of `/state.json` as Markdown tables: `docs/status.md` is held to them by a test.

python -m agent.status.state_doc
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib import resources

FIRST = "State"
"""The whole; the others are listed in the order in which it leads to them."""
PLAIN = {"str": "text", "int": "integer", "float": "number", "bool": "true or false"}


def markdown() -> str:
    """A section a part of the state."""
    source = resources.files("agent.status").joinpath("state.py").read_text(encoding="utf-8")
    classes = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}
    return "\n".join(line for name in _order(classes) for line in _section(classes[name], classes))


def _order(classes: dict[str, ast.ClassDef]) -> list[str]:
    found = [FIRST]
    for name in found:
        inside = {each.id for each in ast.walk(classes[name]) if isinstance(each, ast.Name)}
        found += [each for each in classes if each in inside and each not in found]
    return found


def _section(of: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> Iterator[str]:
    yield f"### {of.name}\n"
    if (text := ast.get_docstring(of)) is not None:
        yield f"{_line(text)}\n"
    yield "| field | type | meaning |\n|---|---|---|"
    for number, field in enumerate(of.body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            after = of.body[number + 1] if number + 1 < len(of.body) else None
            yield f"| `{field.target.id}` | {_type(field.annotation, classes)} | {_text(after)} |"
    yield ""


def _text(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return _line(str(node.value.value))
    return ""


def _line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _type(node: ast.expr, classes: dict[str, ast.ClassDef]) -> str:
    match node:
        case ast.BinOp(left=left, right=ast.Constant(value=None)):
            return f"{_type(left, classes)} or null"
        case ast.Subscript(slice=ast.Tuple(elts=[item, ast.Constant(value=value)])) if value is ...:
            return f"list of {_type(item, classes)}"
        case ast.Subscript(slice=ast.Tuple(elts=items)):
            return "[" + ", ".join(_type(item, classes) for item in items) + "]"
        case ast.Name(id=name) if name in classes:
            return f"[{name}](#{name.lower()})"
        case ast.Name(id=name):
            return PLAIN[name]
    raise ValueError(ast.unparse(node))


if __name__ == "__main__":
    sys.stdout.write(markdown())
