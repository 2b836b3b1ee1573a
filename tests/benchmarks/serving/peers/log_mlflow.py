"""Save a LightGBM model the way MLflow's own guide does, with a signature: TEXT ROWS OUT."""

import sys

import lightgbm as lgb
import mlflow.lightgbm
import numpy as np
import pandas as pd
from mlflow.models import infer_signature

text, rows, out = sys.argv[1:]
booster = lgb.Booster(model_file=text)
frame = pd.DataFrame(np.load(rows), columns=booster.feature_name())
signature = infer_signature(frame, booster.predict(frame))
mlflow.lightgbm.save_model(booster, out, signature=signature)
