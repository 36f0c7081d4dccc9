# SPDX-License-Identifier: Apache-2.0
"""A job from image to artifacts; command jobs here, Spark jobs add their own launch."""

from __future__ import annotations

import asyncio
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from azure_sandbox.services.machinelearning.definitions import timeout_seconds
from azure_sandbox.services.machinelearning.records import JobFailure
from azure_sandbox.services.machinelearning.runner import environment as environments
from azure_sandbox.services.machinelearning.runner.bindings import Bindings, bound
from azure_sandbox.services.machinelearning.runner.environment import Environment
from azure_sandbox.services.machinelearning.runner.process import Process
from azure_sandbox.services.machinelearning.runner.spark import SparkLaunch, spark_requirements
from azure_sandbox.services.machinelearning.runner.substitution import substitute
from azure_sandbox.services.machinelearning.runner.variables import variables
from azure_sandbox.services.machinelearning.runner.workplace import BUILD_LOG, USER_LOG, Workplace
from azure_sandbox.services.machinelearning.runs import Runs

_WORD = re.compile(r"[\w./+-]+")


class TimedOut(Exception):
    """The job ran longer than limits.timeout: the system cancels it."""


@dataclass(frozen=True)
class Launch:
    """What is started: arguments, and the name that an exit is reported under."""

    arguments: list[str]
    program: str


class Work:
    """One command or Spark job.

    :param slots: how many jobs may run at once
    """

    def __init__(self, place: Workplace, runs: Runs, slots: asyncio.Semaphore) -> None:
        self._place = place
        self._runs = runs
        self._slots = slots
        self._spark = place.run.job_type == "Spark"

    async def perform(self) -> None:
        """:raises JobFailure, TimedOut:"""
        place = self._place
        try:
            place.advance("Preparing")
            environment = await self._image()
            place.advance("Queued")
            async with self._slots:
                place.advance("Running")
                await self._run(environment)
        finally:
            place.clear()

    async def _image(self) -> Environment:
        log = self._place.log(BUILD_LOG)
        name, properties = self._place.environment_asset()
        wanted = environments.requirements(name, properties)
        if self._spark:
            wanted = spark_requirements(wanted)
        try:
            return await environments.ready(name, wanted, log.file)
        finally:
            log.ship()

    async def _run(self, environment: Environment) -> None:
        place = self._place
        place.fetch_code()
        async with bound(place, self._runs, spark=self._spark) as bindings:
            log = place.log(USER_LOG)
            log.ship()
            inputs, outputs = await bindings.inputs(), bindings.output_values()
            try:
                with place.secrets.lent(place.reader) as secret:
                    await self._execute(environment, secret, inputs, outputs)
            except JobFailure:
                bindings.check_inputs()
                raise
            finally:
                place.keep_artifacts()
            bindings.check_inputs()
            await self._finalize(bindings)

    async def _finalize(self, bindings: Bindings) -> None:
        self._place.advance("Finalizing")
        await bindings.upload()

    async def _execute(
        self, environment: Environment, secret: str, inputs: Mapping[str, str], outputs: Mapping[str, str]
    ) -> None:
        place, log = self._place, self._place.log(USER_LOG)
        values = variables(place, environment, secret, inputs, outputs)
        hidden = [secret, values["AZUREML_RUN_TOKEN"]]
        launch = _command_launch(place, inputs, outputs)
        if self._spark:
            spark = SparkLaunch(place, environment, secret)
            jar = await spark.connector(log.file)
            values |= spark.variables()
            hidden += spark.keys()
            launch = Launch(spark.arguments(jar, inputs, outputs), "spark-submit")
        for name, text in (place.run.body.get("environmentVariables") or {}).items():
            # MLFLOW_TRACKING_URI and the like are the platform's: Azure overwrites the user's.
            values.setdefault(name, substitute(str(text), inputs, outputs))
        values = {name: value for name, value in values.items() if value != ""}
        process = Process(
            launch.arguments, folder=place.code, environment=values, output=log.file, secrets=hidden
        )
        place.started(process.id)
        try:
            status = await asyncio.wait_for(process.finished(log.ship), timeout_seconds(place.run.body))
        except asyncio.TimeoutError:
            raise TimedOut from None
        finally:
            log.ship()
        if status != 0:
            raise _exited(launch.program, status, process.stderr_tail())


def _command_launch(place: Workplace, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> Launch:
    command = substitute(str(place.run.body.get("command") or ""), inputs, outputs)
    return Launch(["bash", "-c", command], _program(command))


def _program(command: str) -> str:
    """The program that the last line of a command starts, for the error text."""
    try:
        words = shlex.split(command.strip().splitlines()[-1]) if command.strip() else []
    except ValueError:
        words = []
    plain = [word for word in words if _WORD.fullmatch(word) and "=" not in word]
    return plain[0].rpartition("/")[2] if plain else "bash"


def _exited(program: str, status: int, tail: str) -> JobFailure:
    return JobFailure(
        f"Execution failed. User process '{program}' exited with status code {status}. "
        f"Please check log file 'user_logs/std_log.txt' for error details. Error: {tail}",
        inner="UserProcessExited",
    )
