"""Where the payment provider's pages may send people back to."""

import pytest

from ktrlplane.entrypoints.returning import LONGEST, returns
from ktrlplane.entrypoints.settings import Settings

ISSUER = {"auth_issuer": "https://id.example.com/", "auth_audience": "kp"}
OURS = {"public_url": "https://kp.example.com", "cors_origins": ("https://app.example.com",)}


@pytest.mark.parametrize(
    "url",
    [
        "https://kp.example.com",
        "https://kp.example.com:443/billing?tab=1#x",
        "https://app.example.com/a/b",
    ],
)
def test_back_to_the_platform_and_its_applications(url: str) -> None:
    assert returns(Settings(**OURS, **ISSUER))(url)


@pytest.mark.parametrize(
    "url",
    [
        *("", "/", "//app.example.com", "app.example.com", "https:app.example.com"),
        *("http://app.example.com/", "https://app.example.com:8443/", "https://app.example.com:0"),
        *(
            "https://app.example.com@evil.example/",
            "https://evil.example/?https://app.example.com",
        ),
        *("https://app.example.com.evil.example/", "https://app.example.com\\.evil.example"),
        *("javascript:alert(1)//https://app.example.com", "https://app.example.com\n/"),
        *("https://[::1]app.example.com/", "https://app.example.com[::1]/", "http://localhost/"),
        "https://app.example.com/" + "a" * LONGEST,
    ],
)
def test_nowhere_else(url: str) -> None:
    assert not returns(Settings(**OURS, **ISSUER))(url)


@pytest.mark.parametrize(
    ("url", "is_this_machine"),
    [
        ("http://localhost:3000/billing", True),
        ("http://127.0.0.1/", True),
        ("http://[::1]:8080/", True),
        ("http://[::1]evil.example/", False),
        ("http://127.0.0.1.evil.example/", False),
        ("http://127.1/", False),
    ],
)
def test_back_to_this_machine_with_the_local_issuer(url: str, *, is_this_machine: bool) -> None:
    assert returns(Settings())(url) is is_this_machine
