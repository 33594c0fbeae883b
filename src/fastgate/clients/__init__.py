"""Connections that the gateway itself makes, apart from those to upstreams: to Redis, to HTTP services.

All of them work on the control loop; a library is imported when the first connection needs it.
"""
