"""Which part of Jinja's language a template may use, and its translation into steps that are paid for.

A template is trusted with nothing: what is not listed here is refused, with its line, when the job spec is read. What
is allowed and could grow (loops, `~`, slices, comparisons, calls) becomes a call of `template_functions`.
"""

import difflib
import inspect
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from jinja2 import nodes

from domain.templates.functions import FUNCTIONS, METHODS, OPERATIONS, TESTS, Work

MAX_NODES = 5_000
MAX_DEPTH = 60
NODE_COST = 40  # what one step of a loop's body takes, in the units of Work
METHOD = "method "  # before the name under which a method is registered

_SPECIAL_NAMES = ("self", "super", "caller")  # Jinja would put something of its own behind them
_AS_THEY_ARE = frozenset(
    {
        nodes.Add,
        nodes.And,
        nodes.Const,
        nodes.Div,
        nodes.FloorDiv,
        nodes.Getattr,
        nodes.If,
        nodes.Keyword,
        nodes.Mod,
        nodes.Mul,
        nodes.Neg,
        nodes.Not,
        nodes.Or,
        nodes.Output,
        nodes.Pos,
        nodes.Sub,
        nodes.TemplateData,
    }
)
_KNOWN_AS: dict[type[nodes.Node], str] = {
    nodes.AssignBlock: "`{% set %}` around a block",
    nodes.Block: "`{% block %}`",
    nodes.CallBlock: "`{% call %}`",
    nodes.Dict: "an object written out",
    nodes.Extends: "`{% extends %}`",
    nodes.FilterBlock: "`{% filter %}`",
    nodes.FromImport: "`{% from %}`",
    nodes.Import: "`{% import %}`",
    nodes.Include: "`{% include %}`",
    nodes.Macro: "`{% macro %}`",
    nodes.Pow: "the operator `**`",
    nodes.Scope: "`{% autoescape %}`",
    nodes.With: "`{% with %}`",
}


class TemplateMistakeError(Exception):
    """The text is no template, or one that asks for more than templates may. The message names the line."""


def translate(tree: nodes.Template) -> nodes.Template:
    """Check a parsed template and rewrite it in place. Raises TemplateMistakeError."""
    _measure(tree)
    _translate_children(tree)
    return tree


def _measure(tree: nodes.Node) -> None:
    """Refuse what is too large to look at; without recursion."""
    count, waiting = 0, [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        count += 1
        if depth > MAX_DEPTH:
            _refuse(node, "nested too deeply")
        if count > MAX_NODES:
            _refuse(node, f"a template may have {MAX_NODES:,} parts at most")
        waiting += [(child, depth + 1) for child in node.iter_child_nodes()]


def _translate(node: nodes.Node) -> nodes.Node:
    rewrite = _REWRITES.get(type(node))
    if rewrite:
        return rewrite(node)
    if type(node) not in _AS_THEY_ARE:
        _refuse(node, f"{_KNOWN_AS.get(type(node), type(node).__name__)} is not available in templates")
    return _translate_children(node)


def _translate_children(node: nodes.Node) -> nodes.Node:
    for field, value in list(node.iter_fields()):
        if isinstance(value, nodes.Node):
            setattr(node, field, _translate(value))
        elif isinstance(value, list):
            setattr(
                node, field, [_translate(item) if isinstance(item, nodes.Node) else item for item in value]
            )
    return node


# --- names, loops, assignments ----------------------------------------------------------------------------------------


def _name(node: nodes.Name) -> nodes.Node:
    if node.name in _SPECIAL_NAMES:
        _refuse(node, f'`{node.name}` has a meaning of its own; write `row["{node.name}"]` for the column')
    if unicodedata.normalize("NFKC", node.name) != node.name:
        _refuse(node, f'write `row["{node.name}"]`: Python would read this name as another')
    return node


def _assign(node: nodes.Assign) -> nodes.Node:
    if type(node.target) is not nodes.Name:
        _refuse(node, "`{% set %}` takes one plain name")
    return _translate_children(node)


def _for(node: nodes.For) -> nodes.Node:
    if node.recursive:
        _refuse(node, "a loop cannot be recursive")
    targets = node.target.items if isinstance(node.target, nodes.Tuple) else [node.target]
    if not all(type(target) is nodes.Name for target in targets):
        _refuse(node, "a loop's variables are plain names")
    turn = [*node.body, *node.else_, *([node.test] if node.test else [])]
    weight = NODE_COST * (1 + sum(_count(part) for part in turn))
    target, node.target = node.target, nodes.Const(None)
    _translate_children(node)
    node.target = target
    for name in targets:
        _translate(name)
    iterable: Any = node.iter
    node.iter = _operation("op each", node, [iterable, nodes.Const(weight)])
    return node


def _count(node: nodes.Node) -> int:
    return 1 + sum(map(_count, node.iter_child_nodes()))


# --- operators --------------------------------------------------------------------------------------------------------


def _choose(node: nodes.CondExpr) -> nodes.Node:
    node.expr2 = node.expr2 or nodes.Const("")
    return _translate_children(node)


def _concat(node: nodes.Concat) -> nodes.Node:
    _translate_children(node)
    return _operation("op concat", node, node.nodes)


def _compare(node: nodes.Compare) -> nodes.Node:
    steps: list[nodes.Expr] = [node.expr]
    for operand in node.ops:
        steps += [nodes.Const(operand.op), operand.expr]
    return _operation("op compare", node, [_expression(step) for step in steps])


def _getitem(node: nodes.Getitem) -> nodes.Node:
    if not isinstance(node.arg, nodes.Slice):
        return _translate_children(node)
    bounds = [node.arg.start, node.arg.stop, node.arg.step]
    parts = [node.node, *(bound or nodes.Const(None) for bound in bounds)]
    return _operation("op slice", node, [_expression(part) for part in parts])


def _constants(node: nodes.List | nodes.Tuple) -> nodes.Node:
    """Let a list through when it is made of constants: lists that hold values could grow without bound."""
    if not all(isinstance(item, nodes.Const) for item in node.items):
        _refuse(node, "a list written out may hold only constants")
    return node


# --- calls ------------------------------------------------------------------------------------------------------------


def _filter(node: nodes.Filter) -> nodes.Node:
    if node.name not in FUNCTIONS:
        _refuse(node, f"no filter `{node.name}`. {_choice(node.name, FUNCTIONS)}")
    _check_arguments(node, node.name, FUNCTIONS[node.name], 1)
    return _translate_children(node)


def _test(node: nodes.Test) -> nodes.Node:
    if node.name not in TESTS:
        _refuse(node, f"no test `{node.name}`. {_choice(node.name, TESTS)}")
    if len(node.args) != (node.name == "divisibleby") or node.kwargs or node.dyn_args or node.dyn_kwargs:
        _refuse(node, f"`is {node.name}` has the wrong arguments")
    return _translate_children(node)


def _call(node: nodes.Call) -> nodes.Node:
    callee = node.node
    if isinstance(callee, nodes.Name) and callee.name == "range" and node.args:
        _check_arguments(node, "range", OPERATIONS["op range"], 0)
        return _operation("op range", node, [_expression(argument) for argument in node.args])
    if not isinstance(callee, nodes.Getattr):
        _refuse(node, "only `range` and methods of values can be called")
    if callee.attr not in METHODS:
        _refuse(node, f"no method `{callee.attr}`. {_choice(callee.attr, METHODS)}")
    _check_arguments(node, callee.attr, METHODS[callee.attr], 1)
    call = nodes.Filter(
        callee.node, METHOD + callee.attr, node.args, node.kwargs, None, None, lineno=node.lineno
    )
    return _translate_children(call)


def _check_arguments(node: Any, name: str, function: Callable[..., object], given: int) -> None:
    """Refuse a call that could never work. `given`: arguments it has beside those in the brackets."""
    if node.dyn_args or node.dyn_kwargs:
        _refuse(node, f"`{name}` takes its arguments one by one, without `*`")
    keywords = {keyword.key: None for keyword in node.kwargs}
    try:
        inspect.signature(function).bind(Work(0), *[None] * (given + len(node.args)), **keywords)
    except TypeError as error:
        _refuse(node, f"`{name}`: {error}")


def _operation(name: str, node: nodes.Node, parts: list[nodes.Expr]) -> nodes.Filter:
    return nodes.Filter(parts[0], name, parts[1:], [], None, None, lineno=node.lineno)


def _expression(node: nodes.Expr) -> Any:
    return _translate(node)


def _choice(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"Did you mean `{near[0]}`?" if near else f"There are {', '.join(sorted(known))}."


def _refuse(node: nodes.Node, message: str) -> NoReturn:
    place = f"line {node.lineno}: " if node.lineno else ""
    raise TemplateMistakeError(place + message)


_REWRITES: dict[type[nodes.Node], Callable[[Any], nodes.Node]] = {
    nodes.Assign: _assign,
    nodes.Call: _call,
    nodes.Compare: _compare,
    nodes.Concat: _concat,
    nodes.CondExpr: _choose,
    nodes.Filter: _filter,
    nodes.For: _for,
    nodes.Getitem: _getitem,
    nodes.List: _constants,
    nodes.Name: _name,
    nodes.Test: _test,
    nodes.Tuple: _constants,
}
