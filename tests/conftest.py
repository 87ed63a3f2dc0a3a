"""What holds for all tests."""

from hypothesis import HealthCheck, settings

# No test asserts a time: on a busy machine a slow example is no failure. The same examples run every time, so that a
# change is judged by what it changed; `pytest --hypothesis-profile explore` looks for new ones.
HOUSE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.register_profile("house", HOUSE)
settings.register_profile("explore", HOUSE, derandomize=False, max_examples=1_000)
settings.load_profile("house")
