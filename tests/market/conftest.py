"""The sandbox's market for every test here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.market.build import NOW, Rig
from tests.sandbox.emr_world import world


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with world(page_size=7) as made:
        made.clock.now = NOW
        yield Rig(made)
