"""No test reaches the network, and none sees the keys of the machine."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest

_connect = socket.socket.connect


def _guarded(self: socket.socket, address: Any) -> None:
    if isinstance(address, tuple):
        host = str(address[0])
        loopback = host == "localhost" or ipaddress.ip_address(host.partition("%")[0]).is_loopback
        assert loopback, f"a test tried to reach {host}"
    _connect(self, address)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", _guarded)
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
