"""Requests as commands for curl, ready to paste into a shell."""

import json
from collections.abc import Sequence
from shlex import quote
from typing import Any

# To be replaced by the person who pastes the command.
TOKEN = "TOKEN"


def curl(
    address: str,
    *,
    method: str = "GET",
    parameters: Sequence[tuple[str, str]] = (),
    files: Sequence[tuple[str, str]] = (),
    body: dict[str, Any] | None = None,
    with_token: bool = False,
) -> str:
    """The command, one option a line; `files` are names of form fields and of files to send."""
    get = ["--get"] if parameters and not files else []
    options = [f"curl {' '.join([*get, quote(address)])}"]
    if method != "GET" and not (method == "POST" and (files or body is not None)):
        options.append(f"--request {method}")
    if with_token:
        options.append(f"--header {quote(f'Authorization: Bearer {TOKEN}')}")
    if body is not None:
        options.append(f"--header {quote('Content-Type: application/json')}")
        options.append(f"--data {quote(json.dumps(body, ensure_ascii=False))}")
    how = "--form-string" if files else "--data-urlencode"
    options += [f"{how} {quote(f'{name}={value}')}" for name, value in parameters]
    options += [f"--form {quote(f'{name}=@{file}')}" for name, file in files]
    return " \\\n  ".join(options)
