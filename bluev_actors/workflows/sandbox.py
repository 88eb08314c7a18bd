"""The part of Jinja that templates may use. It imports Jinja, so only `templates.py` imports it, and late.

A template is parsed, its tree is checked against a list of what is allowed, and then tolls are put in: whatever is
looped over or given a name pays for its size (see `meter.py`), so neither loops within loops nor a text doubled line
by line get far.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen
from jinja2 import StrictUndefined, TemplateSyntaxError, meta, nodes
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from bluev_actors.errors import ExpressionError
from bluev_actors.workflows.meter import weigh
from bluev_actors.workflows.template_filters import JINJA_FILTERS, OUR_FILTERS, PUBLIC_FILTERS, TOLLS, pay
from bluev_actors.workflows.wording import hint

if TYPE_CHECKING:
    from jinja2 import Template as JinjaTemplate
    from jinja2.runtime import Context

_ALLOWED: Final[tuple[type[nodes.Node], ...]] = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.For,
    nodes.If,
    nodes.Assign,
    nodes.With,
    nodes.Name,
    nodes.Const,
    nodes.List,
    nodes.Tuple,
    nodes.Dict,
    nodes.Pair,
    nodes.Keyword,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Slice,
    nodes.Filter,
    nodes.Test,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.CondExpr,
    nodes.Concat,
    nodes.Neg,
    nodes.Pos,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
)
_LOOP: Final = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "previtem", "nextitem"}
)


class _Environment(ImmutableSandboxedEnvironment):
    """Attributes are keys, and operators on text cannot make much of little."""

    intercepted_binops = frozenset({"+", "*", "%"})

    def getattr(self, obj: Any, attribute: str) -> Any:  # noqa: ANN401 - as Jinja declares it
        """Look a key up, or what a loop says of itself."""
        if isinstance(obj, LoopContext) and attribute in _LOOP:
            return getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:  # noqa: ANN401 - as Jinja declares it
        """Look a key or an index up."""
        try:
            return obj[argument]
        except (TypeError, LookupError):
            return self.undefined(obj=obj, name=argument)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401 - as Jinja
        """Add what the meter allows; multiply and divide numbers only."""
        if operator == "+":
            pay(context, weigh(left) + weigh(right))
        elif not isinstance(left, int | float) or not isinstance(right, int | float):
            raise ExpressionError(f"{operator!r} is for numbers")
        return super().call_binop(context, operator, left, right)


@frozen
class Parsed:
    """A compiled template and what it names."""

    template: JinjaTemplate
    names: frozenset[str]
    members: dict[str, tuple[set[str], bool]]


def parse(text: str) -> Parsed:
    """Parse, check and compile a template.

    Raises:
        ExpressionError: `invalid_template`.
    """
    try:
        tree = _ENVIRONMENT.parse(text)
        _check(tree)
        names = frozenset(meta.find_undeclared_variables(tree))
        members = _members(tree, names)
        return Parsed(_ENVIRONMENT.from_string(_Tolls().visit(tree)), names, members)
    except TemplateSyntaxError as error:
        raise ExpressionError(f"line {error.lineno}: {error.message}", "invalid_template") from None
    except (RecursionError, SyntaxError, MemoryError):
        raise ExpressionError("the template is nested too deep", "invalid_template") from None


def _check(tree: nodes.Template) -> None:
    """Refuse whatever is not on the lists."""
    waiting: list[nodes.Node] = [tree]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, _ALLOWED):
            raise _refusal(node, _WHAT_ELSE.get(type(node), f"{type(node).__name__} is not for templates here"))
        if isinstance(node, nodes.Name) and (node.name.startswith("_") or node.name == "self"):
            raise _refusal(node, f"the name {node.name!r} is not for templates here")
        if isinstance(node, nodes.Filter) and node.name not in PUBLIC_FILTERS:
            raise _refusal(node, f"there is no filter {node.name!r}; {hint(node.name, PUBLIC_FILTERS).words}")
        waiting.extend(node.iter_child_nodes())


_WHAT_ELSE: Final[dict[type[nodes.Node], str]] = {
    nodes.Call: "nothing can be called in a template; use a filter, as in `rows|length`",
    nodes.Pow: "there are no powers in a template",
    nodes.NSRef: "there are no namespaces in a template",
}


def _refusal(node: nodes.Node, why: str) -> ExpressionError:
    return ExpressionError(f"line {node.lineno}: {why}", "invalid_template")


def _members(tree: nodes.Template, names: frozenset[str]) -> dict[str, tuple[set[str], bool]]:
    """Which keys of each name are used, and whether the name is also used in another way."""
    found: dict[str, tuple[set[str], bool]] = {name: (set(), False) for name in names}
    looked_into: set[int] = set()
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        name, key = _root_and_key(node)
        if isinstance(name, nodes.Name) and name.name in found and key is not None:
            found[name.name][0].add(key)
            looked_into.add(id(name))
    for name in tree.find_all(nodes.Name):
        if name.name in found and name.ctx == "load" and id(name) not in looked_into:
            found[name.name] = (found[name.name][0], True)
    return found


def _root_and_key(node: nodes.Node) -> tuple[nodes.Node | None, str | None]:
    """Of `a.b` and `a["b"]`: `a`, and the key when it is written out."""
    if isinstance(node, nodes.Getattr):
        return node.node, node.attr
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
        return node.node, node.arg.value
    return None, None


class _Tolls(NodeTransformer):
    """Puts the tolls in."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - as Jinja's visitors are named
        weight = sum(1 for _ in node.find_all(nodes.Node))
        self.generic_visit(node)
        node.iter = _filtered(node.iter, "_looped", nodes.Const(weight))
        return node

    def visit_Assign(self, node: nodes.Assign) -> nodes.Node:  # noqa: N802 - as Jinja's visitors are named
        self.generic_visit(node)
        node.node = _filtered(node.node, "_named")
        return node

    def visit_With(self, node: nodes.With) -> nodes.Node:  # noqa: N802 - as Jinja's visitors are named
        self.generic_visit(node)
        node.values = [_filtered(value, "_named") for value in node.values]
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802 - as Jinja's visitors are named
        self.generic_visit(node)
        return _filtered(nodes.List(node.nodes), "_concat")


def _filtered(node: nodes.Node, name: str, *arguments: nodes.Node) -> nodes.Filter:
    return nodes.Filter(node, name, list(arguments), [], None, None)


def _environment() -> _Environment:
    # Without the optimizer: it would do the sums of constants while compiling, where nothing is metered.
    environment = _Environment(undefined=StrictUndefined, optimized=False, cache_size=0)
    environment.globals.clear()
    for name in set(environment.filters).difference(JINJA_FILTERS):
        del environment.filters[name]
    environment.filters.update(OUR_FILTERS)
    environment.filters.update(TOLLS)
    return environment


_ENVIRONMENT: Final = _environment()
