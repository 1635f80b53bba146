"""Stages of a request."""

import re

import pytest

from vectorstore.monitoring.stages import Stages

_METRIC = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+);dur=(\d+\.\d+)")


def test_stages_add_up_to_the_whole() -> None:
    stages = Stages()
    for name in ("authorise", "plan", "milvus", "plan"):
        stages.end(name)
    stages.move(0.0, "milvus", "queue")
    assert list(stages.ms) == ["authorise", "plan", "milvus", "queue"]
    assert sum(stages.ms.values()) == pytest.approx(stages.total_ms)


def test_what_was_within_a_stage_is_taken_from_it_and_never_more_than_it_lasted() -> None:
    stages = Stages()
    stages.end("milvus")
    whole = stages.total_ms
    stages.move(whole / 2_000, "milvus", "decode")
    assert stages.ms == {"milvus": pytest.approx(whole / 2), "decode": pytest.approx(whole / 2)}
    stages.move(60, "milvus", "queue")
    assert stages.ms["milvus"] == 0
    assert sum(stages.ms.values()) == pytest.approx(whole)


def test_they_are_told_in_the_order_of_a_search_others_last() -> None:
    stages = Stages()
    for name in ("unfinished", "decode", "milvus", "parse"):
        stages.end(name)
    assert list(stages.rounded()) == ["parse", "milvus", "decode", "unfinished"]


def test_the_header_is_a_list_of_metrics_with_their_durations() -> None:
    stages = Stages()
    stages.end("plan")
    stages.end("milvus")
    parts = [_METRIC.fullmatch(part.strip()) for part in stages.server_timing().split(",")]
    told = {part[1]: float(part[2]) for part in parts if part}
    assert list(told) == ["plan", "milvus", "total"]
    assert told["plan"] + told["milvus"] == pytest.approx(told["total"], abs=0.002)
