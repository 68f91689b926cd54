"""All that is measured on a GPU, by one unattended command: `python -m benchmarks gpu`; README.md in benchmarks."""
