"""Contracts: the only place where an event or a result is described; everything else is derived from them."""

from schemas.contract import Contract, Field, Kind, contract, contracts

__all__ = ["Contract", "Field", "Kind", "contract", "contracts"]
