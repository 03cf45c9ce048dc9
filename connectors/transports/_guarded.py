"""HTTP connections that go where they may, and to the very address that was judged."""

from __future__ import annotations

from collections.abc import Collection
from urllib.request import getproxies, proxy_bypass

import httpx2

from connectors.transports._addresses import addresses_of

PORTS = {"http": 80, "https": 443}


class Guarded(httpx2.AsyncBaseTransport):
    """Sends each request to an address of its host that was judged; through a proxy of the environment by name.

    What a proxy makes of a name is the proxy's affair: it is judged here too where it can be looked up.
    """

    def __init__(self, internal_hosts: Collection[str]) -> None:
        self._internal_hosts = tuple(internal_hosts)
        self._direct = httpx2.AsyncHTTPTransport()
        self._proxied = {s: httpx2.AsyncHTTPTransport(proxy=p) for s, p in getproxies().items() if s in PORTS}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer of the request's host.

        Raises:
            RefusedError: the host has an internal address and is not named.
            httpx2.ConnectError: no address of the host takes the connection.
        """
        host, proxy = request.url.host, self._proxy(request.url)
        try:
            addresses = await addresses_of(host, request.url.port or PORTS[request.url.scheme], self._internal_hosts)
        except OSError as e:
            if proxy is not None:  # whoever needs a proxy may know no names of the world
                return await proxy.handle_async_request(request)
            raise httpx2.ConnectError(f"{host}: {e}", request=request) from e
        if proxy is not None:
            return await proxy.handle_async_request(request)
        return await self._first_of(addresses, request)

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in (self._direct, *self._proxied.values()):
            await transport.aclose()

    def _proxy(self, url: httpx2.URL) -> httpx2.AsyncHTTPTransport | None:
        is_named = url.host in self._internal_hosts
        return None if is_named or proxy_bypass(url.host) else self._proxied.get(url.scheme)

    async def _first_of(self, addresses: list[str], request: httpx2.Request) -> httpx2.Response:
        for address in addresses[:-1]:
            try:
                return await self._direct.handle_async_request(_pinned(request, address))
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await self._direct.handle_async_request(_pinned(request, addresses[-1]))


def _pinned(request: httpx2.Request, address: str) -> httpx2.Request:
    """The request to an address; its ``Host`` and the name its certificate is checked for stay those of the host."""
    return httpx2.Request(
        request.method,
        request.url.copy_with(host=address.partition("%")[0]),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )
