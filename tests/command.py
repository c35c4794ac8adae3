"""Runs the command line the way a person does."""

import os
import pickle
import signal
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile

STARTER = Path(__file__).with_name("command_starter.py")
# Against hanging, not against machines that are slow or busy.
TIMEOUT_S = 900


def sceneql(*arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    """The finished command, its output as text.

    Each is a process of its own, with the environment and the current folder of this one. It is
    forked from one that has imported the command line, which takes a second and more by itself.
    """
    with TemporaryFile("w+") as given, TemporaryFile("w+") as said, TemporaryFile("w+") as warned:
        given.write(stdin)
        given.seek(0)
        starter = _starter()
        command = pickle.dumps((arguments, dict(os.environ), Path.cwd(), TIMEOUT_S))
        socket.send_fds(starter, [command], [file.fileno() for file in (given, said, warned)])
        answer = starter.recv(100)
        assert answer, "the starter of commands has ended"
        status = os.waitstatus_to_exitcode(int(answer))
        for file in (said, warned):
            file.seek(0)
        finished = subprocess.CompletedProcess(arguments, status, said.read(), warned.read())
    if status == -signal.SIGALRM:
        raise subprocess.TimeoutExpired(arguments, TIMEOUT_S, finished.stdout, finished.stderr)
    return finished


@cache
def _starter() -> socket.socket:
    """The other end is a process that becomes commands; it ends when this one does."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        subprocess.Popen(
            [sys.executable, "-P", STARTER, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
        )
    return ours
