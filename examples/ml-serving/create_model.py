"""Train the model and write the file that the servers load.

    python create_model.py [FILE]

The data are synthetic and the seed is fixed: the same versions of the libraries write a model
that predicts the same.
"""

from __future__ import annotations

import sys
from pathlib import Path

import joblib
from sklearn.datasets import make_regression
from sklearn.ensemble import RandomForestRegressor

FILE = Path(__file__).with_name("model.joblib")

TREES = 100
SEED = 7


def create(file: Path = FILE) -> None:
    """Write a forest for ten features, of about 1 MB, to ``file``."""
    from serving.schemas import FEATURES

    samples, target = make_regression(400, FEATURES, noise=0.5, random_state=SEED)
    forest = RandomForestRegressor(TREES, random_state=SEED).fit(samples, target)
    joblib.dump(forest, file, compress=3)


if __name__ == "__main__":
    create(Path(sys.argv[1]) if len(sys.argv) > 1 else FILE)
