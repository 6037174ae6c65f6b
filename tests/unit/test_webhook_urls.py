import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrlplane.domain.addresses import Reach
from ktrlplane.domain.webhook_urls import CLOSED_PORTS, target_of, url_faults


def reach(*texts: str) -> Reach:
    return Reach(tuple(map(ipaddress.ip_network, texts)))


PUBLIC = reach()
LOCAL = reach("127.0.0.0/8", "::1/128")
CLUSTER = reach("10.0.0.0/8")


def codes(url: str, judged: Reach = PUBLIC) -> list[str]:
    return [fault.code for fault in url_faults(url, judged)]


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com",
        "https://hooks.example.com/",
        "https://hooks.example.com?token=a%20b",
        "HTTPS://Hooks.Example.COM/In/Coming?x=1&y=/?:@!$'()*+,;=-._~",
        "https://hooks.example.com:443/",
        "https://hooks.example.com:1024/",
        "https://hooks.example.com:8443/",
        "https://hooks.example.com:65535/",
        "https://xn--bcher-kva.example/",
        "https://r3---sn-4g5e.example.com/",
        "https://1.example.com/",
        "https://93.184.215.14/",
        "https://[2606:4700::1111]:8443/",
        "https://hooks.example.com/" + "a" * 2022,
    ],
)
def test_what_a_receiver_in_public_has_is_lawful(url: str) -> None:
    assert url_faults(url, PUBLIC) == ()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("", "url_scheme"),
        ("hooks.example.com", "url_scheme"),
        ("//hooks.example.com/", "url_scheme"),
        ("https:hooks.example.com", "url_scheme"),
        ("https:///path", "url_host"),
        ("https://:443/", "url_host"),
        ("ftp://hooks.example.com/", "url_scheme"),
        ("file:///etc/passwd", "url_scheme"),
        ("gopher://hooks.example.com/", "url_scheme"),
        ("javascript://hooks.example.com/", "url_scheme"),
        ("http://hooks.example.com/", "https_required"),
        ("http://93.184.215.14/", "https_required"),
        ("https://user@hooks.example.com/", "url_credentials"),
        ("https://user:password@hooks.example.com/", "url_credentials"),
        ("https://@hooks.example.com/", "url_credentials"),
        ("https://hooks.example.com/#", "url_fragment"),
        ("https://hooks.example.com/#part", "url_fragment"),
        ("https://hooks.example.com/" + "a" * 2023, "max_length"),
        (" https://hooks.example.com/", "url_characters"),
        ("https://hooks.example.com/ ", "url_characters"),
        ("https://hooks.example.com/a b", "url_characters"),
        ("https://hooks.example.com/\r\nHost: x", "url_characters"),
        ("https://hooks.example.com/\x00", "url_characters"),
        ("https://hooks.example.com\t/", "url_characters"),
        ("https://hooks.example.com\\@127.0.0.1/", "url_characters"),
        ("https:\\\\hooks.example.com/", "url_characters"),
        ("https://bücher.example/", "url_characters"),
        ("https://hooks。example.com/", "url_characters"),
        ("https://hooks.example.com/ü", "url_characters"),
        ("https://hooks.example.com/\ud800", "url_characters"),
        ("https://hooks.example.com/%", "url_characters"),
        ("https://hooks.example.com/%zz", "url_characters"),
        ('https://hooks.example.com/"', "url_characters"),
        ("https://hooks.example.com/{id}", "url_characters"),
        ("https://hooks.example.com./", "url_host"),
        ("https://hooks..example.com/", "url_host"),
        ("https://.example.com/", "url_host"),
        ("https://-hooks.example.com/", "url_host"),
        ("https://hooks_.example.com/", "url_host"),
        ("https://hooks%2eexample.com/", "url_host"),
        ("https://*.example.com/", "url_host"),
        ("https://" + "a" * 64 + ".example.com/", "url_host"),
        ("https://" + "a." * 126 + "com/", "url_host"),
        ("https://[::1/", "url_host"),
        ("https://[hooks.example.com]/", "url_host"),
        ("https://[2606:4700::1111%25eth0]/", "address_refused"),
        ("https://[v1.a]/", "url_host"),
        ("https://2606:4700::1111/", "url_host"),
        ("https://hooks.example.com:/", "url_port"),
        ("https://hooks.example.com:0/", "url_port"),
        ("https://hooks.example.com:0443/", "url_port"),
        ("https://hooks.example.com:65536/", "url_port"),
        ("https://hooks.example.com:443x/", "url_port"),
        ("https://hooks.example.com:-443/", "url_port"),
        ("https://hooks.example.com:443:443/", "url_host"),
        ("https://hooks.example.com:80/", "url_port"),
        ("https://hooks.example.com:22/", "url_port"),
        ("https://hooks.example.com:1023/", "url_port"),
        *((f"https://hooks.example.com:{port}/", "url_port") for port in (2375, 5432, 6379)),
    ],
)
def test_what_no_endpoint_has_is_refused(url: str, code: str) -> None:
    for judged in (PUBLIC, LOCAL, CLUSTER):
        assert codes(url, judged) == [code]


HERE = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0X7F.1",
    "017700000001",
    "0177.0.0.1",
    "127.0.0.01",
    "127.000.000.001",
    "127.0.0.1.",
    "0",
    "0.0.0.0",
    "00000",
    "0x",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::FFFF:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[2002:7f00:1::]",
    "[::1%lo]",
    "[::1%25lo]",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "sub.localhost",
    "\uff11\uff12\uff17.0.0.1",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "loc\u00adalhost",
    "ⓛocalhost",
    "%31%32%37.0.0.1",
    "127%2e0.0.1",
    "4294967297",
    "127.0.0.1.1",
    "169.254.169.254",
    "2852039166",
    "[fd00:ec2::254]",
    "10.0.0.1",
    "192.168.0.1",
    "172.16.0.1",
    "100.64.0.1",
    "168.63.129.16",
    "metadata.google.internal",
    "metadata",
    "printer.local",
    "nas.home.arpa",
]


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("host", HERE)
def test_no_spelling_leads_inside(host: str, scheme: str) -> None:
    for port in ("", ":443", ":8080"):
        faults = url_faults(f"{scheme}://{host}{port}/", PUBLIC)
        assert faults
        assert {fault.pointer for fault in faults} == {"/url"}
        assert all(fault.detail.endswith(".") for fault in faults)


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]", "localhost", "LocalHost"),
        "sub.localhost",
    ],
)
@pytest.mark.parametrize("port", ["", ":1", ":80", ":443", ":5432", ":9000"])
def test_what_an_operator_opens_may_be_plain_and_on_any_port(
    scheme: str, host: str, port: str
) -> None:
    assert url_faults(f"{scheme}://{host}{port}/hook", LOCAL) == ()
    assert codes(f"{scheme}://{host}{port}/hook", CLUSTER) == ["address_refused"]


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.0.0.1."])
def test_an_address_has_one_spelling_even_where_it_is_allowed(host: str) -> None:
    assert codes(f"http://{host}:9000/", LOCAL) == ["url_host"]


@pytest.mark.parametrize("host", ["receiver", "receiver.team.svc.cluster.local", "a.b.internal"])
def test_a_name_inside_a_network_needs_one_that_is_open(host: str) -> None:
    assert url_faults(f"http://{host}:8080/", CLUSTER) == ()
    assert codes(f"https://{host}/", LOCAL) == ["address_refused"]
    assert codes(f"https://{host}/", PUBLIC) == ["address_refused"]


def test_every_fault_is_told_at_once() -> None:
    found = codes("http://user@hooks.example.com:22/{x}#y")
    assert found == [
        *("url_credentials", "url_fragment", "url_characters", "https_required", "url_port"),
    ]


def test_no_fault_repeats_the_url() -> None:
    for url in ("http://s3cret@10.0.0.1/#s3cret", "https://[s3cret]/", "s3cret", "s3cret://x"):
        assert not any("s3cret" in fault.detail for fault in url_faults(url, PUBLIC))


def test_a_refused_address_says_what_it_is() -> None:
    (fault,) = url_faults("https://169.254.169.254/", PUBLIC)
    assert "a cloud's metadata service" in fault.detail


def test_a_target_is_what_the_url_says() -> None:
    target = target_of("HTTP://[::FFFF:127.0.0.1]:9000/a?b", LOCAL)
    assert (target.secure, target.port) == (False, 9000)
    assert target.address == ipaddress.ip_address("::ffff:127.0.0.1")
    named = target_of("https://Hooks.Example.com/", PUBLIC)
    assert (named.host, named.port, named.address) == ("hooks.example.com", 443, None)


def test_ports_that_are_closed_are_not_closed_by_accident() -> None:
    assert min(CLOSED_PORTS) > 443
    assert CLOSED_PORTS.isdisjoint({3000, 4000, 5000, 8000, 8080, 8443, 8888, 9000, 9443})


@given(st.text(max_size=60), st.sampled_from(["", "https://", "http://", "https://127.0.0.1"]))
def test_any_text_is_lawful_or_says_why_not(text: str, start: str) -> None:
    url = start + text
    if not url_faults(url, PUBLIC):
        target = target_of(url, PUBLIC)
        assert target.secure
        assert target.address is None or PUBLIC.refusal(target.address) is None
