"""What is counted of requests, by many at once."""

from threading import Event, Thread

from prometheus_client import REGISTRY

from ktrlplane.entrypoints.http import metrics

ROUTE = "/of/this/test"


def told(name: str, **labels: str) -> float:
    found = REGISTRY.get_sample_value(
        f"ktrlplane_http_{name}", {"method": "GET", "route": ROUTE} | labels
    )
    return found or 0.0


def test_many_may_count_while_it_is_added_up() -> None:
    is_over = Event()

    def add_up() -> None:
        while not is_over.is_set():
            metrics._tally.flush()

    def count(seconds: float) -> None:
        for number in range(5_000):
            metrics.tally("GET", ROUTE, 200 if number % 5 else 404, seconds)

    adding = Thread(target=add_up)
    counting = [Thread(target=count, args=(seconds,)) for seconds in (0.001, 0.002, 0.75, 60.0)]
    for thread in (adding, *counting):
        thread.start()
    for thread in counting:
        thread.join()
    is_over.set()
    adding.join()
    metrics._tally.flush()
    assert told("requests_total", status="200") == 16_000
    assert told("requests_total", status="404") == 4_000
    assert told("request_seconds_count") == 20_000
    assert round(told("request_seconds_sum")) == round(5_000 * (0.001 + 0.002 + 0.75 + 60))
    edges = ("0.001", "0.0025", "0.005", "0.5", "1.0", "30.0", "+Inf")
    buckets = [told("request_seconds_bucket", le=edge) for edge in edges]
    assert buckets == [5_000, 10_000, 10_000, 10_000, 15_000, 15_000, 20_000]
