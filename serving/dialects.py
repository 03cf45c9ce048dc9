"""Problems as the standards of some doors want them told."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from serving.problems import ProblemError

OGC = "/ogc"
NGSI_LD = "/ngsi-ld"
ETSI = "https://uri.etsi.org/ngsi-ld/errors/"
#: Error types of ETSI GS CIM 009, 6.3.2, by status.
ETSI_TYPES = {
    400: "BadRequestData",
    404: "ResourceNotFound",
    405: "OperationNotSupported",
    413: "InvalidRequest",
    414: "InvalidRequest",
    500: "InternalError",
    503: "InternalError",
}


def told(problem: ProblemError, path: str) -> dict[str, Any]:
    """The problem document for a path; neither OGC API Features nor NGSI-LD knows of 422."""
    document = problem.document(path)
    if path.split("/")[1] not in (OGC[1:], NGSI_LD[1:]):
        return document
    if problem.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        document |= {"status": 400, "title": HTTPStatus.BAD_REQUEST.phrase}
    if path.startswith(NGSI_LD):
        document["type"] = ETSI + ETSI_TYPES.get(document["status"], "InvalidRequest")
    return document
