"""In which language datasets and fields are described: both in the catalogue, French where titles are French."""

from __future__ import annotations

from starlette.testclient import TestClient

from schemas import contracts
from serving.access.caller import anonymous
from serving.access.view import View, views
from serving.doors import explore_catalogue

DATASET = "parking_occupancy"
FRENCH = "Occupation et mouvements d’un parc ou d’une zone de stationnement par tranche de 5 minutes."
ENGLISH = "Occupancy and movement of a car park or zone by 5 minutes."
FRENCH_NAME, ENGLISH_NAME = "Nom donné par l’exploitant.", "Name as the operator gives it."


def open_view() -> View:
    return views(contracts().values(), anonymous("", 1), frozenset())[DATASET]


def test_the_catalogue_describes_in_each_language(alone: TestClient) -> None:
    found = alone.get(f"/api/v1/datasets/{DATASET}").json()
    assert found["description"] == {"fr": FRENCH, "en": ENGLISH}
    fields = {f["name"]: f["description"] for f in found["fields"]}
    assert fields["name"] == {"fr": FRENCH_NAME, "en": ENGLISH_NAME}
    listed = alone.get("/api/v1/datasets").json()["datasets"]
    assert found in listed
    assert all(f["description"].keys() == {"fr", "en"} for d in listed for f in (d, *d["fields"]))


def test_the_explore_catalogue_describes_in_the_language_it_declares() -> None:
    found = explore_catalogue.described(open_view(), 1)
    assert (found["metas"]["default"]["language"], found["metas"]["default"]["description"]) == ("fr", FRENCH)
    assert FRENCH_NAME in [f["description"] for f in found["fields"]]


def test_what_is_french_on_an_english_page_says_so(alone: TestClient) -> None:
    path = f"/ogc/collections/{DATASET}/queryables"
    fields = alone.get(path).json()["properties"]
    assert fields["name"]["description"] == FRENCH_NAME
    page = alone.get(path, params={"f": "html"}).text
    assert f'<dd lang="fr">{FRENCH_NAME}</dd>' in page
    assert '<h1 lang="fr">Occupation du stationnement</h1>' in page
    assert "<dd>name</dd>" in page


def test_the_documentation_stays_english(alone: TestClient) -> None:
    told = alone.get("/openapi.json").text
    assert ENGLISH_NAME in told
    assert FRENCH_NAME not in told
