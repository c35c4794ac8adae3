"""What the documents point to is there."""

import re
from pathlib import Path

import pytest

from app.config import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
OF_COMPOSE = {"SCENEQL_DB_PASSWORD", "SCENEQL_MEDIA"}


def name(document: Path) -> str:
    return str(document.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_a_link_leads_to_a_file_of_the_project(document: Path) -> None:
    links = LINK.findall(document.read_text(encoding="utf-8"))

    inside = [link for link in links if "://" not in link]

    assert [link for link in inside if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_a_setting_that_is_named_is_one_that_is_read(document: Path) -> None:
    named = set(re.findall(r"\bSCENEQL_[A-Z_]*[A-Z]\b", document.read_text(encoding="utf-8")))

    read = {f"SCENEQL_{field.upper()}" for field in Settings.model_fields} | OF_COMPOSE

    assert {setting for setting in named - read if not setting.startswith("SCENEQL_TEST_")} == set()
