"""Serve a GGUF file with xllamacpp's OpenAI-compatible server until told to stop.

Run by path in the light teacher's environment: `python serve_gguf.py FILE.gguf NAME PORT CORES`.
"""

import signal
import sys

import xllamacpp

SLOTS = 16
CONTEXT = 4096

path, name, port, cores = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
params = xllamacpp.CommonParams()
params.model.path = path
params.model_alias = {name}
params.hostnames = ["127.0.0.1"]
params.port = port
params.n_parallel = SLOTS
params.n_ctx = SLOTS * CONTEXT
params.cpuparams.n_threads = cores
params.cpuparams_batch.n_threads = cores
params.endpoint_metrics = True
params.ui = False
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
server = xllamacpp.Server(params)
print(f"serving {name} at {server.listening_address}", flush=True)
signal.sigwait({signal.SIGINT, signal.SIGTERM})
