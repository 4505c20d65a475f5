"""``python -m stillframe`` is the program ``stillframe``."""

import sys

from stillframe.cli import main

sys.exit(main())
