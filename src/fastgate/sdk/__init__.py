"""What a plugin's author touches, and nothing else of the gateway.

`Plugin` is the base class; see docs/plugins.md. Everything named here keeps its meaning within a major version.
"""

from fastgate.clients.http import HttpAnswer, HttpClient, HttpError

from .context import Context
from .entities import Consumer, Outcome, Route, Service
from .errors import PhaseError, PluginError
from .metrics import Counter, Gauge, Histogram, Metrics
from .plugin import Contract, Plugin
from .request import Request
from .response import Response
from .schema import Between, Matches
from .store import Store
from .tools import Tools

__all__ = ["Between", "Consumer", "Context", "Contract", "Counter", "Gauge", "Histogram", "HttpAnswer", "HttpClient",
           "HttpError", "Matches", "Metrics", "Outcome", "PhaseError", "Plugin", "PluginError", "Request", "Response", "Route",
           "Service", "Store", "Tools"]
