"""The command line: parses and delegates.

Exit status: 0 done; 1 (with ``--gate``) inflated or deflated; 2 wrong usage or input; 3 (with ``--gate``)
inconclusive; 4 the operation failed or crashed; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from auditor.errors import AuditorError, InputError
from auditor.inert import visible

WRONG_INPUT, FAILED, STOPPED = 2, 4, 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with its exit status."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; one message for whatever goes wrong."""
    import typer

    from auditor.cli.app import command

    try:
        code = command().main(
            args=None if arguments is None else list(arguments), prog_name="auditor", standalone_mode=False
        )
        sys.stdout.flush()
    except InputError as error:
        _complain(str(error))
        return WRONG_INPUT
    except AuditorError as error:
        _complain(str(error))
        return FAILED
    except (KeyboardInterrupt, typer.Abort):
        _complain("stopped. What had arrived is stored; run the same command to go on.")
        return STOPPED
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - so that the exit does not raise again
        return 0
    except Exception as error:  # the last wall: a crash is status 4, never one that means a verdict
        if hasattr(error, "show") and hasattr(error, "exit_code"):  # wrong usage, as the parser reports it
            error.show()
            return WRONG_INPUT
        if os.environ.get("AUDITOR_DEBUG"):
            raise
        _complain(
            f"a fault of the program, not of your input ({type(error).__name__}: {error}). What had arrived is "
            "stored. Set AUDITOR_DEBUG=1 to see where it happened, and please report it."
        )
        return FAILED
    return code if isinstance(code, int) else 0


def _complain(message: str) -> None:
    print(f"auditor: {visible(message)}", file=sys.stderr)
