"""Serves the model: ``accelerate launch ... inference_api.py --pipeline=text-generation``."""

import sys

from serving.program import main

if __name__ == "__main__":
    sys.exit(main())
