"""Profiles on their way to the table and the log."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from prometheus_client import REGISTRY

from tests.support.profiles import a_profile, unsaved
from vectorstore import tasks
from vectorstore.models import SearchProfile
from vectorstore.monitoring import performance_logger, profile_writer


def _dropped() -> float:
    return REGISTRY.get_sample_value("vectorstore_profiles_dropped_total") or 0.0


def test_what_does_not_fit_is_dropped_and_counted(profiles: Callable[..., None]) -> None:
    before, limit = _dropped(), profile_writer._soon.limit
    for _ in range(limit + 7):
        profile_writer.keep(unsaved())
    assert _dropped() - before == 7
    profile_writer.flush()
    assert SearchProfile.objects.count() == limit


def test_a_batch_that_cannot_be_written_is_dropped_and_the_next_one_is_not(profiles: Callable[..., None]) -> None:
    before, place = _dropped(), performance_logger.place()
    place.mkdir(parents=True)  # where the file of the log should be
    profile_writer.keep(unsaved())
    profile_writer.flush()
    assert _dropped() - before == 1
    place.rmdir()
    profile_writer.keep(unsaved())
    profile_writer.flush()
    assert SearchProfile.objects.count() == 1
    assert _dropped() - before == 1


def test_processes_that_write_at_once_lose_nothing_and_mix_no_lines(
    profiles: Callable[..., None], tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.support.profile_keeper", str(connection.settings_dict["NAME"])]
    environment = os.environ | {"VECTORSTORE_TEST_DIR": str(tmp_path)}
    keepers = [subprocess.Popen([*command, name, "700"], env=environment) for name in ("ada", "bob")]
    assert [keeper.wait(timeout=120) for keeper in keepers] == [0, 0]
    for name in ("ada", "bob"):
        assert SearchProfile.objects.filter(actor=name).count() == 700
    files = performance_logger.place().parent.glob("performance.jsonl*")
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert sorted(line["actor"] for line in lines) == ["ada"] * 700 + ["bob"] * 700


def test_a_purge_leaves_what_is_young_and_no_more_than_the_limit(profiles: Callable[..., None]) -> None:
    profiles(profile_days=3, profile_rows=5)
    now = timezone.now()
    old = [a_profile(at=now - timedelta(days=days)).pk for days in (3, 4)]
    young = [a_profile(at=now - timedelta(days=2)).pk for _ in range(7)]
    assert tasks.purge_profiles() == 4
    assert list(SearchProfile.objects.order_by("pk").values_list("pk", flat=True)) == young[2:]
    assert tasks.purge_profiles() == 0
    assert not SearchProfile.objects.filter(pk__in=old).exists()


@pytest.mark.parametrize("on", ["true", "false"])
def test_the_log_can_be_switched_off(profiles: Callable[..., None], on: str) -> None:
    profiles(performance_log=on)
    profile_writer.keep(unsaved())
    profile_writer.flush()
    assert SearchProfile.objects.count() == 1
    assert performance_logger.place().exists() == (on == "true")


def test_a_log_that_gets_too_large_is_set_aside(profiles: Callable[..., None]) -> None:
    profiles(performance_log_mb=1)
    row = unsaved(request={"filter": "x" * 300_000})
    for _ in range(5):
        performance_logger.write([row])
    place = performance_logger.place()
    assert sorted(file.name for file in place.parent.glob("performance.jsonl*")) == [place.name, f"{place.name}.1"]
    assert place.stat().st_size <= 1024 * 1024
    assert place.stat().st_mode & 0o077 == 0
