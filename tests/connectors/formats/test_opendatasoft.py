from __future__ import annotations

import pytest

from connectors.formats.opendatasoft import Options, decode
from connectors.model import NO_REFERENCE, Reason, Rejected
from tests.connectors.formats.sampling import payload

OPTIONS = Options.model_validate(
    {"kind": "opendatasoft", "event": "weather_observed", "entity_id": "id", "observed_at": "heure_utc"}
)


@pytest.mark.parametrize("body", ['{"total_count": 0, "results": []}', "[]"])
def test_an_answer_without_records_gives_none(body: str) -> None:
    assert list(decode(payload(body), OPTIONS, NO_REFERENCE)) == []


@pytest.mark.parametrize(
    ("body", "reason", "detail"),
    [
        ('{"nhits": 1, "records": [{"fields": {}}]}', Reason.UNSUPPORTED, "an answer of an older interface"),
        ('{"error_code": "ODSQLError", "message": "x"}', Reason.MALFORMED, "the portal answers 'ODSQLError'"),
        ('{"a": 1}', Reason.UNSUPPORTED, "no list 'results' in it"),
        ("7", Reason.MALFORMED, "7 is neither an answer nor an export"),
        ('{"total_count": 1, "results": [{"id"', Reason.MALFORMED, "not JSON"),
        ("<html>", Reason.MALFORMED, "not JSON"),
    ],
)
def test_what_is_no_answer_is_one_rejection_with_the_body(body: str, reason: Reason, detail: str) -> None:
    (found,) = decode(payload(body), OPTIONS, NO_REFERENCE)

    assert isinstance(found, Rejected)
    assert (found.reason, found.payload, found.place) == (reason, body.encode(), "")
    assert found.detail.startswith(detail)
