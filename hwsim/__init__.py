"""hwsim: what a network costs on a piece of hardware, before either exists."""

from __future__ import annotations

__version__ = "0.1.0"
