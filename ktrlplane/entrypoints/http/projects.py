"""Projects over HTTP."""

from typing import Final

from ktrlplane.domain import errors
from ktrlplane.domain.access import Action
from ktrlplane.domain.projects import Project
from ktrlplane.domain.services import moves
from ktrlplane.domain.services import projects as service
from ktrlplane.entrypoints.http.operations import BASE, Call, Operation, Reply, needs, signed_in
from ktrlplane.entrypoints.http.pages import paged
from ktrlplane.entrypoints.http.parameters import DeleteParameters, ProjectParameters
from ktrlplane.entrypoints.http.preview_shapes import AccessPreview
from ktrlplane.entrypoints.http.previews import previewed
from ktrlplane.ports.stores import ProjectFilter
from ktrlplane.ports.unit_of_work import UnitOfWork


def create(work: UnitOfWork, call: Call) -> Reply:
    project = service.create_project(work, call.body, **call.asked)
    return Reply(content=project, location=f"{BASE}/projects/{project.project_id}")


def listed(work: UnitOfWork, call: Call) -> Reply:
    page = call.query.page()
    where = ProjectFilter(org_id=call.query.org_id, text=call.query.q)
    return paged(call, service.list_projects(work, page, where, **call.asked), page)


def read(work: UnitOfWork, call: Call) -> Reply:
    return Reply(content=service.read_project(work, call.project(), **call.asked))


def update(work: UnitOfWork, call: Call) -> Reply:
    project = service.update_project(
        work, call.project(), call.body, as_seen=call.as_seen, **call.asked
    )
    return Reply(content=project)


def move(work: UnitOfWork, call: Call) -> Reply:
    project_id = call.project()

    def act() -> Reply:
        project = moves.move_project(
            work, project_id, call.body, as_seen=call.as_seen, **call.asked
        )
        return Reply(content=project)

    return previewed(
        work, call, lambda: moves.affected_by_move(work, project_id, call.body, **call.asked), act
    )


def delete(work: UnitOfWork, call: Call) -> Reply:
    project = service.delete_project(
        work, call.project(), cascade=call.query.cascade, as_seen=call.as_seen, **call.asked
    )
    return Reply(content=project)


_TAG: Final = "Projects"
_ONE: Final = "/projects/{project_id}"

OPERATIONS: Final = (
    Operation(
        method="POST",
        path="/projects",
        name="createProject",
        summary="Create a project and become its Owner",
        tag=_TAG,
        handle=create,
        needs=needs(
            Action.WRITE,
            on="organization",
            note="the one in the body; without one, any person",
        ),
        body=service.CreateProject,
        answer=Project,
        status=201,
        tagged=True,
        refusals=(errors.NotFound, errors.Forbidden, errors.AlreadyExists),
    ),
    Operation(
        method="GET",
        path="/projects",
        name="listProjects",
        summary="List the projects that one may read",
        tag=_TAG,
        handle=listed,
        needs=signed_in("lists what one may read"),
        query=ProjectParameters,
        answer=Project,
        listed=True,
    ),
    Operation(
        method="GET",
        path=_ONE,
        name="getProject",
        summary="Read a project",
        tag=_TAG,
        handle=read,
        needs=needs(Action.READ, on="project"),
        answer=Project,
        tagged=True,
        refusals=(errors.NotFound,),
    ),
    *(
        Operation(
            method=method,
            path=_ONE,
            name=name,
            summary="Change a project; what is left out stays",
            tag=_TAG,
            handle=update,
            needs=needs(Action.WRITE, on="project"),
            body=service.UpdateProject,
            answer=Project,
            tagged=True,
            refusals=(errors.NotFound, errors.Forbidden, errors.InvalidTransition),
        )
        for method, name in (("PATCH", "updateProject"), ("PUT", "putProject"))
    ),
    Operation(
        method="DELETE",
        path=_ONE,
        name="deleteProject",
        summary="Begin to delete a project, with all in it where cascade is true",
        tag=_TAG,
        handle=delete,
        needs=needs(Action.DELETE, on="project"),
        query=DeleteParameters,
        answer=Project,
        status=202,
        tagged=True,
        refusals=(errors.NotFound, errors.Forbidden, errors.NotEmpty),
    ),
    Operation(
        method="POST",
        path=f"{_ONE}/move",
        name="moveProject",
        summary="Move a project to another organization, or out of any",
        tag=_TAG,
        handle=move,
        needs=needs(
            Action.DELETE,
            on="project",
            note="and write on the organization where it goes; and manage_access on the project, "
            "with escalate or every permission that people of that organization have there",
        ),
        preview=AccessPreview,
        body=moves.MoveProject,
        answer=Project,
        tagged=True,
        refusals=(
            errors.NotFound,
            errors.Forbidden,
            errors.LimitExceeded,
            errors.PaymentRequired,
            errors.OutcomeUnknown,
            errors.InvalidTransition,
            errors.LastOwner,
        ),
    ),
)
