"""``python -m benchmarks.billing``: people buy, change and give up resources while everything is
killed that can be, and the payment provider fails; in the end it bills what there is.

Two web processes and two workers, each killed with SIGKILL again and again; a provider over HTTP
that drops connections before and after it has done what it was asked, breaks and refuses. People
try again, under the same idempotency key, until they are answered.
"""

import argparse
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import psycopg
from attrs import define, field, frozen

from ktrlplane.adapters.stripe.calls import StripeAccount
from ktrlplane.adapters.stripe.payments import StripePayments
from ktrlplane.adapters.system import SystemClock
from ktrlplane.domain.offers import offers_of, products_of
from ktrlplane.entrypoints.container import Container
from ktrlplane.entrypoints.settings import Settings
from tests.end_to_end.serving import Serving, environment, family_of, serving
from tests.payment_provider import Fault, Provider, payment_provider
from tests.payment_provider.server import KEY

FAULTS: Final = (
    Fault.DROPPED_BEFORE,
    Fault.DROPPED_AFTER,
    Fault.BROKEN_BEFORE,
    Fault.BROKEN_AFTER,
    Fault.IN_USE,
    Fault.LIMITED,
)
TYPE: Final = "Konnektr.Flow"
KINDS: Final = ("web process", "worker")
SETTLED_WITHIN_S: Final = 240.0


@frozen(kw_only=True)
class Outcome:
    """``wrong`` is whatever the provider bills otherwise than it should."""

    operations: Counter[str]
    kills: Counter[str]
    faults: Counter[str]
    writes: int
    settled_s: float
    billed: int
    wrong: Sequence[str]


@define
class Person:
    """Does one thing after the other, and tries each again until it is answered."""

    name: str
    token: str
    served: Serving
    rng: random.Random
    done: Counter[str] = field(factory=Counter)
    there: dict[str, str] = field(factory=dict)
    """The sku of each resource, as far as this person knows."""

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        key, deadline = uuid4().hex, time.monotonic() + 60
        while True:
            try:
                status, answer = self._once(method, path, body, key)
            except (OSError, ValueError):
                status, answer = 0, None
            again = status in (0, 502, 503, 504) or _is_under_way(answer)
            if not again or time.monotonic() > deadline:
                return status, answer
            time.sleep(0.05)

    def _once(self, method: str, path: str, body: object, key: str) -> tuple[int, Any]:
        request = urllib.request.Request(
            f"{self.served.url}/api/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "Idempotency-Key": key,
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
                return answer.status, json.loads(text) if text else None
        except urllib.error.HTTPError as refused:
            return refused.code, json.load(refused)

    def begin(self, provider: Provider) -> None:
        """An organization and two projects, each with a card of its own."""
        self.ask("POST", "/organizations", {"id": f"{self.name}-org", "name": "O"})
        for project in self.projects:
            wanted = {"id": project, "name": "P", "org_id": f"{self.name}-org"}
            self.ask("POST", "/projects", wanted)
        for payer in (f"organizations/{self.name}-org", *(f"projects/{p}" for p in self.projects)):
            customer = None
            while customer is None:
                _, answer = self.ask("POST", f"/{payer}/billing/customer")
                customer = ((answer or {}).get("stripe_customer") or {}).get("id")
            provider.add_method(customer)

    @property
    def projects(self) -> tuple[str, str]:
        return f"{self.name}-a", f"{self.name}-b"

    def do_something(self) -> None:
        acts = [self.create, self.create, self.change, self.delete, self.inherit]
        act = self.rng.choice(acts)
        status = act()
        self.done[f"{act.__name__} {status}"] += 1

    def create(self) -> int:
        resource = f"{self.name}-{uuid4().hex[:8]}"
        sku = self.rng.choice(["free", "standard", "standard"])
        body = {"id": resource, "name": "R", "type": TYPE, "sku": sku}
        path = f"/projects/{self.rng.choice(self.projects)}/resources"
        status, _ = self.ask("POST", path, body)
        if status == 201:
            self.there[resource] = sku
        return status

    def change(self) -> int:
        if not self.there:
            return 0
        resource = self.rng.choice(list(self.there))
        sku = "free" if self.there[resource] == "standard" else "standard"
        status, _ = self.ask("PATCH", f"/resources/{resource}", {"sku": sku})
        if status == 200:
            self.there[resource] = sku
        return status

    def delete(self) -> int:
        if not self.there:
            return 0
        resource = self.rng.choice(list(self.there))
        status, _ = self.ask("DELETE", f"/resources/{resource}")
        if status == 202:
            del self.there[resource]
        return status

    def inherit(self) -> int:
        body = {"inherits": self.rng.random() < 0.5}
        status, _ = self.ask(
            "POST", f"/projects/{self.rng.choice(self.projects)}/billing/inheritance", body
        )
        return status


def _is_under_way(answer: Any) -> bool:
    return bool((answer or {}).get("code") == "idempotency_in_progress")


@define
class Killer:
    """Kills web processes and workers, and has as many workers as before."""

    served: Serving
    command: Sequence[str]
    variables: Mapping[str, str]
    folder: Path
    rng: random.Random
    kills: Counter[str] = field(factory=Counter)
    workers: list["subprocess.Popen[bytes]"] = field(factory=list)

    def run_until(self, stop: threading.Event) -> None:
        """By turns, and each kind at least once."""
        turns = itertools.cycle((self._kill_web, self._kill_worker))
        while not stop.wait(self.rng.uniform(0.3, 1.2)) or len(self.kills) < len(KINDS):
            next(turns)()
            self.fill_up()
            if stop.is_set():
                time.sleep(0.1)

    def fill_up(self) -> None:
        while len(self.workers) < 2:
            log = (self.folder / "worker.log").open("ab")
            self.workers.append(
                subprocess.Popen(self.command, env=dict(self.variables), stderr=log)
            )
            log.close()

    def _kill_web(self) -> None:
        master = self.served.process.pid
        webs = sorted(
            child
            for child in family_of(master)
            if child not in _children(master) and not _children(child)
        )
        if webs:
            os.kill(self.rng.choice(webs), signal.SIGKILL)
            self.kills[KINDS[0]] += 1

    def _kill_worker(self) -> None:
        worker = self.workers.pop(self.rng.randrange(len(self.workers)))
        worker.kill()
        worker.wait()
        self.kills[KINDS[1]] += 1

    def end(self) -> None:
        for worker in self.workers:
            worker.terminate()
        for worker in self.workers:
            worker.wait()


def _children(pid: int) -> set[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return set()
    return {int(word) for word in text.split()}


def chaos(url: str, folder: Path, *, people: int, operations: int, seed: int) -> Outcome:
    """``operations`` of each of ``people``; ``url`` is of an empty database."""
    rng = random.Random(seed)
    with ExitStack() as stack:
        provider = stack.enter_context(payment_provider(SystemClock()))
        _sell(provider)
        variables = {
            "DATABASE_URL": url,
            "STRIPE_SECRET_KEY": KEY,
            "STRIPE_API_BASE": provider.url,
            "DELETION_GRACE": "1",
        }
        arguments = ("--workers", "2", "--no-worker")
        served = stack.enter_context(serving(folder, *arguments, **variables))
        crowd = [_person(f"p{number}", served, folder, rng) for number in range(people)]
        killer = Killer(
            served,
            [sys.executable, "-m", "ktrlplane", "worker"],
            environment(folder, **variables),
            folder,
            random.Random(rng.random()),
        )
        stack.callback(killer.end)
        killer.fill_up()
        for person in crowd:
            person.begin(provider)
        faults = _trouble(provider, killer, crowd, operations, rng)
        began = time.monotonic()
        while time.monotonic() - began < SETTLED_WITHIN_S and _wrong(url, provider):
            time.sleep(1)
        settled_s = time.monotonic() - began
        return Outcome(
            operations=sum((person.done for person in crowd), Counter()),
            kills=killer.kills,
            faults=faults,
            writes=len(provider.writes),
            settled_s=settled_s,
            billed=sum(sum(items.values()) for items in _billed(provider).values()),
            wrong=_wrong(url, provider),
        )


def _sell(provider: Provider) -> None:
    payments = StripePayments(StripeAccount(secret_key=KEY, api_base=provider.url))
    catalog = Container(settings=Settings()).catalog()
    for product in products_of(catalog):
        payments.put_product(product, key=f"product/{product.product_id}")
    for offer in offers_of(catalog):
        payments.offer(offer, key=f"offer/{offer.lookup_key}")


def _person(name: str, served: Serving, folder: Path, rng: random.Random) -> Person:
    command = [sys.executable, "-m", "ktrlplane", "token", "--sub", name]
    command += ["--email", f"{name}@example.com"]
    token = subprocess.run(
        command, env=environment(folder), capture_output=True, text=True, check=True
    ).stdout.strip()
    return Person(name, token, served, random.Random(rng.random()))


def _trouble(
    provider: Provider,
    killer: Killer,
    crowd: Sequence[Person],
    operations: int,
    rng: random.Random,
) -> Counter[str]:
    stop, met = threading.Event(), Counter[str]()

    def fail() -> None:
        while not stop.wait(0.2):
            if not provider.faults and rng.random() < 0.5:
                fault = rng.choice(FAULTS)
                provider.faults.append(fault)
                met[fault.name] += 1

    def live(person: Person) -> None:
        for _ in range(operations):
            person.do_something()

    others = [
        threading.Thread(target=fail),
        threading.Thread(target=killer.run_until, args=[stop]),
    ]
    busy = [threading.Thread(target=live, args=[person]) for person in crowd]
    for thread in (*others, *busy):
        thread.start()
    for thread in busy:
        thread.join()
    stop.set()
    for thread in others:
        thread.join()
    provider.faults.clear()
    return met


def _billed(provider: Provider) -> Mapping[str, Mapping[str, int]]:
    """What each customer is billed for, by price."""
    found: dict[str, Counter[str]] = {}
    for identity, sub in list(provider.books.subscriptions.items()):
        if sub["status"] not in ("canceled", "incomplete_expired"):
            items = found.setdefault(sub["customer"], Counter())
            for item in list(provider.books.items[identity]):
                items[
                    item["price"] if isinstance(item["price"], str) else item["price"]["id"]
                ] += item["quantity"]
    return found


def _wrong(url: str, provider: Provider) -> Sequence[str]:
    """Seen without the code that bills."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("""
            SELECT a.stripe_customer_id, r.stripe_price_id, count(r.resource_id)
            FROM ktrlplane.billing_accounts a
            LEFT JOIN ktrlplane.projects p ON CASE a.scope_type
                WHEN 'organization' THEN p.org_id = a.scope_id AND p.inherits_billing_from_org
                ELSE p.project_id = a.scope_id
                    AND (p.org_id IS NULL OR NOT p.inherits_billing_from_org)
            END
            LEFT JOIN ktrlplane.resources r ON r.project_id = p.project_id
                AND r.status NOT IN ('Deleting', 'Deleted') AND r.stripe_price_id IS NOT NULL
            GROUP BY 1, 2
        """).fetchall()
        held = connection.execute("""
            SELECT count(*) FROM ktrlplane.resources WHERE 'payment' = ANY(holds)
        """).fetchone()
    wanted: dict[str, dict[str, int]] = {}
    for customer, price, count in rows:
        theirs = wanted.setdefault(customer, {})
        if price is not None:
            theirs[price] = count
    billed = _billed(provider)
    living = Counter(
        sub["customer"]
        for sub in list(provider.books.subscriptions.values())
        if sub["status"] not in ("canceled", "incomplete_expired")
    )
    wrong = [f"{one} has {count} subscriptions" for one, count in living.items() if count > 1]
    wrong += [f"{one} is nobody's and is billed" for one in billed if one not in wanted]
    wrong += [
        f"{customer} is billed {dict(billed.get(customer, {}))} for {items}"
        for customer, items in wanted.items()
        if dict(billed.get(customer, {})) != items
    ]
    if held is None or held[0]:
        wrong.append(f"{held} resources are held though all can pay")
    return wrong


@contextmanager
def _database(folder: Path) -> Iterator[str]:
    begun = Container(settings=Settings(data_dir=folder))
    with begun.database().open() as url:
        yield url


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=4)
    parser.add_argument("--operations", type=int, default=100, help="of each of them")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with _database(folder / "database") as url:
            outcome = chaos(
                url,
                folder / "served",
                people=given.people,
                operations=given.operations,
                seed=given.seed,
            )
    print("what people did:", dict(sorted(outcome.operations.items())))
    print("killed:", dict(outcome.kills))
    print("faults of the provider:", dict(outcome.faults), "in", outcome.writes, "writes")
    print(f"agreed after {outcome.settled_s:.0f} s; {outcome.billed} things are billed")
    print(*(outcome.wrong or ["nothing is wrong"]), sep="\n")
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
