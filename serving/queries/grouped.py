"""Groups in an order, some of them, by whatever counts them: Elasticsearch, or cells of H3 here."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from serving import problems
from serving.queries.bodies import Order


def ordered(rows: Sequence[dict[str, Any]], orders: Sequence[Order], names: Sequence[str]) -> list[dict[str, Any]]:
    """Rows by the values of columns, those without a value last.

    Raises:
        ProblemError: there is no such column.
    """
    found = list(rows)
    for order in reversed(orders):
        if order.field not in names:
            raise problems.bad_query(f"order_by: no column is called {order.field!r}; there are {', '.join(names)}")
        there = [r for r in found if r[order.field] is not None]
        there.sort(key=itemgetter(order.field), reverse=order.is_descending)
        found = there + [r for r in found if r[order.field] is None]
    return found
