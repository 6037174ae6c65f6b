"""The worker's process beside the web server:
``python -m ktrlplane.entrypoints.serving.background PARENT``."""

import sys

from ktrlplane.entrypoints.cli import run
from ktrlplane.entrypoints.processes import die_with


def main() -> None:
    die_with(int(sys.argv[1]))
    sys.exit(run(["worker"]))


if __name__ == "__main__":
    main()
