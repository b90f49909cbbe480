"""What an interpreter has imported."""

import subprocess
import sys
from pathlib import Path


def loaded_by(code: str, cwd: Path | None = None) -> set[str]:
    """The modules that a process of its own has loaded once some code has run."""
    program = f"import sys\n{code}\nprint()\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())
