"""Connections that the gateway itself makes, beside those of requests: on the control loop, never on a reactor."""
