"""Settings of all tests."""

import keras
import pytest
from hypothesis import HealthCheck, settings

# A loaded machine is no defect of the code, so hypothesis judges results and never time.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(scope="module", autouse=True)
def _seeded_module() -> None:
    """What a file's fixtures build begins with the same weights in every run."""
    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def _seeded_test() -> None:
    """A test's own models and draws do not depend on the tests before it."""
    keras.utils.set_random_seed(0)


@pytest.hookimpl(tryfirst=True)  # xdist names the groups when its own turn comes
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps an application's tests in one process, so that the model they share is trained and exported once."""
    for item in items:
        path = item.path.relative_to(item.config.rootpath)
        is_shared = path.parent.parent.name == "applications"
        item.add_marker(pytest.mark.xdist_group(str(path.parent if is_shared else path)))
