import io

from vectorstore.management.commands.load_demo import Command


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(out: io.StringIO, total: int) -> str:
    command = Command(stdout=out)
    for done in range(total + 1):
        command.show("inserting rows", done, total)
    return out.getvalue()


def test_off_a_terminal_there_is_a_line_for_each_tenth():
    lines = shown(io.StringIO(), 1000).splitlines()
    assert lines == [f"python_docs: inserting rows, {tenth}%" for tenth in range(0, 101, 10)]


def test_on_a_terminal_there_is_one_line_that_fills():
    text = shown(Terminal(), 4)
    assert text.count("\n") == 1
    assert text.endswith("█" * 40 + " 100%\n")
    assert "\r" in text
    assert "█" * 20 + "·" * 20 + "  50%" in text


def test_each_step_has_its_own_lines():
    out = io.StringIO()
    command = Command(stdout=out)
    for step in ("reading docstrings", "fitting the model"):
        command.show(step, 0, 1)
        command.show(step, 1, 1)
    assert len(out.getvalue().splitlines()) == 4
