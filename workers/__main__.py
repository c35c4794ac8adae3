"""`python -m workers COMMAND`: the processes that need torch, cv2 or av, started by `sceneql`."""

import argparse
import logging
import sys
from pathlib import Path

from app import logs
from app.config import Settings, get_settings
from app.errors import DatabaseUnavailableError, SceneqlError
from app.failures import in_one_line
from app.supervisor import NEEDS_A_PERSON, end_with_parent
from workers.priority import MOST_NICENESS_OF_CONVERSIONS, lower_priority


def main() -> int:
    """Runs one command; an error that a person has to mend ends as one line and exit status 2."""
    arguments = _parser().parse_args()
    try:
        settings = get_settings()
        logs.configure(settings, quiet=arguments.quiet)
        if settings.supervised:
            end_with_parent()
        return int(arguments.run(settings, arguments) or 0)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        line = in_one_line(error)
        if line is None:
            raise
        logs.say(line, logging.ERROR)
        # The supervisor starts a process again unless a person is needed. It started this one with
        # a database that could be used; why that is gone, such as a full disk, may pass.
        is_passing = isinstance(error, DatabaseUnavailableError)
        return NEEDS_A_PERSON if isinstance(error, SceneqlError) and not is_passing else 1


# The imports are inside the commands because torch alone takes seconds, and because an embedder has
# to be seen in the database before it loads anything.


def _ingest(settings: Settings, arguments: argparse.Namespace) -> int:
    from app.sampling import Sampling
    from workers.ingest_command import ingest

    sampling = Sampling.parse(arguments.sampling)
    return ingest(settings, arguments.paths, sampling, arguments.collection, as_json=arguments.json)


def _enqueue(settings: Settings, arguments: argparse.Namespace) -> int:
    from app.sampling import Sampling
    from workers.enqueue_command import enqueue

    sampling = Sampling.parse(arguments.sampling)
    return enqueue(settings, arguments.paths, sampling, arguments.collection)


def _embedder(settings: Settings, _arguments: argparse.Namespace) -> None:
    from workers.embedder import run

    run(settings)


def _queue(settings: Settings, _arguments: argparse.Namespace) -> None:
    from workers.tasks import run

    lower_priority(settings.niceness)
    run(settings)


def _scanner(settings: Settings, _arguments: argparse.Namespace) -> None:
    from workers.scanner import run

    lower_priority(settings.niceness)
    run(settings)


def _scan(settings: Settings, arguments: argparse.Namespace) -> int:
    from workers.scan_command import scan_now

    return scan_now(settings, arguments.sources, as_json=arguments.json)


def _fingerprint(_settings: Settings, arguments: argparse.Namespace) -> None:
    from workers.clip_command import fingerprint

    fingerprint(arguments.file.absolute())


def _embed(settings: Settings, arguments: argparse.Namespace) -> None:
    from workers.clip_command import embed

    embed(settings, arguments.file.absolute())


def _fill(settings: Settings, arguments: argparse.Namespace) -> int:
    from workers.fill_command import fill

    lower_priority(settings.niceness)
    return fill(settings, arguments.model, background=arguments.background)


def _prepare(settings: Settings, arguments: argparse.Namespace) -> int:
    from workers.fill_command import prepare

    lower_priority(settings.niceness)
    return prepare(settings, arguments.model)


def _transcode(settings: Settings, arguments: argparse.Namespace) -> None:
    from workers.transcode import FRAGMENTED, STANDARD_OUTPUT, transcode

    _limit_conversion(settings)
    transcode(
        arguments.file.absolute(),
        STANDARD_OUTPUT,
        from_s=arguments.from_s,
        muxer_options=FRAGMENTED,
    )


def _cut(settings: Settings, arguments: argparse.Namespace) -> None:
    from workers.cut import cut
    from workers.limits import limit_files

    _limit_conversion(settings)
    if arguments.max_mb is not None:
        limit_files(arguments.max_mb)
    cut(
        arguments.file.absolute(),
        arguments.output.absolute(),
        start_s=arguments.start_s,
        end_s=arguments.end_s,
    )


def _limit_conversion(settings: Settings) -> None:
    """Has this process step back, as far as one may that somebody waits for, and limits it."""
    from workers.limits import limit_memory

    lower_priority(min(settings.niceness, MOST_NICENESS_OF_CONVERSIONS))
    limit_memory(settings.decode_memory_mb)


def _demo(_settings: Settings, arguments: argparse.Namespace) -> None:
    from workers.demo_command import render

    render(arguments.folder.absolute())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers", description=__doc__)
    parser.add_argument("--quiet", action="store_true", help="log nothing but warnings")
    commands = parser.add_subparsers(required=True)

    files = argparse.ArgumentParser(add_help=False)
    files.add_argument("paths", nargs="+", type=Path)
    files.add_argument("--sampling", default="scenes:3")
    files.add_argument("--collection")

    ingest = commands.add_parser("ingest", parents=[files], help="index files and folders")
    ingest.add_argument("--json", action="store_true")
    ingest.set_defaults(run=_ingest)

    enqueue = commands.add_parser("enqueue", parents=[files], help="leave files to a worker")
    enqueue.set_defaults(run=_enqueue)

    embedder = commands.add_parser("embedder", help="answer questions")
    embedder.set_defaults(run=_embedder)

    queue = commands.add_parser("queue", help="take ingest jobs from the queue")
    queue.set_defaults(run=_queue)

    scanner = commands.add_parser("scanner", help="scan the sources on schedule")
    scanner.set_defaults(run=_scanner)

    scan = commands.add_parser("scan", help="scan sources now")
    scan.add_argument("sources", nargs="*", type=int)
    scan.add_argument("--json", action="store_true")
    scan.set_defaults(run=_scan)

    fingerprint = commands.add_parser("fingerprint", help="print a clip's fingerprints")
    fingerprint.add_argument("file", type=Path)
    fingerprint.set_defaults(run=_fingerprint)

    embed = commands.add_parser("embed", help="keep a clip's vectors and print their key")
    embed.add_argument("file", type=Path)
    embed.set_defaults(run=_embed)

    fill = commands.add_parser("fill", help="fill another model")
    fill.add_argument("model")
    fill.add_argument("--background", action="store_true")
    fill.set_defaults(run=_fill)

    prepare = commands.add_parser("prepare", help="fill what a model lacks to be searched")
    prepare.add_argument("model")
    prepare.set_defaults(run=_prepare)

    transcode = commands.add_parser("transcode", help="convert a video for browsers, to stdout")
    transcode.add_argument("file", type=Path)
    transcode.add_argument("--from", type=float, default=0.0, dest="from_s", metavar="SECONDS")
    transcode.set_defaults(run=_transcode)

    cut = commands.add_parser("cut", help="cut a clip out of a video")
    cut.add_argument("file", type=Path)
    cut.add_argument("output", type=Path)
    cut.add_argument("--start", type=float, required=True, dest="start_s", metavar="SECONDS")
    cut.add_argument("--end", type=float, required=True, dest="end_s", metavar="SECONDS")
    cut.add_argument("--max-mb", type=int, metavar="MB", help="size that the clip may have")
    cut.set_defaults(run=_cut)

    demo = commands.add_parser("demo", help="render the library of sample videos")
    demo.add_argument("folder", type=Path)
    demo.set_defaults(run=_demo)
    return parser


if __name__ == "__main__":
    sys.exit(main())
