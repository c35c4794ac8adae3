"""What a process that decodes files may take of the machine."""

import resource


def limit_memory(memory_mb: int) -> None:
    """Has what asks for more memory than this fail, and a crash leave no image of it on the disk.

    The limit is on data, not on addresses: code and the reserves of threads take none.
    """
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    wanted = memory_mb * 2**20
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def limit_files(size_mb: int) -> None:
    """Has writing more than this into a file fail with EFBIG."""
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    wanted = size_mb * 2**20
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_FSIZE, (allowed, hard))
