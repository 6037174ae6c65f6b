import pytest

from ktrlplane.adapters.memory.clock import ManualClock
from tests.platforms import Acting, a_platform, opened


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def do(clock: ManualClock) -> Acting:
    platform = a_platform(clock=clock)
    return Acting(opened(platform=platform), platform)
