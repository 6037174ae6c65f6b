import ipaddress
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrlplane.domain.addresses import METADATA, SPECIAL, Address, Block, Network, Reach, embedded

BLOCKS = [*METADATA, *SPECIAL]
NOWHERE = Reach()
PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.215.14", "2606:4700::1111", "2a00:1450:4001::200e"]


def network(text: str) -> Network:
    return ipaddress.ip_network(text)


def address(text: str) -> Address:
    return ipaddress.ip_address(text)


def reach(*texts: str) -> Reach:
    return Reach(tuple(map(network, texts)))


def edges(block: Network) -> Iterator[Address]:
    first, last = int(block.network_address), int(block.broadcast_address)
    kind = type(block.network_address)
    yield from (kind(number) for number in (first, (first + last) // 2, last))


def of_a(block: Network) -> st.SearchStrategy[Address]:
    numbers = st.integers(int(block.network_address), int(block.broadcast_address))
    return numbers.map(type(block.network_address))


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: str(block.network))
def test_no_special_address_is_within_reach(block: Block) -> None:
    for one in edges(block.network):
        assert NOWHERE.refusal(one) is not None
        assert not NOWHERE.opens(one)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: str(block.network))
def test_what_a_block_is_for_is_said_of_its_addresses(block: Block) -> None:
    narrower = [
        other for other in BLOCKS if other.network != block.network and _within(other, block)
    ]
    assert all(BLOCKS.index(other) < BLOCKS.index(block) for other in narrower)
    plain = [
        one for one in edges(block.network) if not any(one in other.network for other in narrower)
    ]
    mapped = network("::ffff:0:0/96")
    assert all(NOWHERE.refusal(one) == block.use for one in plain if one not in mapped)


def _within(one: Block, other: Block) -> bool:
    return one.network.version == other.network.version and one.network.subnet_of(
        other.network  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("block", SPECIAL, ids=lambda block: str(block.network))
def test_the_addresses_around_a_block_are_judged_by_themselves(block: Block) -> None:
    first, last = int(block.network.network_address), int(block.network.broadcast_address)
    kind = type(block.network.network_address)
    for number in (first - 1, last + 1):
        if 0 <= number < 2**block.network.max_prefixlen:
            beside = kind(number)
            elsewhere = any(beside in other.network for other in BLOCKS)
            outside = beside.version == 6 and beside not in network("2000::/3")
            assert (NOWHERE.refusal(beside) is None) == (not elsewhere and not outside)


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_within_reach_and_nobody_opened_them(text: str) -> None:
    assert NOWHERE.refusal(address(text)) is None
    assert not NOWHERE.opens(address(text))


@pytest.mark.parametrize(
    "text",
    [
        *("0.0.0.0", "127.0.0.1", "127.255.255.254", "10.1.2.3", "172.31.0.1", "192.168.1.1"),
        *("100.64.0.1", "169.254.1.1", "192.0.0.8", "198.19.255.255", "224.0.0.1", "240.0.0.1"),
        *("255.255.255.255", "192.88.99.1", "203.0.113.9"),
        *("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16"),
        *("fd00:ec2::254", "fd20:ce::254"),
        *("::", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::a00:1"),
        *("::ffff:169.254.169.254", "64:ff9b::8.8.8.8", "64:ff9b:1::8.8.8.8", "::8.8.8.8"),
        *("100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::", "3fff::1"),
        *("fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1", "4000::1", "1::1", "5f00::1"),
        *("fe80::1%eth0", "2606:4700::1111%1", "::1%lo"),
    ],
)
def test_what_is_not_public_is_refused(text: str) -> None:
    assert NOWHERE.refusal(address(text)) is not None


@given(st.ip_addresses())
def test_whatever_python_knows_to_be_not_global_is_refused(one: Address) -> None:
    mapped = isinstance(one, ipaddress.IPv6Address) and one.ipv4_mapped is not None
    if not mapped and (not one.is_global or one.is_multicast or one.is_reserved):
        assert NOWHERE.refusal(one) is not None


@given(st.ip_addresses(v=4))
def test_an_address_in_another_spelling_is_the_same_address(one: ipaddress.IPv4Address) -> None:
    mapped = ipaddress.IPv6Address(f"::ffff:{one}")
    for judged in (NOWHERE, reach("127.0.0.0/8"), reach("0.0.0.0/0"), reach("10.0.0.0/8", "::/0")):
        assert judged.refusal(mapped) == judged.refusal(one)
        assert judged.opens(mapped) == judged.opens(one)


@given(st.ip_addresses(v=4))
def test_who_opens_translations_opens_nothing_behind_them(one: ipaddress.IPv4Address) -> None:
    judged = reach("::/0")
    octets = one.packed.hex()
    for text in (
        f"64:ff9b::{one}",
        f"64:ff9b:1::{one}",
        f"::ffff:0:{one}",
        f"2002:{octets[:4]}:{octets[4:]}::1",
    ):
        assert (judged.refusal(address(text)) is None) == (NOWHERE.refusal(one) is None)


def test_a_prefix_of_64_bits_may_end_in_an_address_before_the_end() -> None:
    judged = reach("64:ff9b:1::/48")
    # 64:ff9b:1:0::/64 with 10.0.0.1, 93.184.215.14 and 127.0.0.1 in it, after octet 8.
    assert judged.refusal(address("64:ff9b:1::a:0:100:0")) is not None
    assert judged.refusal(address("64:ff9b:1::7f:0:100:0")) is not None
    shorter = ipaddress.IPv6Address(bytes.fromhex("0064ff9b00017f000000010000000000"))
    assert judged.refusal(shorter) is not None


@given(st.sampled_from(BLOCKS).flatmap(lambda block: of_a(block.network)))
def test_an_operator_opens_what_they_name(one: Address) -> None:
    judged = Reach((network(f"{one}/{one.max_prefixlen}"),))
    if _is_itself(one):
        assert judged.refusal(one) is None
        assert judged.opens(one)


def _is_itself(one: Address) -> bool:
    mapped = isinstance(one, ipaddress.IPv6Address) and one.ipv4_mapped is not None
    return not mapped and not any(True for _ in embedded(one))


@pytest.mark.parametrize("block", METADATA, ids=lambda block: str(block.network))
def test_a_metadata_service_is_opened_by_its_own_address_alone(block: Block) -> None:
    one = block.network.network_address
    for around in ("0.0.0.0/0", "::/0", f"{one}/{one.max_prefixlen - 1}"):
        judged = Reach((ipaddress.ip_network(around, strict=False),))
        assert judged.refusal(one) == block.use
    assert Reach((block.network,)).refusal(one) is None


def test_what_is_opened_opens_nothing_else() -> None:
    judged = reach("127.0.0.0/8")
    assert judged.refusal(address("127.9.9.9")) is None
    assert judged.opens(address("::ffff:127.0.0.1"))
    for text in ("10.0.0.1", "::1", "::127.0.0.1", "169.254.169.254", "2002:7f00:1::"):
        assert judged.refusal(address(text)) is not None
    assert judged.refusal(address("8.8.8.8")) is None
    assert not judged.opens(address("8.8.8.8"))


def test_nobody_opens_an_address_with_a_zone() -> None:
    assert reach("fe80::/10", "::/0").refusal(address("fe80::1%eth0")) is not None
