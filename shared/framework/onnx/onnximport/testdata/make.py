"""Writes small models by the exporters that people use, and what the libraries
that trained them say of some records:

    pip install scikit-learn skl2onnx onnxmltools xgboost lightgbm
    python make.py

Each NAME.onnx comes with NAME.json: the inputs of some records and the outputs.
"""

import json

import numpy as np
from lightgbm import LGBMClassifier, LGBMRegressor
from onnxmltools import convert_lightgbm, convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as MLFloat
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from xgboost import XGBClassifier, XGBRegressor

iris, diabetes = load_iris(), load_diabetes()
X, y = iris.data.astype(np.float32), iris.target
D, d = diabetes.data.astype(np.float32), diabetes.target
some, few = X[::15], D[::50]
plain = {"zipmap": False}


def write(name, model, inputs, outputs):
    with open(name + ".onnx", "wb") as f:
        f.write(model if isinstance(model, bytes) else model.SerializeToString())
    if not outputs:
        return
    with open(name + ".json", "w") as f:
        # Each output as a list of records, nested as its shape is.
        json.dump({"inputs": {k: np.asarray(v).tolist() for k, v in inputs.items()},
                   "outputs": {k: np.asarray(v).tolist() for k, v in outputs.items()}}, f)


def classifier(name, model, labels=y, options=plain, opset=17):
    model.fit(X, labels)
    onx = to_onnx(model, X[:1], options=options, target_opset={"": opset, "ai.onnx.ml": 3})
    out = {"probabilities": model.predict_proba(some)}
    names = [o.name for o in onx.graph.output]
    if labels is y:
        out[names[0]] = model.predict(some)
    write(name, onx, {"X": some}, out)


classifier("logistic", LogisticRegression(max_iter=300))
classifier("forest", RandomForestClassifier(5, max_depth=4, random_state=1), opset=20)
classifier("boosting", GradientBoostingClassifier(n_estimators=5, max_depth=2, random_state=1))
classifier("svc", make_pipeline(StandardScaler(), SVC(probability=True, random_state=1)))
classifier("mlp", make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=500, random_state=1)))
classifier("neighbors", KNeighborsClassifier(3))
classifier("named_classes", LogisticRegression(max_iter=300), labels=iris.target_names[y])

names = LogisticRegression(max_iter=300).fit(X, y)
write("zipmap", to_onnx(names, X[:1], target_opset={"": 17, "ai.onnx.ml": 3}), {}, {})

line = LinearRegression().fit(D.astype(np.float64), d)
write("linear_float64", to_onnx(line, initial_types=[("X", DoubleTensorType([None, 10]))], target_opset={"": 15, "ai.onnx.ml": 2}),
      {"X": few.astype(np.float64)}, {"variable": line.predict(few.astype(np.float64))[:, None]})

odd = IsolationForest(n_estimators=2, max_samples=16, random_state=1).fit(X)
onx = to_onnx(odd, X[:1], target_opset={"": 17, "ai.onnx.ml": 3})
write("isolation", onx, {"X": some}, {"label": odd.predict(some)[:, None], "scores": odd.decision_function(some)[:, None]})

kinds = [("input", MLFloat([None, 4]))]
boost = XGBClassifier(n_estimators=5, max_depth=3, random_state=1).fit(X, y)
write("xgboost", convert_xgboost(boost, initial_types=kinds, target_opset=15), {"input": some},
      {"label": boost.predict(some), "probabilities": boost.predict_proba(some)})
boost = XGBRegressor(n_estimators=5, max_depth=3, random_state=1).fit(D, d)
write("xgboost_regressor", convert_xgboost(boost, initial_types=[("input", MLFloat([None, 10]))], target_opset=15), {"input": few},
      {"variable": boost.predict(few)[:, None]})

leaves = LGBMClassifier(n_estimators=5, num_leaves=5, random_state=1, verbose=-1).fit(X, y)
write("lightgbm", convert_lightgbm(leaves, initial_types=kinds, zipmap=False, target_opset=15), {"input": some},
      {"label": leaves.predict(some), "probabilities": leaves.predict_proba(some)})
leaves = LGBMRegressor(n_estimators=5, num_leaves=5, random_state=1, verbose=-1).fit(D, d)
write("lightgbm_regressor", convert_lightgbm(leaves, initial_types=[("input", MLFloat([None, 10]))], target_opset=15), {"input": few},
      {"variable": leaves.predict(few)[:, None]})
