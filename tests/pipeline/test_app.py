"""Before anything starts: is there a broker, and does it have the topics?"""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from dualtrack.broker.embedded import EmbeddedBroker
from pipeline.app import KafkaConfig, check_broker, create_app, run_workers
from pipeline.transport import RecordBatchTransport
from schemas.faults import BrokerUnreachable, TopicsMissing
from tests.pipeline.worker_kit import MemoryStation, config_for


def test_no_broker_is_a_clear_error_soon(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = KafkaConfig("127.0.0.1:1", tmp_path, reach_seconds=1.0)
    before = time.monotonic()
    with pytest.raises(BrokerUnreachable, match=r"No Kafka broker answers at 127.0.0.1:1 .* Start one"):
        run_workers([MemoryStation(("raw",))], config)
    assert time.monotonic() - before < 3
    assert "rdkafka" not in capfd.readouterr().err


def test_missing_topics_are_named(tmp_path: Path) -> None:
    with EmbeddedBroker(i_know_it_forgets=True) as broker:
        config = replace(config_for(broker.bootstrap_servers, tmp_path, "app"), embedded=False)
        with pytest.raises(TopicsMissing, match=r"has no topic raw\. Workers create none"):
            check_broker(config, ["raw"])
        check_broker(replace(config, embedded=True), ["raw"])
        check_broker(config, ["raw"])


def test_the_app_is_set_up_for_record_batches(tmp_path: Path) -> None:
    app = create_app(MemoryStation(("raw",), name="settle"), KafkaConfig("a:1, b:2", tmp_path))
    assert isinstance(app.transport, RecordBatchTransport)
    assert app.conf.id == "dualtrack-settle"
    assert [(url.host, url.port) for url in app.transport.url] == [("a", 1), ("b", 2)]
    assert app.conf.stream_buffer_maxsize == 1
    assert not app.conf.topic_allow_declare
    assert not app.conf.web_enabled
