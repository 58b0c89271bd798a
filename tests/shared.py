"""Where the reference material lies, if it does: beside the repository, never inside."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="reference material (../shared) is not at hand")
