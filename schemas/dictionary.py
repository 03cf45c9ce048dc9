"""The data dictionary: every contract and field in words, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from schemas.contract import Contract, Field, Kind

TITLES = {Kind.EVENT: "Events", Kind.RESULT: "Results", Kind.RECORD: "Records of the platform"}
HEAD = """# Data dictionary

Written by `garonne schemas docs` from `schemas/`; edit the contracts, not this page.
"""


def dictionary(contracts: Iterable[Contract]) -> str:
    """The page, with one table for each contract."""
    every = list(contracts)
    parts = [HEAD]
    for kind, title in TITLES.items():
        parts.append(f"## {title}\n")
        parts.extend("\n".join(_section(c)) + "\n" for c in every if c.kind is kind)
    return "\n".join(parts).rstrip() + "\n"


def _section(contract: Contract) -> Iterator[str]:
    d = contract.declaration
    yield f"### {contract.name}\n"
    yield f"{d.title['en']} · {d.title['fr']}. {contract.avro['doc']}\n"
    where = [f"index `{contract.alias}-<tenant>-<{d.period}>`", f"alias `{contract.alias}`"]
    if contract.has_topic:
        where.insert(0, f"topic `{contract.topic}`")
    if contract.has_latest:
        where.append(f"newest state `{contract.latest_alias}`")
    yield f"- {', '.join(where)}"
    yield f"- key {', '.join(f'`{k}`' for k in d.key)}; kept {d.retention_days} days; {d.sensitivity}"
    if d.smart_data_model:
        yield f"- Smart Data Model {d.smart_data_model.type}"
    yield "\n| Field | Type | Unit | Range | Meaning |\n|---|---|---|---|---|"
    for f in contract.fields:
        yield f"| `{f.name}` | {_type(f)} | {f.unit or ''} | {_range(f)} | {f.doc} |"


def _type(field: Field) -> str:
    return field.logical_type + ("" if not field.is_optional else "?")


def _range(field: Field) -> str:
    if field.values:
        return ", ".join(field.values)
    if field.minimum is None and field.maximum is None:
        return ""
    return " … ".join("" if bound is None else f"{bound:g}" for bound in (field.minimum, field.maximum))
