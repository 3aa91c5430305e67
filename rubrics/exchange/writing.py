"""One rubric as text in a format of others, and what that format has no place for."""

from typing import get_args

from rubrics.errors import UserError
from rubrics.exchange.export import PointsFormat, lost_points
from rubrics.exchange.healthbench import write_healthbench
from rubrics.exchange.pieces import Format
from rubrics.exchange.rubric_package import write_rubric_package
from rubrics.load import dump_rubric
from rubrics.schema import Rubric

WRITTEN: tuple[Format, ...] = ("kardia", *get_args(PointsFormat))


def write(rubric: Rubric, format: Format) -> str:
    """The text of a file. Raises UserError when the format is only read, or could not give the same scores."""
    if format == "kardia":
        return dump_rubric(rubric)
    if format == "healthbench":
        return write_healthbench(rubric)
    if format == "rubric":
        return write_rubric_package(rubric)
    raise UserError(f"{format} is only read; choose {', '.join(WRITTEN)}")


def lost(rubric: Rubric, format: Format) -> list[str]:
    """What the format has no place for, one line each. Raises UserError as `write` does."""
    if format == "healthbench" or format == "rubric":
        return lost_points(rubric, format)
    write(rubric, format)
    return []
