"""ASGI applications in the gateway's process, each served by uvicorn on a thread of its own.

Reading order: find (from a name to the application), server (its thread, start and end),
entrance (what it is told of a request). Nothing here is imported unless a configuration has one.
"""
