"""What all scripts share: configuration dataclass -> flags, errors -> one line and an exit status.

Nothing here imports TensorFlow, so that `predict` starts fast.
"""

import errno
import os
import re
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import tyro
from rich.console import Console

from common.errors import FlagError, UserError, is_disk_full, is_interrupt

Options = TypeVar("Options")

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
PROGRAM = "__program__"
"""What a script is called in its --help, where it was not started by `python -m`: a name in its module."""

_HOME = re.compile(r"\A(--[\w-]+=)(~[^/]*/.*)", re.DOTALL)
_TYRO_CONFIG = (tyro.conf.OmitArgPrefixes, tyro.conf.FlagCreatePairsOff)


def run(
    main: Callable[[Options], None],
    options: type[Options] | Mapping[str, Options],
    *,
    descriptions: Mapping[str, str] | None = None,
    default_preset: str = "base",
    leaves_at_once: bool = False,
) -> None:
    """Parses the flags into the options dataclass, calls `main` with it and ends the process with its exit status.

    Args:
        main: does the script's work; raises `UserError` for what a user can mend.
        options: a frozen dataclass whose fields become flags, or named presets of one, of which the first
            argument picks one (`train tiny --epochs 5`).
        descriptions: what `--help` says of each preset.
        default_preset: the preset taken when the first argument names none.
        leaves_at_once: end an interrupted process without taking the interpreter down, for which TensorFlow needs
            seconds; for scripts that leave nothing to be done then.

    Exit status: 0 done, 1 a mistake in the input or a failure, 2 a mistake in the flags, 130 interrupted.
    """
    debug = "--debug" in sys.argv
    arguments = _with_home([argument for argument in sys.argv[1:] if argument != "--debug"])

    def work() -> None:
        if isinstance(options, Mapping):
            main(_parse_preset(options, arguments, descriptions or {}, default_preset, _summary(main)))
        else:
            main(parsed(options, arguments, _summary(main)))

    status = guarded(work, debug)
    if leaves_at_once and status == INTERRUPTED:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def parsed(options: type[Options], arguments: Sequence[str], summary: str = "") -> Options:
    """The options of a script with these arguments; a flag that it does not have ends the process with status 2.

    Raises:
        FlagError: what the options themselves refuse.
    """
    return tyro.cli(options, args=arguments, description=summary, prog=_prog(), config=_TYRO_CONFIG)


def console(*, stderr: bool = False) -> Console:
    """The terminal that scripts print to: styled where there is one, plain text in a pipe or a file."""
    return Console(stderr=stderr, highlight=False, soft_wrap=True)


def counted(count: int, noun: str) -> str:
    """How many there are of something.

    >>> counted(1, "row"), counted(1000, "row")
    ('1 row', '1,000 rows')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def warn(message: str) -> None:
    """A line of warning on standard error."""
    print(f"warning: {message}", file=sys.stderr, flush=True)


def _with_home(arguments: Sequence[str]) -> list[str]:
    """The arguments with a user's home folder for the `~` of `--flag=~/path`, where shells leave it."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return [_HOME.sub(_expanded, argument) for argument in arguments[:end]] + list(arguments[end:])


def _expanded(match: re.Match[str]) -> str:
    flag, path = match.groups()
    return flag + os.path.expanduser(path)


def _summary(main: Callable[..., Any]) -> str:
    return (main.__doc__ or "").strip() + "\n\n--debug shows the traceback of an error."


def _prog() -> str | None:
    script = sys.modules.get("__main__")
    module = getattr(script, "__spec__", None)
    return getattr(script, PROGRAM, None) or (f"python -m {module.name}" if module else None)


def _parse_preset(
    options: Mapping[str, Options],
    arguments: list[str],
    descriptions: Mapping[str, str],
    default_preset: str,
    summary: str,
) -> Options:
    if not arguments or arguments[0].startswith("-"):
        asks_for_presets = bool({"-h", "--help"} & set(arguments))
        arguments = arguments if asks_for_presets and len(arguments) == 1 else [default_preset, *arguments]
    elif arguments[0] not in options:
        print(
            f"error: unknown preset {arguments[0]!r}; expected one of {', '.join(options)}", file=sys.stderr
        )
        sys.exit(USAGE)
    presets = {name: (descriptions.get(name, ""), preset) for name, preset in options.items()}
    return tyro.extras.overridable_config_cli(
        presets, args=arguments, description=summary, prog=_prog(), config=_TYRO_CONFIG
    )


def guarded(action: Callable[[], None], debug: bool) -> int:
    """Runs the action, tells in one line what went wrong (and with `debug` where), and returns the exit status."""
    try:
        action()
        sys.stdout.flush()
    except FlagError as error:
        _report(str(error), debug)
        return USAGE
    except UserError as error:
        return _report(str(error), debug)
    except MemoryError:
        return _report("not enough memory: use smaller batches or a smaller model", debug)
    except KeyboardInterrupt as interrupt:
        _report(str(interrupt) or "interrupted", debug)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone (`predict | head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        message = os.strerror(errno.ENOSPC) if is_disk_full(error) else error.strerror or str(error)
        return _report(f"{message}{where}", debug)
    except Exception as error:
        if is_disk_full(error):
            return _report(os.strerror(errno.ENOSPC), debug)
        if is_interrupt(error):
            _report("interrupted", debug)
            return INTERRUPTED
        first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
        return _report(f"unexpected {type(error).__name__}: {first_line} (--debug shows where)", debug)
    return OK


def _report(message: str, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    sys.stdout.flush()
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return FAILED
