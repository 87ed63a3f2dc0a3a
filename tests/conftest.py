"""What holds for all tests."""

import logging

import pytest
from hypothesis import HealthCheck, settings

# No test asserts a time: on a busy machine a slow example is no failure. The same examples run every time, so that a
# change is judged by what it changed; `pytest --hypothesis-profile explore` looks for new ones.
HOUSE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("house", HOUSE)
settings.register_profile("explore", HOUSE, derandomize=False, max_examples=1_000)
settings.load_profile("house")


@pytest.fixture(autouse=True)
def _loggers_as_before():
    """Commands and listeners mute foreign libraries for the whole process; the tests behind these want to hear them."""
    found = [item for item in logging.Logger.manager.loggerDict.values() if isinstance(item, logging.Logger)]
    levels = [(item, item.level) for item in found]
    yield
    for item, level in levels:
        item.setLevel(level)
