"""``python -m sessiondata`` is the command line."""

import sys

from sessiondata.cli.command import main

if __name__ == "__main__":
    sys.exit(main())
