"""Languages that callers ask in: a text to a tree by a grammar, and what is wrong with a text that is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Transformer, Tree, UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.exceptions import VisitError

from serving import problems
from serving.problems import ProblemError

MAX_CHARACTERS = 4096
MAX_DEPTH = 20


@dataclass(frozen=True, eq=False)
class Language:
    """A grammar, its clauses, and what its signs are called where one of them is missing."""

    package: str
    grammar: str
    clauses: tuple[str, ...]
    signs: Mapping[str, str]

    def parsed(self, clause: str, text: str, parameter: str | None = None) -> Tree[Token]:
        """The tree of a clause.

        Raises:
            ProblemError: it is none; says where it stops to be one, and what could stand there.
        """
        name = parameter or clause
        if len(text) > MAX_CHARACTERS:
            raise problems.bad_parameter(name, f"has {len(text)} characters, and may have {MAX_CHARACTERS}")
        try:
            tree = self._parser.parse(text, start=clause)
        except UnexpectedInput as e:
            raise problems.bad_query(self._explained(name, text, e), parameter=name) from None
        if _depth(tree) > MAX_DEPTH:
            raise problems.bad_query(f"{name}: more than {MAX_DEPTH} conditions within one another", parameter=name)
        return tree

    @cached_property
    def _parser(self) -> Lark:
        grammar = files(self.package).joinpath(self.grammar).read_text(encoding="utf-8")
        return Lark(grammar, parser="lalr", start=list(self.clauses), maybe_placeholders=True)

    def _explained(self, name: str, text: str, error: UnexpectedInput) -> str:
        is_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
        at = len(text) if is_end else (error.pos_in_stream or 0)
        found = repr(text[at : at + 12]) if at < len(text) else "the end"
        allowed = error.allowed if isinstance(error, UnexpectedCharacters) else getattr(error, "accepts", None)
        signs = allowed or getattr(error, "expected", None) or ()
        known = {self.signs.get(sign, sign.strip("_").lower()) for sign in signs}
        return f"{name}: at character {at + 1} stands {found}, where {', '.join(sorted(known))} could stand"


def transformed(transformer: Transformer[Token, Any], tree: Tree[Token]) -> Any:
    """What a transformer makes of a tree.

    Raises:
        ProblemError: what the transformer says is wrong with it.
    """
    try:
        return transformer.transform(tree)
    except VisitError as e:
        if isinstance(e.orig_exc, ProblemError):
            raise e.orig_exc from None
        raise


def _depth(tree: Tree[Token]) -> int:
    deepest, waiting = 0, [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        waiting += [(child, depth + 1) for child in node.children if isinstance(child, Tree)]
    return deepest
