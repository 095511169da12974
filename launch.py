"""The command line: python launch.py [VERB] [--config FILE] [--workdir DIR] [--FIELD=VALUE ...], as `jaxflow`."""

import sys

try:
    from jaxflow.commands.start import main
except KeyboardInterrupt:  # before anything listens for signals
    from jaxflow.runtime.signals import NUMBERS, end

    end(NUMBERS[0], sys.argv[1:])

if __name__ == "__main__":
    sys.exit(main())
