"""Plugins in Python and the answer: header_filter and body_filter, which withhold it until they have spoken."""

from fastgate._core.snapshot.plugin cimport plugin_t


# Behind python_build: which of the two hooks the plugin's class defines.
cdef void python_answer_build(plugin_t *plugin, bint has_header_filter, bint has_body_filter) noexcept nogil
