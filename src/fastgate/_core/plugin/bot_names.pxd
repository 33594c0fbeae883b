"""Programs that say in User-Agent that they are robots."""

from fastgate._core.base.span cimport span_t


# Whether a word of it is a known robot's name, or calls itself a bot, spider or crawler with a version ("xbot/2").
cdef bint bot_names_has(span_t user_agent) noexcept nogil
