# SPDX-License-Identifier: Apache-2.0
"""A command job with code, a data asset, an output, streamed; its logs; a model from its output; the list."""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path

from azure.ai.ml import Input, Output, command
from azure.ai.ml.constants import AssetTypes
from azure.ai.ml.entities import Data, Environment, ManagedIdentityConfiguration, Model
from ml_client import GIVEN, connect, report

ml = connect()
with tempfile.TemporaryDirectory() as folder:
    table = Path(folder) / "table"
    table.mkdir()
    (table / "rows.csv").write_text("a,b\n1,2\n3,4\n")
    data = ml.data.create_or_update(
        Data(name=f"rows-{GIVEN['unique']}", version="1", path=str(table), type=AssetTypes.URI_FOLDER)
    )
    code = Path(folder) / "code"
    (code / "below").mkdir(parents=True)
    (code / "count.py").write_text(
        "import sys, pathlib\n"
        "rows = pathlib.Path(sys.argv[1], 'rows.csv').read_text().splitlines()\n"
        "out = pathlib.Path(sys.argv[2]); out.mkdir(parents=True, exist_ok=True)\n"
        "(out / 'count.txt').write_text(str(len(rows) - 1))\n"
        "print('counted', len(rows) - 1, 'for', sys.argv[3])\n"
    )
    (code / "below" / "note.txt").write_text("kept in its folder\n")
    job = ml.jobs.create_or_update(
        command(
            name=f"count-{GIVEN['unique']}",
            experiment_name="wire",
            display_name="Count rows",
            code=str(code),
            # The SDK streams nothing of a job that ended before its first look.
            command="sleep 2; python count.py ${{inputs.rows}} ${{outputs.counted}} '${{inputs.who}}' && cat below/note.txt",
            environment=Environment(image="mcr.microsoft.com/azureml/openmpi5.0-ubuntu24.04"),
            inputs={
                "rows": Input(type=AssetTypes.URI_FOLDER, path=f"azureml:{data.name}:{data.version}"),
                "who": "the SDK",
            },
            outputs={"counted": Output(type=AssetTypes.URI_FOLDER)},
            identity=ManagedIdentityConfiguration(client_id=GIVEN["run_client_id"]),
            tags={"wire": GIVEN["unique"]},
        )
    )

streamed = io.StringIO()
with contextlib.redirect_stdout(streamed):
    ml.jobs.stream(job.name)
ended = ml.jobs.get(job.name)

with tempfile.TemporaryDirectory() as folder:
    ml.jobs.download(job.name, download_path=folder)
    files = {
        str(path.relative_to(folder)): path.read_text(errors="replace")
        for path in Path(folder).rglob("*")
        if path.is_file()
    }

model = ml.models.create_or_update(
    Model(
        name=f"model-{GIVEN['unique']}",
        path=f"azureml://jobs/{job.name}/outputs/counted",
        type=AssetTypes.CUSTOM_MODEL,
    )
)
report(
    name=job.name,
    status=ended.status,
    studio_url=ended.studio_url,
    tags=ended.tags,
    streamed=streamed.getvalue(),
    files=files,
    model=[model.name, model.version, model.path],
    models=[found.version for found in ml.models.list(name=model.name)],
    listed=[found.name for found in ml.jobs.list()],
    data=ml.data.get(data.name, version="1").path,
)
