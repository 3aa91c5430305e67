"""Dialogue text stays out of the logs."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def keep_texts_out_of_logs() -> Iterator[None]:
    """TRL warns about a completion without a reward by printing its whole prompt and text; what became of it is in
    outputs/rewards.parquet, so the warning is dropped.
    """
    logger = logging.getLogger("trl.trainer.grpo_trainer")
    logger.addFilter(_quotes_no_text)
    try:
        yield
    finally:
        logger.removeFilter(_quotes_no_text)


def _quotes_no_text(record: logging.LogRecord) -> bool:
    return "returned None for the following kwargs" not in str(record.msg)
