# SPDX-License-Identifier: Apache-2.0
"""Learn how late a flight arrives from what is known when it leaves the gate.

The last month is held out: no flight of it is trained on, and the figures are those of that month.
The baseline says that a flight arrives as late as it left; a model must beat that to be of use.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import joblib
import mlflow
import pandas as pd
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.metrics import mean_absolute_error, root_mean_squared_error
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

LABEL = "arr_delay"
HELD_OUT_MONTH = 12


def split(flights: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train and held-out flights; the month itself is not a feature."""
    held_out = flights["month"] == HELD_OUT_MONTH
    rest = flights.drop(columns="month")
    return rest[~held_out], rest[held_out]


def model(flights: pd.DataFrame, iterations: int) -> Pipeline:
    """Boosted trees that minimise the absolute error; names become codes, unknown ones stay missing."""
    names = list(flights.drop(columns=LABEL).select_dtypes(exclude="number").columns)
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=float("nan"))
    encode = ColumnTransformer([("names", codes, names)], remainder="passthrough")
    trees = HistGradientBoostingRegressor(
        loss="absolute_error", max_iter=iterations, learning_rate=0.15, random_state=0
    )
    return make_pipeline(encode, trees)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--features", type=Path, required=True, help="folder of Parquet files")
    parser.add_argument("--model", type=Path, required=True, help="folder for the trained model")
    parser.add_argument("--iterations", type=int, default=120, help="how many trees")
    options = parser.parse_args()
    print(f"pandas {pd.__version__}, scikit-learn {sklearn.__version__}", flush=True)

    train, held_out = split(pd.read_parquet(options.features))
    print(f"{len(train)} flights to learn from, {len(held_out)} held out", flush=True)
    fitted = model(train, options.iterations).fit(train.drop(columns=LABEL), train[LABEL])
    predicted = fitted.predict(held_out.drop(columns=LABEL))
    metrics = {
        "mae_minutes": mean_absolute_error(held_out[LABEL], predicted),
        "rmse_minutes": root_mean_squared_error(held_out[LABEL], predicted),
        "baseline_mae_minutes": mean_absolute_error(held_out[LABEL], held_out["dep_delay"]),
        "held_out_flights": len(held_out),
    }
    mlflow.log_params({"iterations": options.iterations, "held_out_month": HELD_OUT_MONTH})
    mlflow.log_metrics(metrics)
    for name, value in metrics.items():
        print(f"{name} {value:.3f}", flush=True)

    options.model.mkdir(parents=True, exist_ok=True)
    joblib.dump(fitted, options.model / "model.joblib")


if __name__ == "__main__":
    main()
