"""Dialogue text stays out of the logs."""

import logging

_TRAINERS = "trl.trainer.grpo_trainer"


def keep_texts_out_of_logs() -> None:
    """Drop the warning in which TRL prints the whole prompt and text of a completion without a reward.

    It would say what is meant: that such a completion teaches nothing. Calling this again changes nothing.
    """
    logging.getLogger(_TRAINERS).addFilter(_quotes_no_text)


def _quotes_no_text(record: logging.LogRecord) -> bool:
    return "returned None for the following kwargs" not in str(record.msg)
