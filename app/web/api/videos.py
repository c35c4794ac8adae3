"""The videos of the library: to list, to look at, to change and to take out."""

from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from flask import Response, abort, url_for

from app import catalog, related, watching
from app.catalog import VideoCard
from app.edits import Change, apply_edits, fields_of_video, read_value, storable
from app.errors import BadRequestError
from app.removal import remove_videos
from app.web import inputs, schemas
from app.web.contract import answers, blueprint, contract, json_only
from app.web.media import VIDEO_ID, thumbnail_url
from app.web.question import library

ID = {"video_id": "The video's number."}


@blueprint.get("/api/videos")
@contract.validate(operation_id="videos", resp=answers(schemas.VideosPage), tags=["videos"])
def videos(query: inputs.VideosQuery) -> schemas.VideosPage:
    """The videos of the library by title, failed ones included."""
    held: dict[str, Any] = {"where": query.where, "filters": query.filter}
    cards = catalog.list_videos(library(), **held, limit=query.limit, offset=query.offset)
    return schemas.VideosPage(
        videos=[_card(card) for card in cards],
        total=catalog.count_videos(library(), **held),
        limit=query.limit,
        offset=query.offset,
    )


@blueprint.get(f"/api/videos/{VIDEO_ID}")
@contract.validate(
    operation_id="video",
    resp=answers(schemas.Video, HTTPStatus.NOT_FOUND),
    tags=["videos"],
    path_parameter_descriptions=ID,
)
def video(video_id: int) -> schemas.Video:
    """All that is known of a video."""
    return schemas.Video(**fields_of_video(library(), video_id))


@blueprint.patch(f"/api/videos/{VIDEO_ID}")
@contract.validate(
    operation_id="edit",
    resp=answers(
        schemas.Video,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    ),
    tags=["videos"],
    path_parameter_descriptions=ID,
    before=json_only,
)
def edit(video_id: int, json: inputs.Edits) -> schemas.Video:
    """Set fields of a video; indexing it anew leaves them as they are."""
    fields_of_video(library(), video_id)
    apply_edits(library(), [(video_id, _changes(json))])
    return schemas.Video(**fields_of_video(library(), video_id))


@blueprint.delete(f"/api/videos/{VIDEO_ID}")
@contract.validate(
    operation_id="remove",
    resp=answers(None, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED),
    tags=["videos"],
    path_parameter_descriptions=ID,
)
def remove(video_id: int) -> Response:
    """Take a video out of the index. Its files stay where they are, and scans pass them over."""
    if not remove_videos(library(), [video_id]):
        abort(HTTPStatus.NOT_FOUND, f"there is no video {video_id}")
    return Response(status=HTTPStatus.NO_CONTENT)


@blueprint.get(f"/api/videos/{VIDEO_ID}/scenes")
@contract.validate(
    operation_id="scenes",
    resp=answers(schemas.Scenes, HTTPStatus.NOT_FOUND),
    tags=["videos"],
    path_parameter_descriptions=ID,
)
def scenes(video_id: int) -> schemas.Scenes:
    """The scenes of a video, in their order."""
    indexed_at = fields_of_video(library(), video_id)["indexed_at"]
    return schemas.Scenes(
        scenes=[
            schemas.Scene(
                **asdict(scene), thumbnail_url=thumbnail_url(video_id, scene.frame_no, indexed_at)
            )
            for scene in watching.scenes(library(), video_id)
        ]
    )


@blueprint.get(f"/api/videos/{VIDEO_ID}/lines")
@contract.validate(
    operation_id="lines",
    resp=answers(schemas.Lines, HTTPStatus.NOT_FOUND),
    tags=["videos"],
    path_parameter_descriptions=ID,
)
def lines(video_id: int, query: inputs.LinesQuery) -> schemas.Lines:
    """What is said in a video, line by line."""
    fields_of_video(library(), video_id)
    said = [storable(query.q, "q")] if query.q else []
    found = watching.lines(library(), video_id, said)
    return schemas.Lines(lines=[schemas.Line(**asdict(line)) for line in found])


@blueprint.get(f"/api/videos/{VIDEO_ID}/similar")
@contract.validate(
    operation_id="similar",
    resp=answers(schemas.SimilarVideos, HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    tags=["videos"],
    path_parameter_descriptions=ID,
)
def similar(video_id: int, query: inputs.RelatedQuery) -> schemas.SimilarVideos:
    """The videos that show what a video shows, most alike first."""
    fields_of_video(library(), video_id)
    found = related.similar_videos(
        library(), video_id, where=query.where, filters=query.filter, limit=query.limit
    )
    return schemas.SimilarVideos(videos=[schemas.SimilarVideo(**asdict(one)) for one in found])


@blueprint.get(f"/api/videos/{VIDEO_ID}/copies")
@contract.validate(
    operation_id="copies",
    resp=answers(schemas.Copies, HTTPStatus.NOT_FOUND),
    tags=["videos"],
    path_parameter_descriptions=ID,
)
def copies(video_id: int) -> schemas.Copies:
    """Where other videos contain a video, or a part of 5 s or more of it."""
    fields_of_video(library(), video_id)
    found = related.find_copies(library(), video_id)
    return schemas.Copies(copies=[schemas.Copy(**asdict(one)) for one in found])


def _changes(edits: inputs.Edits) -> list[Change]:
    given: dict[str, Any] = edits.model_dump(exclude_unset=True, exclude={"metadata"})
    changes = [read_value(name, value) for name, value in given.items()]
    changes += [read_value(f"metadata.{key}", value) for key, value in edits.metadata.items()]
    if not changes:
        raise BadRequestError('nothing is to be changed; send fields, such as {"title": "..."}')
    return changes


def _card(card: VideoCard) -> schemas.VideoCard:
    cover = card.cover_frame_no
    return schemas.VideoCard(
        **asdict(card),
        thumbnail_url=None if cover is None else thumbnail_url(card.id, cover, card.indexed_at),
        media_url=url_for("media.video", video_id=card.id),
    )
