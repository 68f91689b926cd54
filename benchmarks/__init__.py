"""How fast jaxdl is on this machine, beside its peers: `python -m benchmarks`."""
