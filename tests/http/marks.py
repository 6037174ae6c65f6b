import pytest

on_both_stores = pytest.mark.parametrize(
    "units",
    ["memory", pytest.param("postgres", marks=pytest.mark.postgres)],
    indirect=True,
)
on_all_stores = pytest.mark.parametrize(
    "units",
    [
        "memory",
        pytest.param("postgres", marks=pytest.mark.postgres),
        pytest.param("remembering", marks=pytest.mark.postgres),
    ],
    indirect=True,
)
on_both_catalogs = pytest.mark.parametrize("catalog", ["shipped", "orchard"], indirect=True)
on_stores_and_catalogs = pytest.mark.parametrize(
    ("units", "catalog"),
    [
        ("memory", "shipped"),
        ("memory", "orchard"),
        pytest.param("postgres", "shipped", marks=pytest.mark.postgres),
    ],
    indirect=True,
)
