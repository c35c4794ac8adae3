"""What is said in the videos."""

from dataclasses import asdict

from app.said import find_said
from app.web import inputs, schemas
from app.web.contract import answers, blueprint, contract
from app.web.question import library


@blueprint.get("/api/said")
@contract.validate(operation_id="said", resp=answers(schemas.SaidLines), tags=["search"])
def said(query: inputs.SaidQuery) -> schemas.SaidLines:
    """The lines of subtitles that match keywords, best first, and when they are said."""
    lines, total = find_said(
        library(),
        query.q,
        where=query.where,
        filters=query.filter,
        limit=query.limit,
        offset=query.offset,
    )
    return schemas.SaidLines(
        lines=[schemas.SaidLine(**asdict(line)) for line in lines], total=total
    )
