"""The compose file and the image: checked as far as that goes without a container engine."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from app.cli import sceneql
from app.config import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN_SERVICES = {name: service for name, service in SERVICES.items() if name != "db"}
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_file_is_valid_by_the_compose_specification() -> None:
    validate = [sys.executable, "-m", "check_jsonschema", "--builtin-schema=vendor.compose-spec"]

    checked = subprocess.run(
        [*validate, COMPOSE_FILE],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("name", OWN_SERVICES)
def test_a_service_runs_a_command_that_exists(name: str) -> None:
    command: click.Command = sceneql
    arguments: list[str] = list(OWN_SERVICES[name]["command"])

    while isinstance(command, click.Group):
        _, found, arguments = command.resolve_command(click.Context(command), arguments)
        assert found is not None
        command = found

    command.make_context(name, arguments)


def test_every_setting_that_is_given_is_one_that_is_read() -> None:
    read = {
        str(field.validation_alias or f"SCENEQL_{name}").upper()
        for name, field in Settings.model_fields.items()
    }
    given = set(re.findall(r"\b(SCENEQL_\w+)=", DOCKERFILE))
    given |= {name for service in OWN_SERVICES.values() for name in service["environment"]}

    assert given - read == {"PGPASSWORD"}, "libpq reads the password, and nobody the others"


def test_the_password_has_no_default() -> None:
    uses = re.findall(r"\$\{SCENEQL_DB_PASSWORD(.*?)\}", COMPOSE_FILE.read_text())

    assert uses
    assert all(use.startswith(":?") for use in uses), "compose must refuse to start without one"


def test_only_the_page_is_reached_from_outside_and_only_from_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published == {"web": ["127.0.0.1:${SCENEQL_PORT:-8080}:8080"]}


def test_the_page_alone_knows_the_token_and_listens_without_one_only_where_it_is_published() -> (
    None
):
    told = {name for name, service in SERVICES.items() if "SCENEQL_TOKEN" in environment(service)}
    waived = {
        name
        for name, service in SERVICES.items()
        if "SCENEQL_WITHOUT_LOGIN" in environment(service)
    }

    assert told == waived == {"web"}
    assert environment(SERVICES["web"])["SCENEQL_TOKEN"] is None, "it is handed on, never written"
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["web"]["ports"])


def environment(service: dict[str, Any]) -> dict[str, Any]:
    of_service: dict[str, Any] = service.get("environment", {})
    return of_service


def test_the_videos_cannot_be_written_to() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", ())]

    media = [mount for mount in mounts if ":/media" in mount]
    assert media
    assert all(mount.endswith(":/media:ro") for mount in media)


def test_nothing_uses_the_database_before_it_is_migrated() -> None:
    assert SERVICES["migrate"]["depends_on"] == {"db": {"condition": "service_healthy"}}
    for name in OWN_SERVICES.keys() - {"migrate"}:
        awaited = SERVICES[name]["depends_on"]
        assert awaited == {"migrate": {"condition": "service_completed_successfully"}}, name


def test_everything_that_keeps_running_has_a_health_check() -> None:
    running = {name for name, service in SERVICES.items() if service["restart"] != "no"}

    assert running == {name for name, service in SERVICES.items() if "healthcheck" in service}
    for name in running:
        kind, program, *arguments = SERVICES[name]["healthcheck"]["test"]
        assert kind == "CMD"
        if program == "python":
            compile(arguments[-1], name, "exec")


def test_a_parallel_index_build_fits_into_shared_memory() -> None:
    options = dict(option[2:].split("=") for option in SERVICES["db"]["command"][1:])

    assert _megabytes(options["maintenance_work_mem"]) < _megabytes(SERVICES["db"]["shm_size"])


def test_the_image_is_built_from_every_package_and_does_not_run_as_root() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    sources = {package.split(".")[0] for package in project["tool"]["setuptools"]["packages"]}
    sources |= {"pyproject.toml", "constraints.txt", project["project"]["readme"]}
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if "!" in line}

    assert sources <= let_in
    assert re.findall(r"^USER (.*)$", DOCKERFILE, re.MULTILINE)[-1] == "sceneql"


def _megabytes(size: str) -> int:
    number, unit = re.fullmatch(r"(\d+)([mg])b", size.lower()).groups()  # type: ignore[union-attr]
    return int(number) * {"m": 1, "g": 1024}[unit]
