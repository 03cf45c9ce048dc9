"""What stops one record or one payload; the driver turns it into a `Rejected`."""

from __future__ import annotations

from connectors.model import Payload, Reason, Rejected

SHOWN_CHARACTERS = 100


class ReadError(Exception):
    """Something that cannot be read, with the class of the failure."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail

    def at(self, name: str) -> ReadError:
        """The same failure, said of a field."""
        return ReadError(self.reason, f"{name}: {self.detail}")

    def of(self, payload: Payload) -> Rejected:
        """The whole payload refused for it."""
        return Rejected(self.reason, self.detail, "", payload.body)


def shown(value: object) -> str:
    """A value as it may stand in a message: short, on one line."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "…"
