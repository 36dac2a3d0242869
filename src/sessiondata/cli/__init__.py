"""The command line."""

from sessiondata.cli.command import main as main
