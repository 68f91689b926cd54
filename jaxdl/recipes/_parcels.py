"""Parcels of a made-up post, drawn from a known rule: an example of a table with everything that tables have."""

import csv
import io
from datetime import date, timedelta

import numpy as np

TARGET = "late"

_CARRIERS = ("Alder", "Birch", "Cedar")
_WEATHER = ("sun", "rain", "snow")
_HARMLESS = ("leave at the front door", "ring the bell twice", "the neighbor takes it too", "office hours only")
_SLOW = ("no lift and many stairs", "gate code is missing here", "address is hard to find")


def table(n: int = 800, seed: int = 0) -> str:
    """The text of a CSV file with n parcels; whether one comes late depends on all columns but the first.

    >>> print("".join(table(2).splitlines(keepends=True)[:1]), end="")
    parcel,sent,distance_km,weight_kg,carrier,weather,note,late
    """
    draw = np.random.default_rng(seed)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["parcel", "sent", "distance_km", "weight_kg", "carrier", "weather", "note", TARGET])
    for i in range(n):
        sent = date(2024, 1, 1) + timedelta(days=int(draw.integers(365)))
        distance, weight = draw.gamma(3.0, 60.0), draw.gamma(2.0, 1.5)
        carrier, weather, slow = int(draw.integers(3)), int(draw.choice(3, p=(0.6, 0.3, 0.1))), draw.random() < 0.3
        note = f"{draw.choice(_SLOW if slow else _HARMLESS)}, floor {draw.integers(1, 30)}"
        score = (distance - 180) / 60 + weight / 3 - 1 + (-1.5, 0.0, 1.0)[carrier] + (-1.0, 1.0, 3.0)[weather]
        score += 3.0 * slow + 2.0 * (sent.weekday() >= 5) - 1.5
        late = "yes" if draw.random() < 1 / (1 + np.exp(-1.5 * score)) else "no"
        known = [f"{distance:.0f}" if draw.random() > 0.05 else "", f"{weight:.1f}" if draw.random() > 0.1 else ""]
        place = _WEATHER[weather] if draw.random() > 0.03 else ""
        writer.writerow([f"P{i:04d}", sent.isoformat(), *known, _CARRIERS[carrier], place, note, late])
    return file.getvalue()
