"""What surrounds the accelerator on a board: UART, watchdog, lights, clock and pins.

:class:`~.top.Top` is all of it but for clock and pins, and is what the simulation of a board runs.
"""
