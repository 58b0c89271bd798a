"""``python -m hwsim.cli``."""

import sys

from hwsim.cli.main import main

sys.exit(main())
