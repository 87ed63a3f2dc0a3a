"""What holds for all tests."""

from hypothesis import HealthCheck, settings

# No test asserts a time: on a busy machine a slow example is no failure.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")
