"""Let a trained run act. The config is in conf/; `python execute.py --help` lists it."""

from mtl.config.signals import interrupt_ends_at_once

with interrupt_ends_at_once():
    from mtl.cli.application import command
    from mtl.cli.execute import main

if __name__ == "__main__":
    command(main, "execute")
