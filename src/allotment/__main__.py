"""`python -m allotment`: the command `allot`."""

from allotment.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
