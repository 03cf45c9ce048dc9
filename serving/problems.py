"""What can be wrong with a request, as values that become problem documents (RFC 9457)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

MEDIA_TYPE = "application/problem+json"
SHOWN = 60


class ProblemError(Exception):
    """A request that is not answered; says what to change."""

    def __init__(
        self, status: int, name: str, detail: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.name = name
        self.detail = detail
        self.headers = dict(headers or {})
        self.more = more

    def document(self, instance: str) -> dict[str, Any]:
        """The problem document; ``instance`` is the path that was asked for."""
        return {
            "type": f"urn:garonne:problem:{self.name}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            **self.more,
        }


def unknown_dataset(name: str, known: Iterable[str]) -> ProblemError:
    """There is no such dataset, or none that the caller may see."""
    return ProblemError(404, "unknown-dataset", f"there is no dataset {cut(name)!r}; there are {', '.join(known)}")


def unknown_field(name: str, dataset: str, known: Iterable[str]) -> ProblemError:
    """There is no such field, or none that the caller may see."""
    detail = f"{dataset} has no field {cut(name)!r}; it has {', '.join(known)}"
    return ProblemError(400, "unknown-field", detail, field=cut(name))


def bad_parameter(name: str, detail: str) -> ProblemError:
    """A parameter that cannot be read; the detail says what it should be."""
    return ProblemError(422, "bad-parameter", f"{name}: {detail}", errors=[{"parameter": name, "detail": detail}])


def bad_query(detail: str, **more: Any) -> ProblemError:
    """A question that cannot be asked; the detail says what to change."""
    return ProblemError(400, "bad-query", detail, **more)


def unavailable(seconds: int) -> ProblemError:
    """Elasticsearch cannot answer now."""
    detail = f"the documents cannot be read now; try again in {seconds} s"
    return ProblemError(503, "unavailable", detail, {"Retry-After": str(seconds)})


def cut(text: str) -> str:
    """A caller's text as it may stand in an answer."""
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
