"""Train an adapter; ``--help`` says how."""

import sys

from training.program import main

if __name__ == "__main__":
    sys.exit(main())
