"""Named checks, run one after another; a line for each, and a clear end.

Left out: what is checked. Always true: a check that fails does not keep the next from running, and the process then ends with 1.
"""

import asyncio
import contextlib
import json
import sys
import traceback

# What an answer on loopback may take, in seconds, on a busy machine; far above what it does take.
PATIENCE = 20


class Checks:
    """The checks of one client, in the order in which they are written."""

    def __init__(self, client):
        self.client = client
        self.steps = []

    def __call__(self, step):
        """Decorates a function, plain or async, that raises where something is not as it should be."""
        self.steps.append(step)
        return step

    async def run(self, *context):
        failed = 0
        for step in self.steps:
            name = step.__name__.replace("_", " ")
            try:
                outcome = step(*context)
                if asyncio.iscoroutine(outcome):
                    await asyncio.wait_for(outcome, 2 * PATIENCE)
            except Exception as error:
                failed += 1
                print(f"clients: FAILED: {self.client}: {name}: {type(error).__name__}: {error}", flush=True)
                traceback.print_exc()
            else:
                print(f"clients: ok: {self.client}: {name}", flush=True)
        if failed:
            sys.exit(f"clients: {self.client}: {failed} of {len(self.steps)} checks failed")


def simulator():
    """What the simulator printed when it started, and the account that the script was given: SIM_JSON NUMBER."""
    with open(sys.argv[1], encoding="utf-8") as file:
        sim = json.load(file)
    return sim, sim["accounts"][int(sys.argv[2])]


def same(left, right, what=""):
    """Equal, or it says both."""
    assert left == right, f"{what} {left!r}, not {right!r}".strip()


def near(left, right, tolerance=1e-9):
    """Two amounts that binary floating point may tell apart."""
    assert abs(float(left) - float(right)) <= tolerance, f"{left!r} is not {right!r}"


@contextlib.contextmanager
def refused(kind, text):
    """The block must raise this very class of the client, with this text of the exchange in it."""
    try:
        yield
    except Exception as error:
        assert type(error) is kind, f"{type(error).__name__}, not {kind.__name__}: {error}"
        assert text in str(error), f"{text!r} is not in {error}"
    else:
        raise AssertionError(f"not refused, where {kind.__name__} with {text!r} was due")
