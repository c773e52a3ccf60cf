"""Version 2 of the instance metadata, against a server that refuses every other way."""

from __future__ import annotations

import socket

import pytest

from agent.aws.imds import Imds
from tests.fakes.imds import FakeImds


def test_region_account_and_private_address_with_one_token() -> None:
    with FakeImds(region="us-west-2", private_address="10.1.2.3") as fake:
        imds = Imds(fake.url)
        assert (imds.region(), imds.account_id(), imds.private_address()) == ("us-west-2", "123456789012", "10.1.2.3")
        assert fake.asked.count("PUT /latest/api/token") == 1


def test_one_failure_of_the_service_is_asked_again() -> None:
    with FakeImds() as fake:
        fake.failures = 1
        assert Imds(fake.url).region() == "eu-west-1"


@pytest.mark.parametrize("status", [403, 404])
def test_without_a_token_nothing_more_is_asked(status: int) -> None:
    with FakeImds() as fake:
        fake.token_status = status
        imds = Imds(fake.url)
        assert (imds.region(), imds.private_address()) == (None, None)
        assert fake.asked == ["PUT /latest/api/token"]


def test_off_ec2_there_is_no_answer_and_no_fault() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert Imds(url, timeout_s=0.1).region() is None, "it takes the connection and never answers"
    assert Imds(url, timeout_s=0.1).private_address() is None, "nothing listens"


@pytest.mark.parametrize("text", ["", "localhost", "<html>", "::1"])
def test_what_is_no_address_is_not_taken_for_one(text: str) -> None:
    with FakeImds(private_address=text) as fake:
        assert Imds(fake.url).private_address() is None


@pytest.mark.parametrize("text", ["", "[]", "{", '{"region": 5}', '{"region": ""}'])
def test_a_document_of_another_form_tells_nothing(text: str) -> None:
    with FakeImds() as fake:
        fake.documents["/latest/dynamic/instance-identity/document"] = text
        assert Imds(fake.url).region() is None
