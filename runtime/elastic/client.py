"""The official client, with time limits and without retries of its own: bulk writing decides what to send again."""

from __future__ import annotations

from elasticsearch import Elasticsearch

from runtime.endpoints import Endpoints

TIMEOUT_SECONDS = 60


def client(endpoints: Endpoints, timeout_seconds: float = TIMEOUT_SECONDS) -> Elasticsearch:
    """A client for the endpoints' Elasticsearch."""
    key, password = endpoints.elasticsearch_api_key, endpoints.elasticsearch_password
    login: tuple[str, str] | None = None
    if key is None and endpoints.elasticsearch_user and password:
        login = (endpoints.elasticsearch_user, password.get_secret_value())
    return Elasticsearch(
        endpoints.elasticsearch_url,
        api_key=key.get_secret_value() if key else None,
        basic_auth=login,
        request_timeout=timeout_seconds,
        max_retries=0,
        retry_on_timeout=False,
    )
