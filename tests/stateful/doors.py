"""The oracle's part about e-mail addresses: whose they are, and whom an invitation lets in."""

from tests.stateful.oracle import MACHINES, OPEN_FOR, Address, Invited, Key, World
from tests.stateful.things import Refusal, Scope


def owners_of(world: World, text: str) -> list[str]:
    return [who for who in world.addresses if proven_by(world, who) == text.lower()]


def proven_by(world: World, who: str) -> str | None:
    address = world.addresses[who]
    if address.text is None or not address.proven or who in MACHINES:
        return None
    return address.text.lower()


def hear(world: World, who: str, text: str | None, hour: int, *, proven: bool) -> None:
    """What a token says that was issued at ``hour``: it may say nothing of an address, and
    what is older than the newest word is nothing new."""
    known = world.addresses[who]
    if hour < known.since or text is None or (text, proven) == known[:2]:
        return
    world.addresses[who] = Address(text, proven, hour)


def is_open(world: World, invited: Invited) -> bool:
    return invited.until > world.now and world.is_still(invited.role_until)


def invite(world: World, key: Key, inviter: str, until: int | None, number: str) -> None:
    world.invitations[key] = Invited(inviter, world.now, world.now + OPEN_FOR, until, number)


def refusal_to_resend(world: World, who: str, key: Key, scope: Scope) -> Refusal:
    refusal = world.refusal_to_grant(who, scope)
    if refusal is not None:
        return refusal
    if key not in world.invitations or key[2] != scope:
        return "NotFound"
    if not world.may_give(who, world.gives(key[1]), scope):
        return "Forbidden"
    return None if world.is_still(world.invitations[key].role_until) else "Conflict"


def resend(world: World, key: Key, inviter: str) -> None:
    invited = world.invitations[key]
    world.invitations[key] = invited._replace(inviter=inviter, until=world.now + OPEN_FOR)


def waiting_for(world: World, who: str) -> list[Key]:
    proven = proven_by(world, who)
    keys = [key for key in world.invitations if key[0] == proven]
    return sorted(keys, key=lambda key: age_of(world.invitations[key]))


def age_of(invited: Invited) -> tuple[int, str]:
    return invited.made, invited.number


def let_in(world: World, who: str) -> None:
    for key in waiting_for(world, who):
        invited, (_, role, scope) = world.invitations[key], key
        if not is_open(world, invited):
            continue
        del world.invitations[key]
        taken = (who, role, scope)
        if still_means(world, key, invited.inviter) and not world.holds_still(taken):
            world.roles[taken] = invited.role_until


def still_means(world: World, key: Key, inviter: str) -> bool:
    _, role, scope = key
    if world.refusal_to_grant(inviter, scope) is not None:
        return False
    return world.may_give(inviter, world.gives(role), scope)
