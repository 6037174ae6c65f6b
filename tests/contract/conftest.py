import pytest

from ktrlplane.adapters.memory.unit_of_work import MemoryUnitsOfWork
from ktrlplane.ports.unit_of_work import UnitsOfWork
from tests.builders import people


@pytest.fixture(
    params=[
        "memory",
        pytest.param("postgres", marks=pytest.mark.postgres),
        pytest.param("remembering", marks=pytest.mark.postgres),
    ]
)
def bare(request: pytest.FixtureRequest) -> UnitsOfWork:
    """Empty stores."""
    if request.param == "memory":
        return MemoryUnitsOfWork()
    units: UnitsOfWork = request.getfixturevalue(f"{request.param}_units")
    return units


@pytest.fixture
def units(bare: UnitsOfWork) -> UnitsOfWork:
    """Stores in which nobody has made anything yet: people, roles and permissions."""
    return people(bare)
