# SPDX-License-Identifier: Apache-2.0
"""What must be on the machine, checked before anything is installed or started.

Runs with the system's Python (``python3 -m demo.prerequisites``), so it imports nothing else.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

OLDEST_PYTHON = (3, 10)
OLDEST_JAVA, NEWEST_JAVA = 8, 17
JAVA_MEND = (
    "Spark 3.5 runs on Java 8, 11 or 17. Install a JDK 17, for example with "
    "'apt-get install openjdk-17-jdk-headless' or 'brew install openjdk@17', and put its bin folder on PATH."
)
MAVEN_MEND = (
    "Maven fetches the ABFS driver's jar. Install it, for example with 'apt-get install maven' "
    "or 'brew install maven'."
)


def missing() -> list[str]:
    """One line for each thing that is not there or too old: what it is and how to mend it."""
    return [line for line in (_python(sys.version_info[:2]), _java(), _maven()) if line]


def _python(version: tuple[int, int]) -> str:
    if version >= OLDEST_PYTHON:
        return ""
    return f"Python {version[0]}.{version[1]} is too old. Use 3.10 or later: make demo PYTHON=python3.11"


def _java() -> str:
    home = os.environ.get("JAVA_HOME")  # Spark looks there first, and nowhere else where it is set
    java = shutil.which("java", path=os.path.join(home, "bin") if home else None)
    if not java:
        return f"Java is missing{f' in JAVA_HOME ({home})' if home else ''}. {JAVA_MEND}"
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"Java does not start ({error}). {JAVA_MEND}"
    found = java_version(answer.stderr + answer.stdout)
    if answer.returncode or found is None:
        return f"Java does not start (exit code {answer.returncode}). {JAVA_MEND}"
    if not OLDEST_JAVA <= found <= NEWEST_JAVA:
        return f"Java {found} is not one that Spark runs on. {JAVA_MEND}"
    return ""


def java_version(text: str) -> int | None:
    """The major version in what ``java -version`` prints: 8 of ``1.8.0_392``, 17 of ``17.0.15``."""
    found = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(found[1]) if found else None


def _maven() -> str:
    return "" if shutil.which("mvn") else f"Maven is missing. {MAVEN_MEND}"


def main() -> int:
    lines = missing()
    for line in lines:
        print(line, file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
