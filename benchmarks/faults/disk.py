"""A small disk of its own for a database: a file system in memory, which only root can mount."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

_SIZE = "256m"


def missing() -> str | None:
    """Return what there is not on this machine to make a disk with, or None."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        return "a disk can be mounted by root alone"
    with tempfile.TemporaryDirectory() as folder:
        try:
            with mounted(Path(folder)):
                return None
        except subprocess.CalledProcessError:
            return "mount is not allowed"


@contextlib.contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """Mount a small disk on a folder until the block ends. Raises CalledProcessError."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", folder], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True, capture_output=True)
