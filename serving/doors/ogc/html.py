"""Pages for people: everything that the JSON says, as HTML, with its links as links."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

STYLE = "body{font:16px/1.5 sans-serif;margin:2rem;max-width:70rem}dt{font-weight:bold}dd{margin:0 0 .5rem 1.5rem}"


class French(str):
    """A text in French, among the English ones of a page."""

    __slots__ = ()


def page(title: str, content: Mapping[str, Any]) -> str:
    """An HTML page of a JSON document."""
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title{_lang(title)}>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><h1{_lang(title)}>{escape(title)}</h1>{_shown(content)}</body></html>\n"
    )


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return _link(value) if {"href", "rel"} <= value.keys() else _members(value)
    if isinstance(value, list | tuple):
        return f"<ul>{''.join(f'<li>{_shown(v)}</li>' for v in value)}</ul>" if value else "–"
    return "–" if value is None else escape(str(value))


def _members(value: Mapping[str, Any]) -> str:
    return f"<dl>{''.join(f'<dt>{escape(str(k))}</dt><dd{_lang(v)}>{_shown(v)}</dd>' for k, v in value.items())}</dl>"


def _lang(value: Any) -> str:
    return ' lang="fr"' if isinstance(value, French) else ""


def _link(value: Mapping[str, Any]) -> str:
    about = f"{value.get('title', value['href'])} ({value['rel']}, {value.get('type', '')})"
    return f'<a href="{escape(str(value["href"]))}" rel="{escape(str(value["rel"]))}">{escape(about)}</a>'
