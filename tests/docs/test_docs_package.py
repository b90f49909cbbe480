"""What a built wheel carries beside the code: the licence, and that the package is typed."""

import subprocess
import sys
import zipfile
from pathlib import Path

from test_docs_api import ROOT


def test_a_wheel_has_its_licence_and_its_types(tmp_path: Path) -> None:
    build = "from hatchling.build import build_wheel; import sys; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        names = wheel.namelist()
        info = next(name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = wheel.read(info).decode()
        licence = wheel.read(info.replace("METADATA", "licenses/LICENSE")).decode()
    assert "nas/py.typed" in names
    assert "License-Expression: Apache-2.0" in metadata
    assert licence == (ROOT / "LICENSE").read_text()
    assert "Version 2.0, January 2004" in licence
