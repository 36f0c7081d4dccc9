# SPDX-License-Identifier: Apache-2.0
"""A training job of a second: logs the metric it is told, without any package, and leaves a model."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path

mae, folder = float(sys.argv[1]), Path(sys.argv[2])
metric = {"run_id": os.environ["MLFLOW_RUN_ID"], "key": "mae", "value": mae, "timestamp": 1, "step": 0}
urllib.request.urlopen(
    urllib.request.Request(
        os.environ["MLFLOW_TRACKING_URI"].replace("azureml://", "https://")
        + "/api/2.0/mlflow/runs/log-metric",
        data=json.dumps(metric).encode(),
        headers={
            "Authorization": f"Bearer {os.environ['MLFLOW_TRACKING_TOKEN']}",
            "Content-Type": "application/json",
        },
    )
)
folder.mkdir(parents=True, exist_ok=True)
(folder / "model.txt").write_text(f"a model with mae {mae}")
