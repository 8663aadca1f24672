"""Every figure that the README shows is measured by a command here: ``python -m benchmarks --help``."""
