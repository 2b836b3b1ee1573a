"""The least that a hand-written service does: FastAPI, one model text, no checks.

``BENCH_MODEL`` names the model; ``/predict`` answers probabilities, ``/contrib`` SHAP values.
"""

import os

import lightgbm as lgb
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
booster = lgb.Booster(model_file=os.environ["BENCH_MODEL"])


class Rows(BaseModel):
    rows: list[list[float]]


@app.post("/predict")
async def predict(body: Rows) -> list[float]:
    return booster.predict(np.array(body.rows), num_threads=1).tolist()


@app.post("/contrib")
async def contrib(body: Rows) -> list[list[float]]:
    return booster.predict(np.array(body.rows), pred_contrib=True, num_threads=1).tolist()
