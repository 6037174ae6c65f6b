"""KtrlPlane: the control plane of a SaaS platform."""

import logging
from importlib.metadata import version

from ktrlplane.domain.access import (
    GLOBAL,
    Action,
    Permission,
    Role,
    RoleAssignment,
    Scope,
    ScopeType,
)
from ktrlplane.domain.catalog import BrokenCatalog, Catalog, ResourceType
from ktrlplane.domain.errors import (
    AlreadyExists,
    Conflict,
    DomainError,
    Fault,
    Forbidden,
    Interrupted,
    InvalidTransition,
    LastOwner,
    NotEmpty,
    NotFound,
    PreconditionFailed,
    Unauthenticated,
    UpstreamError,
    ValidationFailed,
)
from ktrlplane.domain.groups import Group
from ktrlplane.domain.ids import (
    AssignmentId,
    GroupId,
    InvitationId,
    OrganizationId,
    PrincipalId,
    ProjectId,
    ResourceId,
    RoleId,
)
from ktrlplane.domain.invitations import Invitation
from ktrlplane.domain.lifecycle import Status
from ktrlplane.domain.organizations import Organization, PurchasePolicy
from ktrlplane.domain.paging import Cursor, Page, PageRequest, Sort
from ktrlplane.domain.projects import Project, ProjectStatus
from ktrlplane.domain.resources import Resource
from ktrlplane.domain.users import ServiceAccount, User
from ktrlplane.entrypoints.library import ControlPlane
from ktrlplane.entrypoints.session import Session
from ktrlplane.entrypoints.session_access import question
from ktrlplane.ports.database import CannotMigrate, DatabaseUnavailable

__version__ = version("ktrlplane")

# A library is silent where the host program does not listen.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "GLOBAL",
    "Action",
    "AlreadyExists",
    "AssignmentId",
    "BrokenCatalog",
    "CannotMigrate",
    "Catalog",
    "Conflict",
    "ControlPlane",
    "Cursor",
    "DatabaseUnavailable",
    "DomainError",
    "Fault",
    "Forbidden",
    "Group",
    "GroupId",
    "Interrupted",
    "InvalidTransition",
    "Invitation",
    "InvitationId",
    "LastOwner",
    "NotEmpty",
    "NotFound",
    "Organization",
    "OrganizationId",
    "Page",
    "PageRequest",
    "Permission",
    "PreconditionFailed",
    "PrincipalId",
    "Project",
    "ProjectId",
    "ProjectStatus",
    "PurchasePolicy",
    "Resource",
    "ResourceId",
    "ResourceType",
    "Role",
    "RoleAssignment",
    "RoleId",
    "Scope",
    "ScopeType",
    "ServiceAccount",
    "Session",
    "Sort",
    "Status",
    "Unauthenticated",
    "UpstreamError",
    "User",
    "ValidationFailed",
    "__version__",
    "question",
]
