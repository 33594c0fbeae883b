"""business-hours: lets requests through while the office is open, and says when it opens otherwise.

    plugins:
    - name: business-hours
      config: {opens: 8, closes: 18, days: [0, 1, 2, 3, 4]}
"""

from datetime import datetime
from typing import Annotated

from fastgate import Context, Plugin, Response
from fastgate.sdk import Between


class BusinessHours(Plugin):
    name = "business-hours"
    version = "1.0.0"
    priority = 940          # behind authentication, before limits

    class Config:
        opens: Annotated[int, Between(0, 23)] = 8
        closes: Annotated[int, Between(1, 24)] = 18
        days: list[int] = [0, 1, 2, 3, 4]           # Monday is 0
        allow: list[str] = []                       # consumers who may always

        def __post_init__(self) -> None:
            if self.opens >= self.closes:
                raise ValueError("opens must be before closes")

    async def access(self, context: Context, config: Config) -> Response | None:
        now = datetime.now()
        consumer = context.consumer
        if consumer is not None and consumer.username in config.allow:
            return None
        if now.weekday() in config.days and config.opens <= now.hour < config.closes:
            context.request.set_header("X-Office", "open")
            return None
        context.log.info("%s %s came at %d o'clock", context.request.method, context.request.path, now.hour)
        return Response(403, message=f"We open at {config.opens}", headers={"Retry-After": "3600"})
