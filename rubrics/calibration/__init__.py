"""How far a judge can be trusted: held against people, criterion by criterion, for one rubric version and one judge.

    figures.calibrate(paired)         every figure of one criterion, with its interval and what it rests on
    snapshot.judge_figures(…)         what of it goes with a run's request
    limits.shortfalls(rubric, …)      what does not reach the rubric's limits; empty when a model may be trained

Plain numbers in, frozen results out. What is undefined says why, and is never 0, 1 or NaN. A verdict that failed is
counted apart and is no score. Nothing here pools rubric versions or judges. `snapshot` and `limits` load no statistics.
"""
