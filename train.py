"""Train one run, or with -m a sweep. The config is in conf/; `python train.py --help` lists it."""

from mtl.cli.application import command
from mtl.cli.train import main

if __name__ == "__main__":
    command(main, "config")
