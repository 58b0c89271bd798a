"""Follow README as a new user: its ten minutes, command by command, with an hwsim that is installed elsewhere. Arguments: hwsim, README."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

command, readme = sys.argv[1], Path(sys.argv[2])
text = readme.read_text(encoding="utf-8")
block = re.search(r"## Ten minutes.*?```sh\n(.*?)```", text, flags=re.DOTALL)
assert block
Path("examples").mkdir(exist_ok=True)
for study in (readme.parent / "examples").glob("*.yaml"):
    Path("examples", study.name).write_bytes(study.read_bytes())
for line in block[1].strip().splitlines():
    words = shlex.split(line, comments=True)
    start = time.perf_counter()
    done = subprocess.run([command, *words[1:]], capture_output=True, text=True, check=False)
    print(f"{time.perf_counter() - start:6.1f} s  {shlex.join(words)}")
    if done.returncode or "Traceback" in done.stderr:
        sys.exit(f"exit code {done.returncode}: {done.stderr}")
