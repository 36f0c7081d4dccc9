# SPDX-License-Identifier: Apache-2.0
"""Health check of this container's Airflow job: ``alive.py SchedulerJob``. Exit code 0 is healthy.

It answers what ``airflow jobs check --job-type TYPE --hostname NAME`` answers. That command imports
all of Airflow, 5 s CPU for one answer, and four services ask every half minute; this is 0.1 s.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import psycopg2

#: Airflow calls a job dead after 30 s (``[scheduler] scheduler_health_check_threshold``).
_BEATING = """
    SELECT count(*) FROM job
    WHERE job_type = %s AND hostname = %s AND state = 'running'
      AND latest_heartbeat > now() - interval '30 seconds'
"""


def main() -> int:
    parser = argparse.ArgumentParser(description="is this container's Airflow job alive?")
    parser.add_argument("job_type", choices=["SchedulerJob", "DagProcessorJob", "TriggererJob"])
    return 0 if beating(parser.parse_args().job_type, os.environ["SERVICE_NAME"]) else 1


def beating(job_type: str, service: str) -> bool:
    """:raises psycopg2.OperationalError: where the database does not answer, which is unhealthy too"""
    connection = psycopg2.connect(_database(), connect_timeout=5)
    try:
        with connection.cursor() as cursor:
            cursor.execute(_BEATING, (job_type, service))
            return bool(cursor.fetchone()[0])
    finally:
        connection.close()


def _database() -> str:
    _cat, path = os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_CMD"].split()
    return Path(path).read_text(encoding="utf8")


if __name__ == "__main__":
    sys.exit(main())
