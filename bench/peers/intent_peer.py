"""scikit-learn on the same vectors: logistic regression, as SetFit's head and most tutorials have it. In an environment of its own.

Usage: intent_peer.py FILE.npz     arrays: vectors, wanted (of the examples), asked; prints what it says of each, and how surely
"""

import json
import sys
import time

import numpy as np
from sklearn.linear_model import LogisticRegression  # type: ignore[import-not-found]


def main(path: str) -> None:
    given = np.load(path)
    start = time.process_time()
    by = LogisticRegression(max_iter=1000).fit(given["vectors"], given["wanted"])
    chances = by.predict_proba(given["asked"])
    told = [str(by.classes_[n]) for n in chances.argmax(axis=1)]
    print(
        json.dumps({"told": told, "sure": chances.max(axis=1).tolist(), "cpu": time.process_time() - start})
    )


main(sys.argv[1])
