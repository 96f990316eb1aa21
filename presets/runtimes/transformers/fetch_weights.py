"""Bring weights from Hugging Face; ``--help`` says how."""

import sys

from hub.program import main

if __name__ == "__main__":
    sys.exit(main())
