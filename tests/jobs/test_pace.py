"""The rate, by a clock of the test's own."""

from vectorstore.jobs.pace import Pace


def test_nothing_is_said_before_a_second_has_gone() -> None:
    pace = Pace()
    assert pace.rate is None
    pace.add(0.0, 0)
    pace.add(0.5, 50)
    assert pace.rate is None
    pace.add(1.0, 100)
    assert pace.rate == 100.0


def test_the_last_ten_seconds_count_and_no_more() -> None:
    pace = Pace()
    for second in range(20):
        pace.add(float(second), second * 1_000)
    for second in range(20, 31):
        pace.add(float(second), 19_000 + (second - 19) * 10)
    assert pace.rate == 10.0


def test_a_pause_lowers_the_rate() -> None:
    pace = Pace()
    pace.add(0.0, 0)
    pace.add(2.0, 100)
    pace.add(8.0, 100)
    assert pace.rate == 12.5


def test_a_count_that_begins_anew_is_judged_by_itself() -> None:
    pace = Pace()
    pace.add(0.0, 0)
    pace.add(5.0, 5_000)
    pace.add(6.0, 0)
    assert pace.rate is None
    pace.add(8.0, 20)
    assert pace.rate == 10.0
    pace.restart()
    assert pace.rate is None
