"""What the checks of this folder share: the tracked files of a checkout, and how a check ends."""

import subprocess
import sys


def tracked(root):
    """Paths of all tracked files, relative to `root`; ends the check as skipped where git knows none."""
    # A checkout that belongs to somebody else (a container's volume) is read all the same.
    command = ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z"]
    try:
        listed = subprocess.run(command, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"this check is skipped: {error}")
        sys.exit(0)
    return [name for name in listed.decode().split("\0") if name]


def read(root, path):
    with open(f"{root}/{path}", encoding="utf-8") as file:
        return file.read()


def finish(faults, summary):
    """Ends the check: prints all faults and fails, or prints the summary."""
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(f"faults: {len(faults)}")
    print(summary)
    sys.exit(0)
