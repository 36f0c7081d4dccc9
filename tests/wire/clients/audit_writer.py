# SPDX-License-Identifier: Apache-2.0
"""One of many writers. Arguments: folder, number of records. Prints the seconds that each took to be on the disk."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from airflow_provider_azureml.audit.sink import Journal

if __name__ == "__main__":
    journal, took = Journal(Path(sys.argv[1])), []
    for number in range(int(sys.argv[2])):
        began = time.perf_counter()
        journal.append({"kind": "intent", "event": f"{os.getpid()}-{number}", "resource": "x" * 600})
        took.append(time.perf_counter() - began)
    sys.stdout.write(json.dumps(took))
