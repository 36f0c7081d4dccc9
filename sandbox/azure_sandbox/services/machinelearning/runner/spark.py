# SPDX-License-Identifier: Apache-2.0
"""Spark jobs: real PySpark, the real ABFS driver, the run identity through its MsiTokenProvider.

Settings as measured (facts: sandbox.md 2). The one jar beside PySpark comes by Maven, once.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path

from azure_sandbox.kernel.ports import Directory
from azure_sandbox.services.machinelearning.locations import Location
from azure_sandbox.services.machinelearning.records import (
    ACCOUNT_KEY,
    SAS,
    SERVICE_PRINCIPAL,
    JobFailure,
)
from azure_sandbox.services.machinelearning.runner.environment import (
    Environment,
    build_environment,
    cache_folder,
    locked,
)
from azure_sandbox.services.machinelearning.runner.process import Process
from azure_sandbox.services.machinelearning.runner.substitution import substitute
from azure_sandbox.services.machinelearning.runner.workplace import Workplace

#: The Hadoop that PySpark 3.5 bundles; another one would not fit.
_HADOOP = "3.3.4"
_PYSPARK = "pyspark==3.5.*"
_LARGEST_DRIVER = 2_048
_MEMORY = re.compile(r"(\d+)([kmgt])b?", re.IGNORECASE)
_UNITS = {"k": 1 / 1024, "m": 1, "g": 1024, "t": 1024 * 1024}
#: Ours to decide: the job runs in one local process, whatever the cluster in its conf.
_OURS = frozenset({"spark.master", "spark.driver.memory", "spark.submit.deployMode", "spark.driver.host"})

_ACCOUNT = "spark.hadoop.fs.azure.account"
_PROVIDERS = "org.apache.hadoop.fs.azurebfs.oauth2"
_DEFAULTS = {
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.shuffle.partitions": "2",
    "spark.hadoop.fs.azure.account.auth.type": "OAuth",
    f"{_ACCOUNT}.oauth.provider.type": f"{_PROVIDERS}.MsiTokenProvider",
    "spark.hadoop.fs.azure.ssl.channel.mode": "Default_JSSE",
    # The driver's own patience hides a sandbox's refusal behind minutes of retries.
    "spark.hadoop.fs.azure.io.retry.max.retries": "2",
    "spark.hadoop.fs.azure.io.retry.backoff.interval": "200",
    "spark.hadoop.fs.azure.io.retry.min.backoff.interval": "100",
    "spark.hadoop.fs.azure.io.retry.max.backoff.interval": "500",
}

_LOG4J = """\
rootLogger.level = warn
rootLogger.appenderRef.stderr.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.target = SYSTEM_ERR
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yy/MM/dd HH:mm:ss} %p %c{1}: %m%n%ex
logger.native.name = org.apache.hadoop.util.NativeCodeLoader
logger.native.level = error
logger.task.name = org.apache.spark.scheduler.TaskSetManager
logger.task.level = error
"""


def spark_requirements(wanted: tuple[str, ...]) -> tuple[str, ...]:
    """The job's requirements with PySpark 3.5 among them, whatever release they ask for."""
    others = tuple(line for line in wanted if not re.match(r"pyspark\b", line, re.IGNORECASE))
    return (*others, _PYSPARK)


class SparkLaunch:
    """How one Spark job is started."""

    def __init__(self, place: Workplace, environment: Environment, msi_secret: str) -> None:
        self._place = place
        self._environment = environment
        self._msi_secret = msi_secret
        self._home = environment.packages / "pyspark"
        self._conf = place.folder / "spark"

    async def connector(self, log: Path) -> Path:
        """The hadoop-azure jar, brought by Maven once per machine.

        :raises JobFailure: where Java or Maven is missing, or Maven could not get it
        """
        if _java() is None:
            raise _missing("Java", "Install a JDK (17 is tested) or set JAVA_HOME for the sandbox.")
        folder = cache_folder() / "jars"
        jar = folder / f"hadoop-azure-{_HADOOP}.jar"
        async with locked(folder.with_suffix(".lock")):
            if not jar.exists():
                await self._download(folder, log)
        return jar

    def variables(self) -> dict[str, str]:
        """Spark's own environment variables; writes the files that they point to."""
        self._conf.mkdir(exist_ok=True)
        settings = {**_DEFAULTS, **self._identity(), **self._stored_keys()}
        lines = [f"{key} {value}" for key, value in settings.items()]
        (self._conf / "spark-defaults.conf").write_text("\n".join(lines) + "\n", encoding="utf8")
        (self._conf / "log4j2.properties").write_text(_LOG4J, encoding="utf8")
        python = str(self._environment.python)
        return {
            "SPARK_HOME": str(self._home),
            "SPARK_CONF_DIR": str(self._conf),
            "PYSPARK_PYTHON": python,
            "PYSPARK_DRIVER_PYTHON": python,
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_LOCAL_DIRS": str(self._place.folder / "tmp"),
            # The same options as JAVA_TOOL_OPTIONS, which every JVM would print into the user's log.
            "SPARK_SUBMIT_OPTS": self._place.cloud.job_environment["JAVA_TOOL_OPTIONS"],
            "JAVA_TOOL_OPTIONS": "",
        }

    def arguments(self, jar: Path, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> list[str]:
        body = self._place.run.body
        conf = {str(key): str(value) for key, value in (body.get("conf") or {}).items()}
        command = [str(self._home / "bin" / "spark-submit"), "--master", "local[2]"]
        command += ["--driver-memory", f"{_driver_memory(conf)}m"]
        command += ["--jars", ",".join([str(jar), *(body.get("jars") or ())])]
        for option, field in (("--py-files", "pyFiles"), ("--files", "files"), ("--archives", "archives")):
            if body.get(field):
                command += [option, ",".join(body[field])]
        for key, value in conf.items():
            if key not in _OURS:
                command += ["--conf", f"{key}={value}"]
        arguments = substitute(str(body.get("args") or ""), inputs, outputs)
        return [*command, str(body["entry"]["file"]), *_split(arguments)]

    def keys(self) -> list[str]:
        """What must not reach the log."""
        secret = (f"{_ACCOUNT}.key.", f"{_ACCOUNT}.oauth2.client.secret.")
        return [value for key, value in self._stored_keys().items() if key.startswith(secret)]

    def _identity(self) -> dict[str, str]:
        cloud = self._place.cloud
        endpoint = f"{cloud.metadata_url}/machinelearning/msi/{self._msi_secret}/token"
        directory, principal = cloud.port(Directory), self._place.run.run_identity
        return {
            # MsiTokenProvider insists on an id; a job without identity is refused by the endpoint.
            "spark.hadoop.fs.azure.account.oauth2.client.id": directory.app_id_of(principal) or "none",
            "spark.hadoop.fs.azure.account.oauth2.msi.endpoint": endpoint,
            "spark.hadoop.fs.azure.account.oauth2.msi.tenant": cloud.tenant_id,
        }

    def _stored_keys(self) -> dict[str, str]:
        """Datastores that store a key are read with it, by account, whatever the job's identity."""
        body = self._place.run.body
        uris = [binding.get("uri") for binding in (body.get("inputs") or {}).values() if binding]
        found: dict[str, str] = {}
        for uri in [*uris, *self._place.run.outputs.values()]:
            if not uri or not uri.startswith("azureml://datastores/"):
                continue
            found |= self._stored(self._place.locate(uri))
        return found

    def _stored(self, location: Location) -> dict[str, str]:
        """What the driver is told of one account.

        :raises JobFailure: for a stored SAS, which the driver takes from a class of its user only
        """
        stored, host = location.credentials, f"{location.account}.dfs.{location.suffix}"
        if stored.kind == ACCOUNT_KEY:
            return {f"{_ACCOUNT}.auth.type.{host}": "SharedKey", f"{_ACCOUNT}.key.{host}": stored.secret}
        if stored.kind == SERVICE_PRINCIPAL:
            authority = self._place.cloud.azure.authority
            return {
                f"{_ACCOUNT}.auth.type.{host}": "OAuth",
                f"{_ACCOUNT}.oauth.provider.type.{host}": f"{_PROVIDERS}.ClientCredsTokenProvider",
                f"{_ACCOUNT}.oauth2.client.id.{host}": stored.client_id,
                f"{_ACCOUNT}.oauth2.client.secret.{host}": stored.secret,
                f"{_ACCOUNT}.oauth2.client.endpoint.{host}": f"{authority}/{stored.tenant_id}/oauth2/token",
            }
        if stored.kind == SAS:
            raise JobFailure(
                "This sandbox's Spark cannot read with the SAS of a datastore: give the datastore a key, a "
                "service principal, or no credentials.",
                inner="SparkSetup",
            )
        return {}

    async def _download(self, folder: Path, log: Path) -> None:
        maven = shutil.which("mvn")
        if maven is None:
            raise _missing("Maven (mvn)", f"It brings hadoop-azure {_HADOOP} the first time. Install it.")
        folder.mkdir(parents=True, exist_ok=True)
        artifact = f"org.apache.hadoop:hadoop-azure:{_HADOOP}"
        command = [
            maven,
            "-q",
            "-B",
            "dependency:copy",
            f"-Dartifact={artifact}",
            f"-DoutputDirectory={folder}",
        ]
        process = Process(command, folder=folder, environment=build_environment(), output=log)
        if await process.finished() != 0:
            raise JobFailure(
                f"Maven could not bring {artifact}: see user_logs/std_log.txt.", inner="SparkSetup"
            )


def _java() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=str(Path(home) / "bin") if home else None)


def _missing(what: str, mend: str) -> JobFailure:
    return JobFailure(
        f"The Spark job cannot start: {what} is missing on this machine. {mend}", inner="SparkSetup"
    )


def _driver_memory(conf: Mapping[str, str]) -> int:
    """MiB: what the job asks for, as far as a laptop has it."""
    found = _MEMORY.fullmatch(conf.get("spark.driver.memory", "1g"))
    asked = int(float(found[1]) * _UNITS[found[2].lower()]) if found else 1024
    return max(512, min(asked, _LARGEST_DRIVER))


def _split(arguments: str) -> list[str]:
    try:
        return shlex.split(arguments)
    except ValueError as error:
        raise JobFailure(f"The job's args cannot be split into words: {error}.") from None
