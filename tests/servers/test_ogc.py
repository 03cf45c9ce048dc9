"""OGC API Features: the abstract tests of Part 1 (OGC 17-069r4, annex A) for the classes that are claimed, by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from starlette.testclient import TestClient

from runtime.elastic.client import client
from runtime.endpoints import Endpoints
from serving.access.levels import Level
from serving.doors.ogc.conformance import CLASSES
from serving.doors.parameters import MAX_LIMIT
from tests.servers.serving import HIDDEN, START, TENANTS, api, documents, index, key, probes

pytestmark = pytest.mark.servers

ROOT = "/ogc"
COLLECTION = f"{ROOT}/collections/probe_observed"
ITEMS = f"{COLLECTION}/items"
EVERY = list(documents(probes()["probe_observed"]))
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
GEOJSON = "application/geo+json"
BOX = (1.405, 43.505, 1.435, 43.535)


@pytest.fixture(scope="module")
def asked(servers: Endpoints) -> Iterator[TestClient]:
    index(client(servers), list(probes().values()))
    with api(servers) as found:
        yield found


@pytest.fixture(scope="module")
def landing(asked: TestClient) -> Any:
    return content(asked, ROOT)


def content(asked: TestClient, path: str, **parameters: Any) -> Any:
    answer = asked.get(path, params={k.rstrip("_"): v for k, v in parameters.items()})
    assert answer.status_code == 200, answer.text
    return answer.json()


def links(document: Any, rel: str) -> list[Any]:
    return [x for x in document["links"] if x["rel"] == rel]


def everything(asked: TestClient, **parameters: Any) -> list[Any]:
    page = content(asked, ITEMS, **parameters)
    found = page["features"]
    while following := links(page, "next"):
        page = asked.get(following[0]["href"]).json()
        found += page["features"]
    return list(found)


def visits(features: list[Any]) -> list[tuple[str, int]]:
    return sorted((f["properties"]["tenant"], f["properties"]["visits_count"]) for f in features)


def expected(holds: Any) -> list[tuple[str, int]]:
    return sorted((d["tenant"], d["visits_count"]) for d in EVERY if holds(d))


def test_conf_core_http(asked: TestClient) -> None:
    """A.2.1, abstract test 1: the server speaks HTTP/1.1 (as the tests with a listening server show), and HEAD."""
    for path in (ROOT, f"{ROOT}/conformance", f"{ROOT}/collections", COLLECTION, ITEMS):
        got, head = asked.get(path), asked.head(path)
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers["content-type"] == got.headers["content-type"]
        assert asked.post(path).status_code == 405


def test_conf_core_crs84(asked: TestClient) -> None:
    """Abstract test 2: places are longitude and latitude in WGS 84."""
    where = {(d["location"]["lon"], d["location"]["lat"]) for d in EVERY}
    assert {tuple(f["geometry"]["coordinates"]) for f in everything(asked)} == where
    assert "crs" not in content(asked, ITEMS)


def test_conf_core_root_op_and_success(asked: TestClient, landing: Any) -> None:
    """Abstract tests 3 and 4: the landing page, with links to the API's document, conformance and data."""
    assert links(content(asked, f"{ROOT}/"), "data") == links(landing, "data")
    for rel in ("service-desc", "service-doc", "conformance", "data", "self"):
        for link in links(landing, rel):
            assert asked.get(link["href"]).status_code == 200
        assert links(landing, rel)


def test_conf_core_api_definition_op_and_success(asked: TestClient, landing: Any) -> None:
    """Abstract tests 5 and 6: the API's document is there, in the media type of its link."""
    (link,) = links(landing, "service-desc")
    answer = asked.get(link["href"])
    assert answer.headers["content-type"] == link["type"]
    assert answer.json()["openapi"].startswith("3.0")


def test_conf_core_conformance_op_and_success(asked: TestClient) -> None:
    """Abstract tests 7 and 8: the conformance classes."""
    assert content(asked, f"{ROOT}/conformance") == {"conformsTo": list(CLASSES)}
    for name in ("core", "geojson", "html", "oas30"):
        assert f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{name}" in CLASSES


def test_conf_core_fc_md_op_success_links_items(asked: TestClient) -> None:
    """Abstract tests 9 to 12: the collections, each with links to itself, to its items, and what it is."""
    found = content(asked, f"{ROOT}/collections")
    assert {link["type"] for link in found["links"]} == {"application/json", "text/html"}
    assert {c["id"] for c in found["collections"]} == {"probe_observed", "probe_observed_latest", "probe_result"}
    for collection in found["collections"]:
        assert {"id", "title", "description", "extent", "links"} <= collection.keys()
        assert {link["type"] for link in links(collection, "items")} == {GEOJSON, "text/html"}
        assert all(link["rel"] and link["type"] for link in collection["links"])
        for link in collection["links"]:
            assert asked.get(link["href"]).headers["content-type"].partition(";")[0] == link["type"]


def test_conf_core_fc_md_extent(asked: TestClient) -> None:
    """The extent is that of the documents, in CRS84 and in the Gregorian calendar."""
    found = content(asked, COLLECTION)["extent"]
    lons, lats = ([d["location"][axis] for d in EVERY] for axis in ("lon", "lat"))
    assert found["spatial"]["bbox"][0] == pytest.approx([min(lons), min(lats), max(lons), max(lats)], abs=1e-6)
    assert found["spatial"]["crs"] == CRS84
    first, last = map(datetime.fromisoformat, found["temporal"]["interval"][0])
    assert (first, last) == (min(d["observed_at"] for d in EVERY), max(d["observed_at"] for d in EVERY))


def test_conf_core_sfc_md_op_and_success(asked: TestClient) -> None:
    """Abstract tests 13 and 14: a collection by itself is as it is in the list."""
    for collection in content(asked, f"{ROOT}/collections")["collections"]:
        assert content(asked, f"{ROOT}/collections/{collection['id']}") == collection
    assert asked.get(f"{ROOT}/collections/nothing").status_code == 404


def test_conf_core_fc_op_and_response(asked: TestClient) -> None:
    """Abstract tests 15 and 16: features of a collection."""
    answer = asked.get(ITEMS)
    assert answer.headers["content-type"] == GEOJSON
    assert answer.json()["type"] == "FeatureCollection"
    assert visits(everything(asked)) == expected(lambda _: True)


@pytest.mark.parametrize("heights", [False, True])
def test_conf_core_fc_bbox(asked: TestClient, heights: bool) -> None:
    """Abstract tests 17 to 19: four or six numbers; only features in the box."""
    west, south, east, north = BOX
    numbers = (west, south, -10, east, north, 10) if heights else BOX

    def inside(document: dict[str, Any]) -> bool:
        where = document["location"]
        return west <= where["lon"] <= east and south <= where["lat"] <= north

    assert visits(everything(asked, bbox=",".join(map(str, numbers)))) == expected(inside)
    assert expected(inside)
    over_180 = everything(asked, bbox=f"{west},-90,{west - 1},90")
    assert visits(over_180) == expected(lambda d: d["location"]["lon"] >= west)


@pytest.mark.parametrize(
    "text", ["1,2,3", "1,2,3,4,5", "a,b,c,d", "1,50,2,40", "-200,0,0,10", "1,2,3,4,5,6,7", "1,,2,3", "nan,0,1,1"]
)
def test_conf_core_query_param_invalid_bbox(asked: TestClient, text: str) -> None:
    assert asked.get(ITEMS, params={"bbox": text}).status_code == 400


def test_conf_core_fc_limit(asked: TestClient) -> None:
    """Abstract tests 20 and 21: not more than the limit; more than the maximum is the maximum."""
    for limit in (1, 7, 100):
        found = content(asked, ITEMS, limit=limit)
        assert len(found["features"]) == found["numberReturned"] == limit
    assert content(asked, ITEMS, limit=MAX_LIMIT * 10)["numberReturned"] == len(EVERY)
    for limit in ("0", "-1", "x"):
        assert asked.get(ITEMS, params={"limit": limit}).status_code == 400


MIDDLE = START + timedelta(minutes=100)
LATER = START + timedelta(minutes=200)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        (MIDDLE.isoformat(), lambda at: at == MIDDLE),
        (f"{MIDDLE.isoformat()}/{LATER.isoformat()}", lambda at: MIDDLE <= at <= LATER),
        (f"{MIDDLE.isoformat()}/..", lambda at: at >= MIDDLE),
        (f"../{MIDDLE.isoformat()}", lambda at: at <= MIDDLE),
        (f"{MIDDLE.isoformat()}/", lambda at: at >= MIDDLE),
        (f"/{MIDDLE.isoformat()}", lambda at: at <= MIDDLE),
        ("2026-07-14T15:40:00+02:00", lambda at: at == MIDDLE),
        ("../..", lambda _: True),
    ],
)
def test_conf_core_fc_time(asked: TestClient, text: str, holds: Any) -> None:
    """Abstract tests 22 and 23: a time, an interval, and one that is open."""
    found = visits(everything(asked, datetime=text))
    assert found == expected(lambda d: holds(d["observed_at"]))
    assert found


@pytest.mark.parametrize("text", ["yesterday", "2026-07-14T25:00:00Z", "2027-01-01/2026-01-01", "a/b", ""])
def test_conf_core_query_param_invalid_datetime(asked: TestClient, text: str) -> None:
    assert asked.get(ITEMS, params={"datetime": text}).status_code == 400


def test_conf_core_fc_links_timestamp_and_numbers(asked: TestClient) -> None:
    """Abstract tests 24 to 29: links to itself, to the other format and to the next page, the time, the numbers."""
    page = content(asked, ITEMS, limit=50, state="free")
    matched = len(expected(lambda d: d["state"] == "free"))
    assert (page["numberMatched"], page["numberReturned"]) == (matched, len(page["features"]))
    assert [link["type"] for rel in ("self", "alternate") for link in links(page, rel)] == [GEOJSON, "text/html"]
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z", page["timeStamp"])
    features = everything(asked, limit=7, state="free")
    assert visits(features) == expected(lambda d: d["state"] == "free")
    assert len({f["id"] for f in features}) == matched
    assert not links(content(asked, ITEMS, limit=1000), "next")


def test_conf_core_query_param_unknown(asked: TestClient) -> None:
    """A parameter that the API's document does not know is refused, on every path."""
    for path in (ROOT, f"{ROOT}/conformance", f"{ROOT}/collections", COLLECTION, ITEMS, f"{COLLECTION}/queryables"):
        answer = asked.get(path, params={"nobody": "1"})
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json"), path
        assert answer.json()["status"] == 400


def test_conf_core_f_op_success_links(asked: TestClient) -> None:
    """Abstract tests 30 to 32: a feature by its id, with links to itself and its collection."""
    for feature in content(asked, ITEMS, limit=3)["features"]:
        for name in (feature["id"], quote(feature["id"], safe="")):
            answer = asked.get(f"{ITEMS}/{name}")
            assert (answer.status_code, answer.headers["content-type"]) == (200, GEOJSON)
            found = answer.json()
            assert {n: v for n, v in found.items() if n != "links"} == feature
            assert links(found, "self")[0]["type"] == GEOJSON
            assert links(found, "alternate")[0]["type"] == "text/html"
            assert asked.get(links(found, "collection")[0]["href"]).json()["id"] == "probe_observed"
            assert asked.get(links(found, "canonical")[0]["href"]).json()["id"] == feature["id"]
    for name in ("nothing", "balma|balma-1|2026-07-14T12:00:00.000001Z", "balma|x|yesterday", "a|b|c|d", "%25"):
        assert asked.get(f"{ITEMS}/{name}").status_code == 404, name


def test_conf_geojson_definition_and_content(asked: TestClient) -> None:
    """A.3: features and collections of them are GeoJSON (RFC 7946)."""
    for path in (ITEMS, f"{ITEMS}/{quote(content(asked, ITEMS, limit=1)['features'][0]['id'], safe='')}"):
        answer = asked.get(path, headers={"Accept": GEOJSON})
        assert answer.headers["content-type"] == GEOJSON
        found = answer.json()
        for feature in found.get("features", [found]):
            assert feature["type"] == "Feature"
            assert feature["geometry"]["type"] == "Point"
            assert "location" not in feature["properties"]


class Read(HTMLParser):
    """What a page says, and where it leads."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.links = "", list[str]()
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if tag == "a" and name == "href"]


def test_conf_html_definition_and_content(asked: TestClient) -> None:
    """A.4: every page is there as HTML5 too, with all that the JSON says and all its links."""
    one = f"{ITEMS}/{quote(content(asked, ITEMS, limit=1)['features'][0]['id'], safe='')}"
    for path in (
        ROOT,
        f"{ROOT}/conformance",
        f"{ROOT}/collections",
        COLLECTION,
        f"{COLLECTION}/queryables",
        ITEMS,
        one,
    ):
        as_json = asked.get(path, headers={"Accept": "application/json"}).json()
        by_header = asked.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        by_name = asked.get(path, params={"f": "html"})
        for answer in (by_header, by_name):
            assert answer.headers["content-type"].startswith("text/html")
            assert answer.text.startswith("<!DOCTYPE html>")
        page = Read(by_name.text)
        assert len(page.links) >= len(as_json.get("links", []))
        for text in said(as_json):
            assert text in page.text


def said(value: Any) -> Iterator[str]:
    """Every value in a document, but for what is in its links and the time of the answer."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in ("links", "timeStamp"):
                yield from said(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from said(inner)
    elif value is not None:
        yield str(value)


def test_a_page_runs_nothing_of_what_it_shows(asked: TestClient) -> None:
    answer = asked.get(f"{ITEMS}", params={"f": "html", "name": "<script>alert(1)</script>"})
    assert (answer.status_code, "<script>" in answer.text) == (200, False)
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_conf_oas30_definition(asked: TestClient, servers: Endpoints) -> None:
    """A.5: the document is OpenAPI 3.0, complete, and the API answers as it says."""
    holder = key(servers, Level.PRIVATE, *TENANTS)
    document = asked.get(f"{ROOT}/api", headers=holder).json()
    assert {"/", "/conformance", "/collections", "/collections/probe_observed/items"} <= document["paths"].keys()
    assert "/collections/probe_private/items" in document["paths"]
    assert HIDDEN not in str(document)
    for path, item in document["paths"].items():
        assert item["get"]["responses"].keys() >= {"200", "default"}, path
    names = {
        p["$ref"].rsplit("/")[-1] for p in document["paths"]["/collections/probe_observed/items"]["get"]["parameters"]
    }
    told = {document["components"]["parameters"][n]["name"]: document["components"]["parameters"][n] for n in names}
    assert told["limit"]["schema"]["maximum"] == MAX_LIMIT
    assert {"bbox", "datetime", "limit", "visits_count", "owner_name"} <= told.keys()
    schema = schemathesis.openapi.from_dict(document)
    schema.validate()
    assert len([operation.ok() for operation in schema.get_all_operations()]) == len(document["paths"])
    assert "owner_name" not in asked.get(f"{ROOT}/api").text


def test_queryables_are_the_fields_that_may_be_seen(asked: TestClient, servers: Endpoints) -> None:
    found = asked.get(f"{COLLECTION}/queryables")
    assert found.headers["content-type"] == "application/schema+json"
    assert found.json()["properties"]["location"]["format"] == "geometry-point"
    assert found.json()["properties"]["state"]["enum"] == ["free", "taken", "unknown"]
    assert "operator_note" not in found.text
    holder = key(servers, Level.PARTNER, "balma")
    assert "operator_note" in asked.get(f"{COLLECTION}/queryables", headers=holder).text


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("visits_count > 3 AND state = 'free'", lambda d: d["visits_count"] > 3 and d["state"] == "free"),
        ("3 < visits_count OR state <> 'free'", lambda d: d["visits_count"] > 3 or d["state"] != "free"),
        ("NOT (level_celsius > 3)", lambda d: d["level_celsius"] is not None and d["level_celsius"] <= 3),
        ("level_celsius IS NULL", lambda d: d["level_celsius"] is None),
        ("level_celsius IS NOT NULL AND is_open = TRUE", lambda d: d["level_celsius"] is not None and d["is_open"]),
        ("visits_count BETWEEN 10 AND 20", lambda d: 10 <= d["visits_count"] <= 20),
        ("visits_count NOT BETWEEN 10 AND 20", lambda d: not 10 <= d["visits_count"] <= 20),
        ("state IN ('free', 'taken')", lambda d: d["state"] in ("free", "taken")),
        ("state NOT IN ('free')", lambda d: d["state"] != "free"),
        ("entity_id LIKE 'balma-%'", lambda d: d["tenant"] == "balma"),
        ("entity_id LIKE '%-_'", lambda _: True),
        ("entity_id NOT LIKE 'BALMA-%'", lambda _: True),
        (f"observed_at >= TIMESTAMP('{MIDDLE.isoformat()}')", lambda d: d["observed_at"] >= MIDDLE),
        ("S_INTERSECTS(location, BBOX(1.405,43.505,1.435,43.535))", lambda d: 1 <= d["visits_count"] % 6 <= 3),
        ("S_INTERSECTS(location, POINT(1.41 43.51))", lambda d: d["visits_count"] % 6 == 1),
        ("NOT S_INTERSECTS(location, POINT(1.41 43.51))", lambda d: d["visits_count"] % 6 != 1),
    ],
)
def test_conf_filter_basic_cql2(asked: TestClient, text: str, holds: Any) -> None:
    """Part 3 and CQL2: what a filter leaves; what is unknown is neither true nor false."""
    assert visits(everything(asked, filter=text)) == expected(holds)
    assert expected(holds)


@pytest.mark.parametrize(
    "text", ["visits_count >", "nobody = 1", "operator_note = 'x'", "S_WITHIN(location)", "1 = 1", ""]
)
def test_a_filter_that_cannot_be_read_is_refused(asked: TestClient, text: str) -> None:
    answer = asked.get(ITEMS, params={"filter": text})
    assert (answer.status_code, answer.json()["status"]) == (400, 400)
