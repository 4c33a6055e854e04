"""The console script that a user runs."""

import sys
from pathlib import Path

UNLEAK = Path(sys.executable).with_name("unleak")
