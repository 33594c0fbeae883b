"""The `fastgate` command: arguments → calls → exit code. It prints, and decides nothing.

One module per command, each with `HELP`, `DESCRIPTION`, `EXAMPLES`, `add_arguments(parser)` and `run(args) -> int`.
They import what they call inside `run`: `--help` and `version` load neither asyncio nor the core.
"""
