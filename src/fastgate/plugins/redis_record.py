"""The `redis` record that configurations of several plugins hold: the one of `gateway:`."""

from fastgate.config.redis_record import FIELDS, REDIS, is_somewhere

__all__ = ["FIELDS", "REDIS", "is_somewhere"]
