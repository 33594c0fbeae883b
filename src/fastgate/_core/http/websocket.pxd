"""WebSocket opening handshakes, checked on both sides (RFC 6455 section 4)."""

from fastgate._core.http.message cimport message_t


cdef unsigned websocket_check_request(const message_t *request) noexcept nogil     # 0: fine; else the status to refuse with
cdef bint websocket_check_answer(const message_t *request, const message_t *answer) noexcept nogil
