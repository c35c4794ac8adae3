"""`sceneql doctor`: is everything as it should be, and if not, what is the cure?"""

import json
from dataclasses import asdict

import click
from rich.console import Console
from rich.markup import escape

from app.config import get_settings
from app.db import get_engine
from app.doctor import examine

COLOURS = {"ok": "green", "warning": "yellow", "wrong": "red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def doctor(as_json: bool) -> int:
    """Check database, settings, grants, index, weights, media folders, disk and queue.

    Each check is a line: ok, a warning, or what is wrong, with its cure. Nothing is changed. The
    exit status is 1 if anything is wrong.
    """
    findings = []
    console = Console()
    for finding in examine(get_engine, get_settings()):
        findings.append(finding)
        if as_json:
            continue
        colour = COLOURS[finding.state]
        line = f"[{colour}]{finding.state:<8}[/]{escape(f'{finding.check}: {finding.message}')}"
        if finding.cure:
            line += escape(f"; {finding.cure}")
        console.print(line, soft_wrap=True, highlight=False)
    healthy = all(finding.state != "wrong" for finding in findings)
    if as_json:
        checks = [asdict(finding) for finding in findings]
        print(json.dumps({"healthy": healthy, "checks": checks}))
    return 0 if healthy else 1
