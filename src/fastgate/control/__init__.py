"""The control plane: one event loop on the main thread that starts the reactors, publishes
snapshots to them, listens to signals, systemd and the control socket, and ends it all in order.

Reading order: run → data_plane → listeners → lifecycle → reload → drain; the rest is called by these.
"""
