"""The hits of a search as one picture."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps
from sqlalchemy import Engine

from app.catalog import thumbnail
from app.cli.wording import score, span
from app.errors import BadRequestError
from app.search import Hit

COLUMNS = 4
CELL_PX = (320, 180)
CAPTION_PX = 44
GAP_PX = 12
BACKGROUND = "#f4f4f2"
INK = "#222222"
FADED_INK = "#666666"


def save_sheet(engine: Engine, hits: Sequence[Hit], path: Path) -> None:
    """Saves the hits, best first, as a grid of captioned pictures, in the format the name says.

    Raises BadRequestError if the file cannot be written.
    """
    columns = min(COLUMNS, max(1, len(hits)))
    rows = max(1, -(-len(hits) // columns))
    width, height = CELL_PX[0] + GAP_PX, CELL_PX[1] + CAPTION_PX + GAP_PX
    sheet = Image.new("RGB", (columns * width + GAP_PX, rows * height + GAP_PX), BACKGROUND)
    for place, hit in enumerate(hits):
        row, column = divmod(place, columns)
        sheet.paste(_cell(engine, hit), (GAP_PX + column * width, GAP_PX + row * height))
    try:
        sheet.save(path)
    except (OSError, ValueError) as error:
        raise BadRequestError(f"the sheet cannot be written to {path}: {error}") from error


def _cell(engine: Engine, hit: Hit) -> Image.Image:
    cell = Image.new("RGB", (CELL_PX[0], CELL_PX[1] + CAPTION_PX), BACKGROUND)
    if (picture := thumbnail(engine, hit.video_id, hit.frame_no)) is not None:
        with Image.open(BytesIO(picture.data)) as image:
            cell.paste(ImageOps.pad(image.convert("RGB"), CELL_PX, color="black"), (0, 0))
    draw = ImageDraw.Draw(cell)
    font = ImageFont.load_default(15)
    caption = f"{score(hit)}  {span(hit)}"
    draw.text((0, CELL_PX[1] + 4), _fitting(draw, hit.title, font), INK, font)
    draw.text((0, CELL_PX[1] + 24), caption, FADED_INK, font)
    return cell


def _fitting(
    draw: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> str:
    if draw.textlength(text, font) <= CELL_PX[0]:
        return text
    while text and draw.textlength(f"{text}...", font) > CELL_PX[0]:
        text = text[:-1]
    return f"{text}..."
