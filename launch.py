"""The command line: python launch.py [VERB] [--config FILE] [--workdir DIR] [--FIELD=VALUE ...], as `jaxflow`."""

import sys

from jaxflow.commands.start import main

if __name__ == "__main__":
    sys.exit(main())
