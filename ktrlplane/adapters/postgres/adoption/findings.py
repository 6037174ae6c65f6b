"""What is found while the former system's rows are looked at, in sentences."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from ktrlplane.ports.adoption import AdoptionReport, Finding, Kind, Tally, Weight

_ORDER: Final = tuple(Weight)

_SAID: Final[Mapping[tuple[Weight, Kind, str], str]] = {
    (Weight.IN_THE_WAY, Kind.PROJECTS, "id"): (
        "No DNS label of 1 to 63 lower-case letters, digits and dashes that starts with a letter. "
        "The id names a namespace and cannot change: delete these projects in the former system."
    ),
    (Weight.IN_THE_WAY, Kind.RESOURCES, "id"): (
        "No DNS label of 1 to 63 lower-case letters, digits and dashes that starts with a letter. "
        "The id names what runs and cannot change: delete these resources in the former system."
    ),
    (Weight.IN_THE_WAY, Kind.RESOURCES, "settings"): (
        "Settings that are no JSON object, or have a number, a name or a nesting beyond what can "
        "be kept: correct them in the former system."
    ),
    (Weight.DROPPED, Kind.USERS, "id"): (
        "An id that no token's subject can be: blanks, or letters that are not ASCII."
    ),
    (Weight.DROPPED, Kind.USERS, "invited_to_nothing"): (
        "Invited, never came, and nothing is left that they would be given."
    ),
    (Weight.DROPPED, Kind.ROLES, "unused"): (
        "Not in the catalog, and nobody has or is invited to them."
    ),
    (Weight.DROPPED, Kind.ROLE_ASSIGNMENTS, "no_such_user"): "Nobody is there who would have it.",
    (Weight.DROPPED, Kind.ROLE_ASSIGNMENTS, "cannot_sign_in"): (
        "The user's id is none that a token's subject can be."
    ),
    (Weight.DROPPED, Kind.ROLE_ASSIGNMENTS, "no_such_role"): "The role does not exist.",
    (Weight.DROPPED, Kind.ROLE_ASSIGNMENTS, "no_such_scope"): (
        "On an organization, a project or a resource that does not exist."
    ),
    (Weight.DROPPED, Kind.ROLE_ASSIGNMENTS, "twice"): (
        "The same role at the same scope as another one of theirs, which lasts as long or longer."
    ),
    (Weight.DROPPED, Kind.ROLE_ASSIGNMENTS, "invitation_expired"): (
        "Of somebody who never came, and expired."
    ),
    (Weight.DROPPED, Kind.ROLE_ASSIGNMENTS, "not_by_invitation"): (
        "Of somebody who never came, and of a kind that only the platform's operator gives: a "
        "hidden role, or one at global scope."
    ),
    (Weight.DROPPED, Kind.ROLE_ASSIGNMENTS, "no_mail"): (
        "Of somebody who never came, and by an address that no mail can go to."
    ),
    (Weight.DROPPED, Kind.ROLE_ASSIGNMENTS, "nobody_invites"): (
        "Of somebody who never came, where neither an Owner nor who granted it is left to invite."
    ),
    (Weight.DROPPED, Kind.BILLING_ACCOUNTS, "no_such_scope"): (
        "Of an organization or a project that does not exist. What is subscribed to may still "
        "be charged: end it with the payment provider."
    ),
    (Weight.NOTED, Kind.ORGANIZATIONS, "id"): (
        "No DNS label, so the id becomes another one, as told here. Whoever uses it has to know."
    ),
    (Weight.NOTED, Kind.ORGANIZATIONS, "no_owner"): (
        "No user is Owner without an expiry. Give it one: ktrlplane grant --role Owner "
        "--scope-type organization."
    ),
    (Weight.NOTED, Kind.PROJECTS, "no_owner"): (
        "In no organization, and no user is Owner without an expiry. Give it one: ktrlplane grant "
        "--role Owner --scope-type project."
    ),
    (Weight.NOTED, Kind.PROJECTS, "status"): (
        "A status that is not Active. They are Active; delete again what was to be deleted."
    ),
    (Weight.NOTED, Kind.PROJECTS, "reserved"): (
        "An id that is reserved: it may name a namespace of the cluster's own. They are kept, and "
        "the manifests that come with KtrlPlane make no Namespace of kube-*, default and argocd. "
        "Where the operator's label is on such a Namespace, take it off before anything is pruned."
    ),
    (Weight.NOTED, Kind.PROJECTS, "nobody_pays"): (
        "Paid resources, and no subscription of the project's own. Who pays was not recorded, so "
        "the project does, once it has been asked: from the first look at its account on."
    ),
    (Weight.NOTED, Kind.RESOURCES, "status"): (
        "A status that is not known here. They are Creating until the reconciler says more."
    ),
    (Weight.NOTED, Kind.RESOURCES, "type"): (
        "A type that the catalog does not have. They run on, and can be renamed, suspended, "
        "resumed, tried again and deleted; their settings and tier stay as they are."
    ),
    (Weight.NOTED, Kind.RESOURCES, "sku"): (
        "A tier that the catalog does not have for the type. They are kept; choose another one."
    ),
    (Weight.NOTED, Kind.RESOURCES, "settings"): (
        "Settings that the catalog does not allow in their tier. They run on as they are, and can "
        "be renamed, suspended, resumed, tried again and deleted; any other settings, and another "
        "tier, are refused until all of the settings are allowed there."
    ),
    (Weight.NOTED, Kind.RESOURCES, "reserved"): (
        "An id that is reserved. They are kept; nobody can make another one by such an id."
    ),
    (Weight.NOTED, Kind.RESOURCES, "access_url"): (
        "An address that no browser should be sent to. It is left out until the reconciler "
        "reports another one."
    ),
    (Weight.NOTED, Kind.ROLES, "not_in_catalog"): (
        "Not in the catalog. They stay for as long as somebody has them; make roles of the "
        "organizations' own instead."
    ),
    (Weight.NOTED, Kind.ROLES, "all_actions"): (
        "Not in the catalog, and with every action of the control plane (*), which would be more "
        "than it was. They have those that the former system had."
    ),
    (Weight.NOTED, Kind.ROLES, "permissions"): (
        "Not in the catalog, and with permissions, told here, that name no action of a product, "
        "or one that the former control plane did not have. They let nobody do anything there, "
        "and are left out."
    ),
    (Weight.NOTED, Kind.ROLES, "words"): (
        "Not in the catalog, and with a name or a description that is too long or has control "
        "characters. It is put right."
    ),
    (Weight.NOTED, Kind.ROLES, "hidden"): (
        "Not in the catalog, and with a permission that only the platform's operator gives. From "
        "now on they are hidden, and granted by the command line alone."
    ),
    **{
        (Weight.NOTED, kind, "name"): (
            "A name that is blank, too long or has control characters. It is put right."
        )
        for kind in (Kind.ORGANIZATIONS, Kind.PROJECTS, Kind.RESOURCES)
    },
}


class Findings:
    def __init__(self) -> None:
        self._ids: dict[tuple[Weight, Kind, str], list[str]] = {}
        self._kept: Counter[Kind] = Counter()
        self._invited: Counter[Kind] = Counter()
        self._dropped: Counter[Kind] = Counter()

    def kept(self, kind: Kind) -> None:
        self._kept[kind] += 1

    def invited(self, kind: Kind) -> None:
        self._invited[kind] += 1

    def dropped(self, kind: Kind, code: str, id_: str) -> None:
        self._dropped[kind] += 1
        self._found(Weight.DROPPED, kind, code, id_)

    def noted(self, kind: Kind, code: str, id_: str) -> None:
        """Beside what becomes of the row."""
        self._found(Weight.NOTED, kind, code, id_)

    def in_the_way(self, kind: Kind, code: str, id_: str) -> None:
        """The row counts as kept: it will be, once it is mended."""
        self.kept(kind)
        self._found(Weight.IN_THE_WAY, kind, code, id_)

    def _found(self, weight: Weight, kind: Kind, code: str, id_: str) -> None:
        assert (weight, kind, code) in _SAID, "what is found can be said"
        self._ids.setdefault((weight, kind, code), []).append(id_)

    def report(self) -> AdoptionReport:
        kinds, said = tuple(Kind), tuple(_SAID)
        found = sorted(self._ids, key=lambda key: (_ORDER.index(key[0]), said.index(key)))
        return AdoptionReport(
            tallies=tuple(
                Tally(
                    kind=kind,
                    kept=self._kept[kind],
                    invited=self._invited[kind],
                    dropped=self._dropped[kind],
                )
                for kind in kinds
            ),
            findings=tuple(
                Finding(
                    weight=weight,
                    kind=kind,
                    code=code,
                    detail=_SAID[weight, kind, code],
                    ids=tuple(self._ids[weight, kind, code]),
                )
                for weight, kind, code in found
            ),
        )
