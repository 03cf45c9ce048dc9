"""XML from strangers: parsed without entities, document types or network, and read by local names."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from lxml import etree

from connectors.formats._body import limit_marks, unpacked
from connectors.formats._errors import ReadError
from connectors.formats._paths import Getter, first_of
from connectors.model import Payload, Reason

MAX_NODES = 1_000_000  # each takes some hundred bytes of memory
_DECLARATIONS = (b"<!DOCTYPE", b"<!ENTITY")


def xml_root(payload: Payload) -> etree._Element:
    """The root of a payload's document.

    Raises:
        ReadError: it is not XML, or declares a document type: no feed needs one, and bombs do.
    """
    body = unpacked(payload.body)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    if any(d in body for d in _DECLARATIONS):
        raise ReadError(Reason.HOSTILE, "XML with a document type")
    limit_marks(body, b"<=", MAX_NODES, "elements and attributes")
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as e:
        raise ReadError(Reason.MALFORMED, f"not XML: {e}") from e
    if root.getroottree().docinfo.internalDTD is not None:  # in an encoding that hid it above
        raise ReadError(Reason.HOSTILE, "XML with a document type")
    return root


def local_name(element: etree._Element) -> str:
    """The name of an element without its namespace."""
    return _local(str(element.tag))


@lru_cache(maxsize=4096)
def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def named(element: etree._Element, names: Iterable[str]) -> list[etree._Element]:
    """The elements of any of these names, at any depth, in the order of the document."""
    return list(element.iter(*(f"{{*}}{n}" for n in names)))


def children(element: etree._Element, name: str) -> list[etree._Element]:
    """The direct children of that name."""
    return [c for c in element if local_name(c) == name]


def flat(element: etree._Element) -> dict[str, str]:
    """The texts under an element by path ``a/b`` of local names, attributes as ``a/@b``; of namesakes the first."""
    found: dict[str, str] = {}
    _flatten(element, "", found)
    return found


def _flatten(element: etree._Element, prefix: str, found: dict[str, str]) -> None:
    for name, value in element.items():
        found[prefix + "@" + str(name).rpartition("}")[2]] = str(value)
    seen: set[str] = set()
    for child in element:
        name = local_name(child)
        if name in seen:
            continue
        seen.add(name)
        text = child.text
        if text and not text.isspace():
            found[prefix + name] = text.strip()
        if len(child) or child.attrib:
            _flatten(child, prefix + name + "/", found)


def flat_getter(path: str) -> Getter:
    """The text at a path of a `flat` element; ``a|b`` is the first of two, ``$/a`` looks in the document."""
    return first_of([_one_path(p) for p in path.split("|")])


def _one_path(path: str) -> Getter:
    if path.startswith("$/"):
        name = path.removeprefix("$/")
        return lambda _row, document: document.get(name)
    return lambda row, _document: row.get(path)
