"""CQL2 text (OGC 21-065), as far as its basic classes go: text in, typed conditions out."""

from serving.cql2.conditions import condition

__all__ = ["condition"]
