"""The budget under many turns at once: calls are never exceeded, ranks are kept, prices are learnt."""

import asyncio
import random

from pipeline.budget import Budget, Need


def spend(budget: Budget, needs: list[Need], took: list[Need], at_once: int = 8) -> list[bool]:
    """Hold and settle every turn, `at_once` at a time, each after a random moment; which of them were begun."""
    begun: dict[int, bool] = {}
    draw = random.Random(3)

    async def one(waiting: "enumerate[Need]") -> None:
        for position, need in waiting:
            begun[position] = await budget.hold(position, need)
            assert budget.max_calls is None or budget.calls <= budget.max_calls
            if begun[position]:
                await asyncio.sleep(draw.uniform(0, 0.002))
                budget.settle(position, took[position])

    async def all_of_them() -> None:
        waiting = enumerate(needs)
        await asyncio.gather(*(one(waiting) for _ in range(at_once)))

    asyncio.run(all_of_them())
    return [begun[position] for position in range(len(needs))]


def test_calls_end_at_the_budget_and_the_first_turns_get_them() -> None:
    budget = Budget(10, None)
    needs = [Need(3)] * 6
    assert spend(budget, needs, needs) == [True, True, True, False, False, False]
    assert budget.calls == 9
    assert budget.stopped_by == "the budget of 10 calls: 9 are made and the next turn takes 3 more"


def test_a_turn_that_fits_does_not_overtake_one_that_does_not() -> None:
    assert spend(Budget(5, None), [Need(4), Need(4), Need(1)], [Need(4), Need(4), Need(1)]) == [True, False, False]


def test_a_turn_that_needs_no_call_is_never_left_out() -> None:
    needs = [Need(2), Need(2), Need(0), Need(1)]
    assert spend(Budget(2, None), needs, needs) == [True, False, True, False]


def test_calls_that_were_answered_meanwhile_go_back_into_the_budget() -> None:
    assert spend(Budget(4, None), [Need(2)] * 4, [Need(0)] * 2 + [Need(2)] * 2, at_once=2) == [True] * 4


def test_what_earlier_attempts_spent_counts() -> None:
    assert spend(Budget(10, None, calls=8), [Need(1)] * 3, [Need(1)] * 3) == [True, True, False]


def test_prices_are_learnt_so_that_dear_calls_do_not_pass_the_budget_by_much() -> None:
    budget = Budget(None, 1.0)
    begun = spend(budget, [Need(1, 0.01)] * 200, [Need(1, 0.1)] * 200, at_once=1)
    assert begun == [True] * 10 + [False] * 190 or begun == [True] * 9 + [False] * 191
    assert budget.cost <= 1.0 + 1e-9


def test_failed_calls_that_cost_nothing_teach_no_price() -> None:
    budget = Budget(None, 1.0)
    took = [Need(1, 0.0)] + [Need(1, 0.3)] * 9
    assert sum(spend(budget, [Need(1, 0.3)] * 10, took, at_once=1)) == 4
    assert budget.cost <= 1.0


def test_without_limits_everything_fits() -> None:
    assert all(spend(Budget(None, None), [Need(5, 1.0)] * 50, [Need(5, 1.0)] * 50))
