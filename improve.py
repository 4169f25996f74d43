"""Improve a finished run by acting. The config is in conf/; `python improve.py --help` lists it."""

from mtl.cli.application import command
from mtl.cli.improve import main

if __name__ == "__main__":
    command(main, "improve")
