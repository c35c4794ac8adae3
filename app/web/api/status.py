"""How the system stands."""

from dataclasses import asdict

from app import catalog
from app.web import schemas
from app.web.contract import answers, blueprint, contract
from app.web.question import library


@blueprint.get("/api/status")
@contract.validate(operation_id="status", resp=answers(schemas.Status), tags=["system"])
def status() -> schemas.Status:
    """How the library and the processes around it stand."""
    return schemas.Status(**asdict(catalog.status(library())))
