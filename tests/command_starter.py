"""A process that has imported the command line, and forks into one command after the other."""

import os
import pickle
import signal
import socket
import sys
from contextlib import suppress

from app.cli import main

REQUEST_BYTES = 2**20


def become_next_command(control: socket.socket) -> None:
    """Returns once in each fork, which has then become a command; ends when nobody asks any more.

    Nothing that a command reads of its surroundings has been read before: the settings, the
    database and the log are looked up by `main`.
    """
    while True:
        request, streams, _, _ = socket.recv_fds(control, REQUEST_BYTES, 3)
        if not request:
            sys.exit()
        pid = os.fork()
        if not pid:
            break
        for stream in streams:
            os.close(stream)
        control.send(str(os.waitpid(pid, 0)[1]).encode())
    control.close()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    arguments, environment, folder, timeout_s = pickle.loads(request)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv = ["sceneql", *arguments]
    # Ends it even while it does not listen, and holds for what it turns into by exec as well.
    signal.alarm(timeout_s)


if __name__ == "__main__":
    # Ctrl-C reaches the tests as well, which are those to tell of it.
    with suppress(KeyboardInterrupt):
        become_next_command(socket.socket(fileno=int(sys.argv[1])))
        main()
