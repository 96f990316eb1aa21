"""``python -m hooks.cli``: the command line without an installed script."""

from hooks.cli import main

if __name__ == "__main__":
    main()
