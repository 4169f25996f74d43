"""Train one run, or with -m a sweep. The config is in conf/; `python train.py --help` lists it."""

from mtl.config.signals import interrupt_ends_at_once

with interrupt_ends_at_once():
    from mtl.cli.application import command
    from mtl.cli.train import main

if __name__ == "__main__":
    command(main, "config")
