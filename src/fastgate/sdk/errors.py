"""What goes wrong between a plugin and the gateway."""


class PluginError(Exception):
    """A plugin breaks the contract; the message says how, and what to do."""


class PhaseError(PluginError):
    """Something was asked for in a phase which does not have it."""
