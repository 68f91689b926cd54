"""The named peaks that model FLOPs utilization (MFU) is a share of: dense bfloat16 with float32 sums, no sparsity."""

from typing import NamedTuple

import jax.numpy as jnp

from benchmarks.measuring import timing


class Peak(NamedTuple):
    """FLOP/s, and where the number comes from."""

    flops_per_s: float
    name: str


TFLOPS = (  # beginning of the device's name -> TFLOP/s in NVIDIA's data sheet; the longer names come first
    ("NVIDIA H100 PCIe", 756.0),
    ("NVIDIA H100 NVL", 835.0),
    ("NVIDIA H100", 989.4),
    ("NVIDIA H200", 989.4),
    ("NVIDIA A100", 312.0),
    ("NVIDIA L40S", 362.05),
    ("NVIDIA L4", 121.0),
    ("NVIDIA GeForce RTX 4090", 165.2),
)


def peak_of(hardware: str, *, side: int = 8192) -> Peak:
    """The data sheet's peak; of a device that is not in the table what a large product reaches just now.

    >>> peak_of("NVIDIA H100 80GB HBM3")
    Peak(flops_per_s=989400000000000.0, name='989.4 TFLOP/s dense bf16, data sheet of NVIDIA H100')
    """
    for name, tflops in TFLOPS:
        if hardware.startswith(name):
            return Peak(tflops * 1e12, f"{tflops} TFLOP/s dense bf16, data sheet of {name}")
    measured = timing.matmul_peak(side, dtype=jnp.bfloat16)
    return Peak(measured, f"{measured / 1e12:.3g} TFLOP/s, a measured bf16 product of side {side}")
