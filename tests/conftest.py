"""What holds for all tests."""

from hypothesis import HealthCheck, settings

# No timing assertions: a busy machine is slow now and then, and nothing is wrong.
settings.register_profile("steady", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")
