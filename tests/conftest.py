"""Settings of all tests."""

import pytest
from hypothesis import HealthCheck, settings

# A loaded machine is no defect of the code, so hypothesis judges results and never time.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps an application's tests in one process, so that the model they share is trained and exported once."""
    for item in items:
        path = item.path
        is_shared = path.parent.parent.name == "applications"
        item.add_marker(pytest.mark.xdist_group(str(path.parent if is_shared else path)))
