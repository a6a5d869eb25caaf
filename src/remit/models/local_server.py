"""The process that hosts the local model: `python -m remit.models.local_server`, started by `local_process`.

It reads one JSON line from stdin (what to load), answers one on stdout (where it listens, or why not), and then
lives until stdin ends, which happens whenever its parent does, however that dies. The C++ server inside listens
on loopback and asks for the key that the first line carried.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import xllamacpp  # type: ignore[import-untyped,unused-ignore]


def parameters(wanted: dict[str, Any]) -> Any:
    """The C++ server's settings. `wanted`: model, context, threads, batch_threads, key, states, cache_mib."""
    params = xllamacpp.CommonParams()
    params.model.path = wanted["model"]
    params.n_ctx = wanted["context"]
    params.n_parallel = 1  # one sequence owns all cores; the server queues the rest
    params.n_gpu_layers = 0
    params.cpuparams.n_threads = wanted["threads"]
    params.cpuparams_batch.n_threads = wanted["batch_threads"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [wanted["key"]]
    params.slot_save_path = os.path.join(wanted["states"], "")
    params.cache_ram_mib = wanted["cache_mib"]  # prefixes of other runs, so that runs may alternate
    params.ui = False
    params.verbosity = 1  # errors, which the parent repeats
    return params


def main() -> None:
    # The library writes to stdout; the protocol keeps the real one for itself.
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    wanted = json.loads(sys.stdin.readline())
    try:
        server = xllamacpp.Server(parameters(wanted))
    except RuntimeError as error:
        print(json.dumps({"error": str(error)}), file=answer, flush=True)
        os._exit(1)
    print(json.dumps({"url": server.listening_address}), file=answer, flush=True)
    while sys.stdin.read(4096):
        pass
    os._exit(0)  # a request may be running: it has nobody left to answer


if __name__ == "__main__":
    main()
