"""How a piece of work is measured: fair timing, stages of compilation, memory, cold starts, what else runs."""
