"""Return values of the data plane.

Three families, nothing else:
  * `status_t`: zero or positive is progress, negative is failure;
  * a pointer: NULL means "none" or "no memory", as its declaration says;
  * a count or size, never negative; or a bint.
"""


cdef enum status_t:
    OK = 0
    AGAIN = 1           # not done, call again when more input or room is there
    DONE = 2            # finished, and nothing more will come
    FAILED = -1
    NO_MEMORY = -2
    MALFORMED = -3      # the peer sent what the grammar forbids
    TOO_LARGE = -4      # a configured limit was exceeded
    CLOSED = -5         # the peer is gone
