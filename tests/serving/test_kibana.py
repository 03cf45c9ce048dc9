"""Kibana as code: what is generated is whole and stays the same, and a push is told what became of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError
from typer.testing import CliRunner

from garonne import kibana as command
from garonne.kibana import FOLDER
from schemas import contracts
from schemas.contract import Kind
from serving.kibana.aggregations import columns, rows, search
from serving.kibana.as_code import as_code
from serving.kibana.data_views import data_views
from serving.kibana.generated import OBJECTS, generated
from serving.kibana.panels import COLUMNS, Dashboard, Panel, dashboards
from serving.kibana.push import ATTEMPTS, Kibana, PushError, push

PANELS = [(name, panel) for name, d in dashboards().items() for panel in d.panels]


def panel(**changes: Any) -> Panel:
    return Panel.model_validate(
        {
            "id": "speed",
            "title": {"fr": "Vitesse", "en": "Speed"},
            "kind": "bar",
            "contract": "traffic_by_segment",
            "show": {"km/h": "avg(mean_speed_km_per_h)"},
            "by": ["entity_id"],
            **changes,
        }
    )


def test_every_contract_has_its_data_view_and_its_place_on_a_dashboard() -> None:
    shown = {p.contract for _, p in PANELS}
    assert shown == set(contracts())
    views = [v["id"] for v in data_views(contracts().values())]
    latest = [f"garonne-{c.name}_latest" for c in contracts().values() if c.kind is Kind.EVENT]
    assert sorted(views) == sorted([*(f"garonne-{name}" for name in contracts()), *latest])


def test_what_lies_in_the_repository_is_what_is_generated() -> None:
    there = {str(p.relative_to(FOLDER)): p.read_text(encoding="utf-8") for p in FOLDER.rglob("*") if p.is_file()}
    assert there == generated(contracts().values(), dashboards()), "run: garonne kibana generate"


@pytest.mark.parametrize("name", dashboards())
def test_panels_have_ids_of_their_own_and_do_not_overlap(name: str) -> None:
    said = as_code(dashboards()[name])["panels"]
    assert len({p["id"] for p in said}) == len(said)
    cells = [(x, y) for p in said for x in span(p, "x", "w") for y in span(p, "y", "h")]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < COLUMNS
    tops = sorted({p["grid"]["y"] for p in said})
    ends = {p["grid"]["y"] + p["grid"]["h"] for p in said}
    assert all(low in ends for _, low in pairwise(tops))  # no row stands apart from the one above


def span(placed: dict[str, Any], start: str, length: str) -> range:
    return range(placed["grid"][start], placed["grid"][start] + placed["grid"][length])


def test_saved_objects_refer_to_one_another_and_to_nothing_else() -> None:
    text = generated(contracts().values(), dashboards())[OBJECTS]
    objects = [json.loads(line) for line in text.splitlines()]
    known: set[tuple[str, str]] = set()
    for o in objects:
        assert {(r["type"], r["id"]) for r in o["references"]} <= known
        assert o["coreMigrationVersion"]
        assert o["typeMigrationVersion"]
        assert (o["type"], o["id"]) not in known
        known.add((o["type"], o["id"]))
    of_type = {kind: [o for o in objects if o["type"] == kind] for kind, _ in known}
    assert len(of_type["dashboard"]) == len(dashboards())
    assert len(of_type["lens"]) == len(PANELS)
    for o in of_type["dashboard"]:
        panels = json.loads(o["attributes"]["panelsJSON"])
        assert {f"{p['panelIndex']}:{p['panelRefName']}" for p in panels} == {r["name"] for r in o["references"]}
    for o in of_type["lens"]:
        layer = o["attributes"]["state"]["datasourceStates"]["formBased"]["layers"]["layer"]
        placed = json.dumps(o["attributes"]["state"]["visualization"])
        assert all(f'"{column}"' in placed for column in layer["columns"])


def test_both_forms_and_the_query_say_the_same() -> None:
    for name, p in PANELS:
        placed = next(x for x in as_code(dashboards()[name])["panels"] if x["id"] == p.id)
        said = json.dumps(placed["config"], ensure_ascii=False)
        query = json.dumps(search(p))
        for label, measure in p.measures.items():
            assert f'"{label}"' in said
            assert measure.field is None or f'"{measure.field}"' in said
            assert measure.field is None or f'"{measure.field}"' in query
        assert all(f'"{group}' in said and f'"{group}' in query for group in p.by)
        assert columns(p)[-len(p.show) :] == list(p.show)


def test_no_sentence_of_a_user_can_become_a_query() -> None:
    with pytest.raises(ValidationError, match="is not one figure"):
        panel(show={"x": "entity_id"})
    for wrong, says in [
        ({"show": {"x": "avg(no_such_field)"}}, "has no field no_such_field"),
        ({"show": {"x": "avg(entity_id)"}}, "entity_id is of the kind name"),
        ({"by": ["location"]}, "location is of the kind place"),
        ({"by": []}, "1 to 1 groups"),
        ({"kind": "metric", "by": [], "show": {"a": "count(*)", "b": "count(*)"}}, "a metric has one figure"),
        ({"kind": "pie"}, "kind"),
    ]:
        with pytest.raises(ValidationError, match=says):
            panel(**wrong)
    with pytest.raises(ValidationError, match="two panels are called speed"):
        Dashboard.model_validate({"title": {"fr": "x"}, "time": "now-1h", "panels": [panel(), panel()]})


def test_rows_need_every_column() -> None:
    answer = {"hits": {"total": {"value": 4}}, "aggregations": {"group": {"buckets": [{"key": "a", "doc_count": 4}]}}}
    with pytest.raises(KeyError):
        rows(panel(), answer)
    answer["aggregations"]["group"]["buckets"][0]["m0"] = {"value": 31.5}  # type: ignore[index]
    assert rows(panel(), answer) == [{"entity_id": "a", "km/h": 31.5}]
    assert rows(panel(), {"hits": {"total": {"value": 0}}}) == []


@dataclass
class FakeKibana:
    """Takes what is sent, and answers by a script: one status after another, the last for ever; 0 says nothing."""

    script: list[int] = field(default_factory=lambda: [200])
    got: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    url: str = ""
    released: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def fake() -> Iterator[FakeKibana]:
    kibana = FakeKibana()

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kibana.got.append(
                (self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, json.loads(body))
            )
            status = kibana.script[min(len(kibana.got), len(kibana.script)) - 1]
            if status == 0:
                kibana.released.wait(10)
                self.close_connection = True
                return
            said = json.dumps({"message": "so says Kibana"}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        do_PUT = do_POST = answer  # noqa: N815 -- the library's names

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kibana.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield kibana
        finally:
            kibana.released.set()
            server.shutdown()
            thread.join(30)


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def send(fake: FakeKibana, pauses: list[float]) -> Callable[..., list[str]]:
    def sent(views: list[dict[str, Any]] | None = None, **more: Any) -> list[str]:
        kibana = Kibana(fake.url, api_key=SecretStr("c2VjcmV0"))
        every = [{"id": "garonne-ledger"}] if views is None else views
        return push(kibana, every, {"garonne-heat": {"title": "Heat"}}, pause=pauses.append, **more)

    return sent


def test_a_push_puts_views_first_and_dashboards_in_place(send: Callable[..., list[str]], fake: FakeKibana) -> None:
    assert send() == ["garonne-ledger", "garonne-heat"]
    (method, path, headers, body), (method2, path2, _, body2) = fake.got
    assert (method, path) == ("POST", "/api/data_views/data_view")
    assert body == {"data_view": {"id": "garonne-ledger"}, "override": True}
    assert (method2, path2, body2) == ("PUT", "/api/dashboards/garonne-heat", {"title": "Heat"})
    assert headers["kbn-xsrf"] == "garonne"
    assert headers["authorization"] == "ApiKey c2VjcmV0"


@pytest.mark.parametrize("status", [409, 429, 500, 503])
def test_what_passes_is_tried_again(
    send: Callable[..., list[str]], fake: FakeKibana, pauses: list[float], status: int
) -> None:
    fake.script = [status, status, 200]
    assert send() == ["garonne-ledger", "garonne-heat"]
    assert len(fake.got) == 4
    assert pauses == [1.0, 2.0]


def test_what_does_not_pass_is_given_up(send: Callable[..., list[str]], fake: FakeKibana) -> None:
    fake.script = [503]
    with pytest.raises(PushError, match=r"garonne-ledger: .* 503 .*so says Kibana"):
        send()
    assert len(fake.got) == ATTEMPTS


@pytest.mark.parametrize(
    ("status", "says"), [(401, "KIBANA_API_KEY"), (403, "may not"), (404, "9.4"), (400, "so says")]
)
def test_what_is_refused_is_not_tried_again(
    send: Callable[..., list[str]], fake: FakeKibana, status: int, says: str
) -> None:
    fake.script = [status]
    with pytest.raises(PushError, match=says):
        send()
    assert len(fake.got) == 1


def test_a_kibana_that_says_nothing_is_left_in_time(send: Callable[..., list[str]], fake: FakeKibana) -> None:
    fake.script = [0]
    with pytest.raises(PushError, match="no answer in time"):
        send(timeout_seconds=0.05)
    assert len(fake.got) == ATTEMPTS


def test_a_kibana_that_is_not_there_is_told() -> None:
    with pytest.raises(PushError, match="ConnectError"):
        push(Kibana("http://127.0.0.1:1"), [{"id": "x"}], {}, pause=lambda _: None)
    with pytest.raises(ValueError, match="starts with http"):
        Kibana("kibana:5601")


def test_the_command_pushes_everything(fake: FakeKibana) -> None:
    done = CliRunner().invoke(command.app, ["push", "--url", f"{fake.url}/s/city"])
    assert done.exit_code == 0, done.output
    paths = [path for _, path, _, _ in fake.got]
    assert len(paths) == len(set(dashboards())) + len(list(data_views(contracts().values())))
    assert paths[-1].startswith("/s/city/api/dashboards/garonne-")
    assert CliRunner().invoke(command.app, ["push"], env={"KIBANA_URL": ""}).exit_code == 2
