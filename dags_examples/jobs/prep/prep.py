# SPDX-License-Identifier: Apache-2.0
"""Join a year of flights with the weather at departure and the plane that flew: one row per flight.

Only what is known when the plane leaves the gate becomes a feature; the time in the air does not.
"""

from __future__ import annotations

import argparse

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import broadcast, col, dayofweek, lit, to_date

WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
NUMBERS = ["dep_delay", "distance", "sched_dep_time", "sched_arr_time", "arr_delay"]


def table(spark: SparkSession, folder: str, name: str) -> DataFrame:
    return spark.read.csv(f"{folder}/{name}.csv", header=True, nullValue="NA")


def join(flights: DataFrame, weather: DataFrame, planes: DataFrame) -> DataFrame:
    """Flights that arrived, each with the hour's weather at its origin and its plane where known."""
    arrived = flights.where(col("arr_delay").isNotNull()).select(
        "carrier",
        "origin",
        "dest",
        "tailnum",
        "time_hour",
        col("month").cast("int"),
        dayofweek(to_date("time_hour")).alias("weekday"),
        *[col(name).cast("double") for name in NUMBERS],
    )
    hourly = weather.select("origin", "time_hour", *[col(name).cast("double") for name in WEATHER])
    built = planes.select(
        "tailnum",
        (lit(2013) - col("year").cast("int")).alias("plane_age"),
        col("seats").cast("int"),
        col("engine"),
    )
    joined = arrived.join(hourly.dropDuplicates(["origin", "time_hour"]), ["origin", "time_hour"], "left")
    return joined.join(broadcast(built), "tailnum", "left").drop("tailnum", "time_hour")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--raw", required=True, help="folder of flights.csv, weather.csv and planes.csv")
    parser.add_argument("--features", required=True, help="folder for the joined table, as Parquet")
    options = parser.parse_args()
    spark = SparkSession.builder.appName("flight-features").getOrCreate()
    raw = options.raw.rstrip("/")
    features = join(*(table(spark, raw, name) for name in ("flights", "weather", "planes")))
    features.write.mode("overwrite").parquet(options.features)
    written = spark.read.parquet(options.features)
    print(f"{written.count()} flights with {len(written.columns)} columns -> {options.features}")
    spark.stop()


if __name__ == "__main__":
    main()
