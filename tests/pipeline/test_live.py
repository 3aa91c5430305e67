"""The line that follows a regeneration on a terminal."""

import io

from pipeline.attempts import Tally
from pipeline.live import Bar, in_words, span


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_line_tells_dialogues_pass_rate_revisions_cost_rate_and_time_left() -> None:
    terminal = Terminal()
    bar = Bar(200, 10, terminal)
    bar._began -= 60
    line = bar.line(Tally(ended=70, answers=110, exchanges=100, passed_at_once=92, kept_failing=1), 1.5, 600)
    assert line.startswith("70/200 dialogues · 92% of answers pass at once, 0.10 revisions an exchange, 1 kept")
    assert "cost 1.5 · 10.0 calls/s, " in line
    assert "2 min left" in line, "60 in a minute, 130 to go"
    bar.draw(Tally(70, 110, 100, 92, 1), 1.5, 600)
    bar.close()
    assert terminal.getvalue().count("70/200") == 1


def test_a_file_gets_no_line() -> None:
    told = io.StringIO()
    bar = Bar(2, 0, told)
    bar.draw(Tally(0, 0, 0, 0, 0), 0.0, 0)
    bar.close()
    assert told.getvalue() == ""


def test_words() -> None:
    assert in_words(Tally(0, 0, 0, 0, 0)) == ""
    assert [span(one) for one in (20, 200, 11_100)] == ["20 s", "3 min", "3 h 5 min"]
