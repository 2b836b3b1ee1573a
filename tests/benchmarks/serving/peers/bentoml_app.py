"""One LightGBM model as a BentoML service; ``BENCH_MODEL`` names its text."""

import os

import bentoml
import lightgbm as lgb
import numpy as np


@bentoml.service(workers=1)
class Scorer:
    def __init__(self) -> None:
        self.booster = lgb.Booster(model_file=os.environ["BENCH_MODEL"])

    @bentoml.api
    def predict(self, rows: list[list[float]]) -> list[float]:
        return self.booster.predict(np.array(rows), num_threads=1).tolist()
