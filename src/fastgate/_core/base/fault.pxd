"""What went wrong with a try at an upstream: which kind, and on whose account it may be tried again."""


cdef enum fault_t:
    FAULT_NONE = 0
    FAULT_NO_PEER               # the balancer had nobody (left) to offer
    FAULT_NO_RESOURCES          # no descriptor or memory for a connection: nothing was sent
    FAULT_CONNECT               # refused or unreachable: nothing was sent
    FAULT_CONNECT_TIMEOUT       # nothing was sent
    FAULT_RESET                 # RST, or a write failed, before any byte of an answer
    FAULT_CLOSED                # FIN before any byte of an answer
    FAULT_TIMEOUT               # sent, and no answer in time
    FAULT_MALFORMED             # the answer is not HTTP, or not one we may pass on
