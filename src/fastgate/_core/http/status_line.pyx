"""Reason phrases, for answers without an upstream's own: IANA's registry of status codes."""


cdef const char *reason_phrase(unsigned status) noexcept nogil:
    if status == 200:
        return b"OK"
    if status == 201:
        return b"Created"
    if status == 202:
        return b"Accepted"
    if status == 203:
        return b"Non-Authoritative Information"
    if status == 204:
        return b"No Content"
    if status == 205:
        return b"Reset Content"
    if status == 206:
        return b"Partial Content"
    if status == 207:
        return b"Multi-Status"
    if status == 208:
        return b"Already Reported"
    if status == 226:
        return b"IM Used"
    if status == 300:
        return b"Multiple Choices"
    if status == 301:
        return b"Moved Permanently"
    if status == 302:
        return b"Found"
    if status == 303:
        return b"See Other"
    if status == 304:
        return b"Not Modified"
    if status == 305:
        return b"Use Proxy"
    if status == 307:
        return b"Temporary Redirect"
    if status == 308:
        return b"Permanent Redirect"
    if status == 400:
        return b"Bad Request"
    if status == 401:
        return b"Unauthorized"
    if status == 402:
        return b"Payment Required"
    if status == 403:
        return b"Forbidden"
    if status == 404:
        return b"Not Found"
    if status == 405:
        return b"Method Not Allowed"
    if status == 406:
        return b"Not Acceptable"
    if status == 407:
        return b"Proxy Authentication Required"
    if status == 408:
        return b"Request Timeout"
    if status == 409:
        return b"Conflict"
    if status == 410:
        return b"Gone"
    if status == 411:
        return b"Length Required"
    if status == 412:
        return b"Precondition Failed"
    if status == 413:
        return b"Content Too Large"
    if status == 414:
        return b"URI Too Long"
    if status == 415:
        return b"Unsupported Media Type"
    if status == 416:
        return b"Range Not Satisfiable"
    if status == 417:
        return b"Expectation Failed"
    if status == 421:
        return b"Misdirected Request"
    if status == 422:
        return b"Unprocessable Content"
    if status == 423:
        return b"Locked"
    if status == 424:
        return b"Failed Dependency"
    if status == 425:
        return b"Too Early"
    if status == 426:
        return b"Upgrade Required"
    if status == 428:
        return b"Precondition Required"
    if status == 429:
        return b"Too Many Requests"
    if status == 431:
        return b"Request Header Fields Too Large"
    if status == 451:
        return b"Unavailable For Legal Reasons"
    if status == 500:
        return b"Internal Server Error"
    if status == 501:
        return b"Not Implemented"
    if status == 502:
        return b"Bad Gateway"
    if status == 503:
        return b"Service Unavailable"
    if status == 504:
        return b"Gateway Timeout"
    if status == 505:
        return b"HTTP Version Not Supported"
    if status == 506:
        return b"Variant Also Negotiates"
    if status == 507:
        return b"Insufficient Storage"
    if status == 508:
        return b"Loop Detected"
    if status == 510:
        return b"Not Extended"
    if status == 511:
        return b"Network Authentication Required"
    return b""
