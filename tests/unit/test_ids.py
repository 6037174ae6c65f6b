import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrlplane.domain.ids import (
    ALWAYS_RESERVED,
    AssignmentId,
    Label,
    OrganizationId,
    PrincipalId,
    ProjectId,
    ResourceId,
    RoleId,
    is_reserved,
    sortable,
)

LABELS = [OrganizationId, ProjectId, ResourceId]
moments = st.timedeltas(timedelta(0), timedelta(days=2_000_000)).map(
    lambda passed: datetime(1970, 1, 1, tzinfo=UTC) + passed
)


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize("text", ["a", "a1", "a-b", "a--b", "a" * 63, "x" + "-" * 61 + "y"])
def test_a_label_is_a_dns_label(kind: type[Label], text: str) -> None:
    assert str(kind(text)) == text


@pytest.mark.parametrize("kind", LABELS)
@pytest.mark.parametrize(
    "text",
    ["", "1a", "-a", "a-", "A", "a_b", "a.b", "a" * 64, "ä", "a\n", "a b", "a/b", "../a", "*"],
)
def test_nothing_else_is_a_label(kind: type[Label], text: str) -> None:
    with pytest.raises(ValueError, match="1 to 63"):
        kind(text)


def test_ids_of_different_kinds_are_unequal_with_equal_text() -> None:
    same = {kind("same") for kind in (OrganizationId, ProjectId, ResourceId, PrincipalId, RoleId)}
    assert len(same) == 5


@pytest.mark.parametrize("text", ["auth0|5f7c8ec7", "a@clients", "!~", "x" * 255])
def test_a_principal_is_whatever_the_identity_provider_says(text: str) -> None:
    assert PrincipalId(text).value == text


@pytest.mark.parametrize("text", ["", " ", "a b", "ä", "a\n", "x" * 256, "\x7f"])
def test_a_principal_is_visible_ascii(text: str) -> None:
    with pytest.raises(ValueError, match="visible ASCII"):
        PrincipalId(text)


def test_machines_are_told_by_their_ending() -> None:
    assert PrincipalId("m@clients").is_service_account
    assert not PrincipalId("auth0|clients").is_service_account
    assert not PrincipalId("m@clients.example.org").is_service_account


NAMES = st.text(max_size=80) | st.sampled_from(
    ["default", "Default", "KUBE system", "kube", "Konnektr Graph", "---", "9 lives", "ÄÖÜ", "x-"]
)


@pytest.mark.parametrize("kind", LABELS)
@given(NAMES)
def test_an_id_made_of_any_name_is_lawful_and_never_reserved(kind: type[Label], name: str) -> None:
    made = kind.from_name(name)
    assert type(made) is kind
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", made.value)
    assert not is_reserved(made.value, ALWAYS_RESERVED)
    assert kind.from_name(name) != made


def test_an_id_reads_like_the_name_it_is_made_of() -> None:
    assert re.fullmatch(
        r"my-first-graph-[a-z2-9]{8}", ResourceId.from_name("My first Graph!").value
    )
    assert re.fullmatch(r"project-[a-z2-9]{8}", ProjectId.from_name("組織").value)
    assert re.fullmatch(r"org-9-lives-[a-z2-9]{8}", OrganizationId.from_name("9 lives").value)
    assert re.fullmatch(r"org-kube-[a-z2-9]{8}", OrganizationId.from_name("kube").value)


@given(moments, moments)
def test_what_the_system_names_sorts_by_time_and_is_a_uuid_of_version_7(
    one: datetime, other: datetime
) -> None:
    if abs(one - other) >= timedelta(milliseconds=1):
        assert (sortable(one) < sortable(other)) is (one < other)
    made = uuid.UUID(hex=sortable(one))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert AssignmentId.new(one) != AssignmentId.new(one)


@pytest.mark.parametrize(
    ("label", "reserved"),
    [
        ("default", True),
        ("default-x", False),
        ("kube-system", True),
        ("kube", False),
        ("konnektr-graph", True),
        ("my-kube-x", False),
    ],
)
def test_patterns_reserve_whole_labels(label: str, *, reserved: bool) -> None:
    assert is_reserved(label, ALWAYS_RESERVED) is reserved
