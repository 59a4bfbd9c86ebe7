"""The package against Protocol/openrpc.json: the methods, their params and results, the reasons."""

from __future__ import annotations

import json
import types
import typing
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

import pytest
from service import ROOT

from offersd import TelegramUser, _methods
from offersd.results import Acceptance, Declination, Explanation, Health, OfferDetails, OfferList, wire_name
from offersd.wire import PROBE, READS, VERDICTS, Request

DOCUMENT = json.loads((ROOT / "Protocol/openrpc.json").read_text())
METHODS = {method["name"]: method for method in DOCUMENT["methods"]}
RESULTS = {
    "listOffers": OfferList,
    "getOffer": OfferDetails,
    "acceptOffer": Acceptance,
    "declineOffer": Declination,
    "explainOffer": Explanation,
    "health": Health,
}
TYPES = {int: "integer", str: "string", bool: "boolean"}
REQUESTS: list[Request[Any]] = [
    request
    for master in (7, TelegramUser(7_000_000_007))
    for request in (
        _methods.list_offers(master, 20, 0),
        _methods.get_offer(master, 1),
        _methods.accept_offer(master, 1),
        _methods.decline_offer(master, 1),
        _methods.explain_offer(master, 1),
        _methods.health(),
        _methods.metrics("json"),
    )
]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema that is meant."""
    if "$ref" in schema:
        found: dict[str, Any] = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
        return found
    return schema


def agrees(kind: Any, schema: dict[str, Any], where: str) -> None:
    """Fail unless a value of this schema, and no other, can be of this type."""
    schema = resolved(schema)
    may_be_null = "oneOf" in schema
    if may_be_null:
        schema, null = schema["oneOf"]
        assert null == {"type": "null"}, where
        schema = resolved(schema)
    takes_null = isinstance(kind, types.UnionType)
    if takes_null:
        (kind,) = (argument for argument in typing.get_args(kind) if argument is not types.NoneType)
    # Python has no year 0000, so any time may be missing.
    assert takes_null == may_be_null or (kind is datetime and takes_null), where
    if kind is datetime:
        assert (schema["type"], schema["format"]) == ("string", "date-time"), where
    elif typing.get_origin(kind) is list:
        assert schema["type"] == "array", where
        agrees(typing.get_args(kind)[0], schema["items"], f"{where}[]")
    elif typing.get_origin(kind) is dict:
        assert schema["type"] == "object", where
        agrees(typing.get_args(kind)[1], schema["additionalProperties"], f"{where}.*")
    elif is_dataclass(kind):
        assert schema["type"] == "object", where
        members = {wire_name(field.name): field.name for field in fields(kind)}
        assert set(members) == set(schema["properties"]), where
        required = [name for name in members if name in schema["required"]]
        assert required == list(members), where
        hints = typing.get_type_hints(kind)
        for wire, own in members.items():
            agrees(hints[own], schema["properties"][wire], f"{where}.{wire}")
    else:
        assert schema["type"] == TYPES[kind], where
        assert schema.get("format") is None, where


@pytest.mark.parametrize("method", RESULTS)
def test_results(method: str) -> None:
    agrees(RESULTS[method], METHODS[method]["result"]["schema"], method)


def test_every_method_has_a_function() -> None:
    assert {request.method for request in REQUESTS} == set(METHODS) - {"rpc.discover"}
    assert PROBE.method in METHODS


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.method)
def test_params(request_: Request[Any]) -> None:
    described = {param["name"]: param for param in METHODS[request_.method]["params"]}
    masters = {"masterId", "telegramUserId"} & set(described)
    assert len(masters & set(request_.params)) == (1 if masters else 0)
    assert set(request_.params) - masters == set(described) - masters
    for name, value in request_.params.items():
        assert described[name]["schema"]["type"] == TYPES[type(value)]


def test_what_writes() -> None:
    unknown = {"$ref": "#/components/errors/OUTCOME_UNKNOWN"}
    writing = {name for name, method in METHODS.items() if unknown in method["errors"]}
    assert writing == set(METHODS) - READS


def test_what_tells_how_order_and_master_stand() -> None:
    errors = DOCUMENT["components"]["errors"]
    assert {reason for reason, error in errors.items() if error["code"] >= 1000} == VERDICTS
