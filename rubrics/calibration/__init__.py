"""How far a judge can be trusted: held against people, criterion by criterion, for one rubric version and one judge.

    calibrate(paired)     # every figure of one criterion, with its interval and what it rests on

Plain numbers in, frozen results out. What is undefined says why, and is never 0, 1 or NaN. A verdict that failed is
counted apart and is no score. Nothing here pools rubric versions or judges.
"""

from rubrics.calibration.corrected import Corrected
from rubrics.calibration.fault import Fault, fault_of
from rubrics.calibration.figures import Calibrated, Ceiling, calibrate
from rubrics.calibration.paired import Paired
from rubrics.calibration.rates import Rate

__all__ = ["Calibrated", "Ceiling", "Corrected", "Fault", "Paired", "Rate", "calibrate", "fault_of"]
