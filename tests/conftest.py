"""Settings of all tests."""

from hypothesis import HealthCheck, settings

# A loaded machine is no defect of the code, so hypothesis judges results and never time.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
