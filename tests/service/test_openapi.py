"""The OpenAPI document: true of what the service does, however it is asked."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from storecast.service.schemas import structs
from tests.service.conftest import Made, Running, publish, running

FOLDER = Path(__file__).parent


def _operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def test_the_document_is_complete(stores: Running) -> None:
    """OpenAPI 3.1, every operation with a summary, an answer, its problems and the key it needs; every
    reference leads somewhere."""
    document = stores.client.get("/openapi.json").json()
    assert document["openapi"] == "3.1.0"
    text = json.dumps(document)
    names = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert names <= document["components"]["schemas"].keys()
    for method, path, operation in _operations(document):
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["tags"], where
        assert any(code.startswith("2") for code in operation["responses"]), where
        for code in ("401", "422", "503"):
            content = operation["responses"][code]["content"]
            assert "application/problem+json" in content or "application/json" in content, where
        public = operation["x-storecast-role"] == "public"
        assert operation["security"] == ([] if public else [{"key": []}]), where


def test_every_answer_has_an_example_of_its_shape(stores: Running) -> None:
    """Each JSON answer shows one, and it is of the shape that the schema says, field by field."""
    document = stores.client.get("/openapi.json").json()
    kinds = {kind.__name__: kind for kind in structs()}
    shown = set()
    for method, path, operation in _operations(document):
        for code, response in operation["responses"].items():
            media = response.get("content", {}).get("application/json")
            if not code.startswith("2") or media is None or "$ref" not in media["schema"]:
                continue
            name = media["schema"]["$ref"].rpartition("/")[2]
            made = msgspec.convert(media["example"], kinds[name])
            kept = msgspec.to_builtins(made)
            assert media["example"].keys() <= kept.keys(), f"{method} {path}"
            assert {n: kept[n] for n in media["example"]} == media["example"], f"{method} {path}"
            shown.add(name)
    assert len(shown) >= 20
    problem = document["paths"]["/v1/forecasts"]["get"]["responses"]["422"]["content"]
    assert problem["application/problem+json"]["example"]["remedy"]


def test_every_parameter_that_must_be_given_has_an_example(stores: Running) -> None:
    """And a question with these examples alone is understood."""
    document = stores.client.get("/openapi.json").json()
    asked = 0
    for method, path, operation in _operations(document):
        given = {}
        for parameter in operation.get("parameters", []):
            if not parameter.get("required") or parameter["in"] != "query":
                continue
            examples = parameter["schema"].get("examples", [])
            given[parameter["name"]] = parameter.get("example", examples[0] if examples else None)
            assert given[parameter["name"]] is not None, f"{method} {path}: {parameter['name']}"
        if given and "{" not in path:
            answer = stores.client.request(method, path, params=given)
            expected = 409 if path.endswith("/change") else 200  # no version served before this one
            assert answer.status_code == expected, f"{method} {path}: {answer.text}"
            asked += 1
    assert asked >= 3


def test_every_body_has_an_example_that_works(stores: Running) -> None:
    """The examples of request bodies are answered as they stand."""
    document = stores.client.get("/openapi.json").json()
    weeks = stores.client.get("/v1/forecasts?series=1&horizon=2").json()["forecasts"]
    asked = 0
    for method, path, operation in _operations(document):
        for kind, media in operation.get("requestBody", {}).get("content", {}).items():
            examples = [e["value"] for e in media.get("examples", {}).values()] + (
                [media["example"]] if "example" in media else []
            )
            if "{" in path or path == "/v1/datasets":
                continue
            if not examples:
                assert kind == "application/json", path
                schema = document["components"]["schemas"][media["schema"]["$ref"].rpartition("/")[2]]
                examples = [{n: p["examples"][0] for n, p in schema["properties"].items() if "examples" in p}]
            for example in examples:
                # The sample's first weeks stand in for those of the data in the examples.
                body = example if isinstance(example, str) else json.dumps(example)
                body = body.replace("2012-11-02", weeks[0]["ds"]).replace(
                    "02-11-2012", "-".join(reversed(weeks[0]["ds"].split("-")))
                )
                if kind == "multipart/form-data":
                    parts = {name: (None, text) for name, text in json.loads(body).items()}
                    answer = stores.client.request(method, path, files=parts)
                else:
                    answer = stores.client.request(method, path, content=body, headers={"content-type": kind})
                expected = (
                    (409,) if path.endswith(("rollback", "/stop", "trial/promote")) else (200, 201, 202, 204)
                )
                assert answer.status_code in expected, f"{method} {path}: {answer.text}"
                asked += 1
    assert asked >= 12
    for said in stores.client.get("/v1/overrides").json()["overrides"]:  # others count on the model's numbers
        stores.client.post(f"/v1/overrides/{said['id']}/undo", json={"why": "it was an example"})


def _fuzzed(service: Running, key: str, *more: str) -> tuple[int, str]:
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(FOLDER / "schemathesis.toml")),
        *("run", f"http://127.0.0.1:{service.port}/openapi.json", "-H", f"Authorization: Bearer {key}"),
        *("--checks", "all", "--request-timeout", "20", "--no-color", *more),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=3600, check=False, cwd=service.home
    )
    cases = re.search(r"(\d+) generated", done.stdout)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert cases, done.stdout[-3000:]
    return int(cases[1]), done.stdout


@pytest.fixture
def keyed(tmp_path: Path, versions: dict[str, Made], issue) -> Any:
    """A service with an operator's key, so that routes are reached and authorization is checked as well."""
    publish(tmp_path, versions["stores"], 1)
    key = issue(tmp_path, "operator")
    with running(tmp_path, rate_limit=0.0) as service:
        yield service, key


def test_some_hundred_wild_requests(keyed) -> None:
    """Requests made up from the document, right and wrong: no 5xx, no answer other than described."""
    cases, _ = _fuzzed(*keyed, "--phases", "examples,fuzzing", "--max-examples", "6", "--seed", "1")
    assert cases >= 200


@pytest.mark.e2e
def test_thousands_of_wild_requests(keyed) -> None:
    """The same in all phases, with coverage of each keyword and sequences of requests.

    STORECAST_FUZZ=350 makes some ten thousand of them.
    """
    examples = os.environ.get("STORECAST_FUZZ", "60")
    cases, said = _fuzzed(*keyed, "--max-examples", examples, "--seed", os.environ.get("STORECAST_SEED", "2"))
    sys.stderr.write(f"\n{cases:,} requests, no 5xx\n")
    assert cases >= 2000, said[-3000:]
