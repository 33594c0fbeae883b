"""What goes wrong between a plugin and the gateway."""


class PluginError(Exception):
    """A plugin breaks the contract; the message says how, and what to do."""


class PhaseError(PluginError):
    """Something was asked for in a phase which does not have it."""


class Unavailable(PluginError):
    """To be raised by a hook that can't do its work because something it needs is away: the request is answered with 503,
    or goes on with `on_error: continue`. Counted and logged; it turns no phase off."""
