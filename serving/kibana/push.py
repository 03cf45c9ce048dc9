"""Data views and dashboards into a Kibana, over its API; pushing again changes nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import orjson
from pydantic import SecretStr

from runtime.urls import shown

TIMEOUT_SECONDS = 30.0
ATTEMPTS = 4
PAUSE_SECONDS = 1.0  # before the second attempt; twice as long before each that follows
TRANSIENT = {409, 429, 500, 502, 503, 504}  # 409: somebody saves the same object at this moment
HEADERS = {"kbn-xsrf": "garonne", "Elastic-Api-Version": "2023-10-31"}
MOST_SHOWN = 300


class PushError(RuntimeError):
    """Kibana does not take something; says what and why."""


@dataclass(frozen=True)
class Kibana:
    """Where Kibana is, and what it takes to log in; a space stands in the address (…/s/city)."""

    url: str
    api_key: SecretStr | None = None
    user: str | None = None
    password: SecretStr | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"the address of Kibana starts with http:// or https://, not {shown(self.url)}")

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every request."""
        key = {} if self.api_key is None else {"Authorization": f"ApiKey {self.api_key.get_secret_value()}"}
        return {**HEADERS, **key}

    @property
    def login(self) -> tuple[str, str] | None:
        """User and password, where no key is given."""
        if self.api_key is not None or self.user is None or self.password is None:
            return None
        return self.user, self.password.get_secret_value()


def push(
    kibana: Kibana,
    views: Iterable[dict[str, Any]],
    dashboards: Mapping[str, dict[str, Any]],
    timeout_seconds: float = TIMEOUT_SECONDS,
    pause: Callable[[float], None] = time.sleep,
) -> list[str]:
    """Put every data view, and then every dashboard (by id), in place of what was there; their ids.

    Raises:
        PushError: Kibana refuses one, or does not answer after some attempts.
    """
    done: list[str] = []
    base = kibana.url.rstrip("/")
    with httpx2.Client(
        headers=kibana.headers, auth=kibana.login, timeout=timeout_seconds, trust_env=False, follow_redirects=False
    ) as client:
        for view in views:
            body = {"data_view": view, "override": True}
            _send(client, "POST", f"{base}/api/data_views/data_view", body, view["id"], pause)
            done.append(view["id"])
        for own_id, dashboard in dashboards.items():
            _send(client, "PUT", f"{base}/api/dashboards/{own_id}", dashboard, own_id, pause)
            done.append(own_id)
    return done


def _send(
    client: httpx2.Client, method: str, url: str, body: dict[str, Any], what: str, pause: Callable[[float], None]
) -> None:
    reason = ""
    for attempt in range(ATTEMPTS):
        if attempt:
            pause(PAUSE_SECONDS * 2 ** (attempt - 1))
        try:
            answer = client.request(
                method, url, content=orjson.dumps(body), headers={"Content-Type": "application/json"}
            )
        except httpx2.TimeoutException:
            reason = "no answer in time"
            continue
        except httpx2.HTTPError as e:
            reason = f"{type(e).__name__}: {e}"
            continue
        if answer.is_success:
            return
        reason = f"{answer.status_code} {_words(answer)}"
        if answer.status_code not in TRANSIENT:
            break
    raise PushError(f"{what}: Kibana at {shown(url)} does not take it: {reason}")


def _words(answer: httpx2.Response) -> str:
    """What Kibana says, or what its status means for who pushes."""
    hints = {
        401: "it does not know this login: set KIBANA_API_KEY, or KIBANA_USER and KIBANA_PASSWORD",
        403: "this login may not write dashboards and data views there",
        404: "it has no such API: dashboards as code need Kibana 9.4; import garonne.ndjson there",
    }
    return hints.get(answer.status_code, answer.text[:MOST_SHOWN])
