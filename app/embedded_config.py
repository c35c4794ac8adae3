"""The settings of an embedded Postgres, from the machine it runs on."""

import os
import shutil
from pathlib import Path

import psutil

PORT = 5432
SHARED_MEMORY = Path("/dev/shm")


def config_text(socket_folder: Path) -> str:
    """A configuration file for a server that is reached through a socket in `socket_folder` only.

    Memory is shared with the model and the decoders. A quarter of it is what Postgres recommends to
    hold itself: searches in ten million frames took half as long again with an eighth.
    """
    memory_mb = psutil.virtual_memory().total // 2**20
    cores = os.cpu_count() or 1
    # A parallel HNSW build keeps the whole graph in this much dynamic shared memory, and slows down
    # by far once it no longer fits.
    maintenance_mb = _between(64, memory_mb // 16, 2048)
    socket_folder_quoted = str(socket_folder).replace('"', '""')
    settings = {
        "listen_addresses": "",
        "port": PORT,
        "unix_socket_directories": f'"{socket_folder_quoted}"',
        "unix_socket_permissions": "0700",
        "shared_buffers": f"{_between(128, memory_mb // 4, 8192)}MB",
        "effective_cache_size": f"{memory_mb // 2}MB",
        "maintenance_work_mem": f"{maintenance_mb}MB",
        # It also bounds how far an iterative HNSW scan may go on.
        "work_mem": f"{_between(16, memory_mb // 256, 64)}MB",
        "dynamic_shared_memory_type": _dynamic_shared_memory(maintenance_mb),
        "max_worker_processes": cores + 8,
        "max_parallel_workers": cores,
        "max_parallel_maintenance_workers": _between(1, cores - 1, 7),
        "max_wal_size": "2GB",
        "random_page_cost": 1.1,
        # Compiling a plan takes longer than most searches.
        "jit": "off",
    }
    lines = ["# Written at each start. Settings of your own: ALTER SYSTEM SET, which wins."]
    lines += [f"{name} = '{_escaped(str(value))}'" for name, value in settings.items()]
    return "\n".join(lines) + "\n"


def _dynamic_shared_memory(needed_mb: int) -> str:
    """POSIX memory where /dev/shm has room; else System V's, which does not live there.

    Containers give /dev/shm 64 MB unless told otherwise, and a parallel index build fails in it.
    """
    if not SHARED_MEMORY.exists():
        return "posix"
    free_mb = shutil.disk_usage(SHARED_MEMORY).free // 2**20
    return "posix" if free_mb >= 2 * needed_mb else "sysv"


def _between(low: int, value: int, high: int) -> int:
    return max(low, min(value, high))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "''")
