"""Where workers answer, how they log, and what is told when a setting or a port is wrong."""

import os
import socket
from pathlib import Path

import pytest
from pydantic import ValidationError

from dualtrack.running import PORTS, UP, http_config, run_logged
from dualtrack.settings import Settings, split_address
from schemas.faults import BrokerUnreachable
from tests.dualtrack.kit import dualtrack


def test_each_role_has_a_port_on_loopback_and_gives_way() -> None:
    for role, port in PORTS.items():
        config = http_config(Settings(), role)
        assert config is not None
        assert (config.host, config.port, config.any_port, config.role) == ("127.0.0.1", port, True, role)
        assert config.note is not None
        assert str(os.getpid()) in config.note.name
    assert len(set(PORTS.values())) == len(PORTS)


def test_an_address_that_was_asked_for_is_kept_and_off_is_nowhere() -> None:
    config = http_config(Settings(http="0.0.0.0:9999"), UP)
    assert config is not None
    assert (config.host, config.port, config.any_port) == ("0.0.0.0", 9999, False)  # noqa: S104
    assert http_config(Settings(http="off"), UP) is None


@pytest.mark.parametrize(
    ("address", "parts"),
    [("localhost:9471", ("localhost", 9471)), ("[::1]:80", ("::1", 80)), ("127.0.0.1:0", ("127.0.0.1", 0))],
)
def test_addresses_are_split(address: str, parts: tuple[str, int]) -> None:
    assert split_address(address) == parts


@pytest.mark.parametrize("address", ["9471", ":9471", "localhost", "localhost:http", "a:1/x", "a:70000", "u@a:1", ""])
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(ValueError, match="write host:port, for example"):
        split_address(address)


def test_wrong_settings_are_told_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUALTRACK_HTTP", "everywhere")
    said = dualtrack("worker", "validate", home=tmp_path, exit_code=2).stderr
    assert "DUALTRACK_HTTP=everywhere: write host:port, for example 127.0.0.1:9472, or off" in said
    with pytest.raises(ValidationError):
        Settings(stall_s=1)
    with pytest.raises(ValidationError):
        Settings(log="xml")


def test_a_named_port_that_is_taken_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("DUALTRACK_HTTP", f"127.0.0.1:{taken.getsockname()[1]}")
        said = dualtrack("up", "--embedded", home=tmp_path, exit_code=1).stderr
    assert "choose another address with DUALTRACK_HTTP=host:port, or DUALTRACK_HTTP=off" in said
    assert not (tmp_path / "broker.address").exists()


def test_a_fault_before_the_start_is_a_line_for_programs_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dualtrack.log.logging.basicConfig", lambda **_: None)  # pytest's handlers stay

    def refused() -> int:
        raise BrokerUnreachable("nobody answers")

    assert run_logged(Settings(home=tmp_path, log="json"), UP, refused) == 1
    assert caplog.records[-1].getMessage() == "nobody answers"
    assert vars(caplog.records[-1])["fault"] == "BrokerUnreachable"
    with pytest.raises(BrokerUnreachable):
        run_logged(Settings(home=tmp_path), UP, refused)
