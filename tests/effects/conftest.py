"""The simulations are benchmarks/evidence.py's, at a smaller size."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
