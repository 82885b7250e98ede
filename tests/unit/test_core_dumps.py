"""Whatever the first word is, the process that runs leaves no image of its memory anywhere."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHILD = """
import ctypes, json, resource, sys
from channels_desktop.__main__ import main
resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
try:
    main()
except SystemExit:
    pass
print(json.dumps([*resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")
@pytest.mark.parametrize(
    "words",
    [
        ("--version",),
        ("host", "--help"),
        ("host", "account", "--help"),
        ("playground", "--help"),
        ("inspect", "--help"),
    ],
)
def test_no_program_leaves_a_core_dump(words: tuple[str, ...]) -> None:
    command = [sys.executable, "-c", CHILD, *words]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    assert json.loads(said.splitlines()[-1]) == [0, 0, 0]
