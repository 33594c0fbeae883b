"""Well-known targets of scanners: files left lying about, and the doors of much attacked software.

A plain comparison at each "/" of the first segments: what a client sends can't make it dear.
"""

from libc.string cimport strlen

from fastgate._core.base.span cimport span_ieq, span_of, span_text


cdef enum:
    N_PROBES = 24
    MOST_SEGMENTS = 16

# Begins of what stands behind a "/".
cdef const char *PROBES[N_PROBES]
PROBES[:] = [
    b".aws/", b".env", b".git/", b".hg/", b".htaccess", b".htpasswd", b".ssh/", b".svn/", b".vscode/", b"_ignition/",
    b"actuator/env", b"boaform/", b"cgi-bin/", b"etc/passwd", b"hnap1", b"manager/html", b"phpinfo.php", b"phpmyadmin",
    b"server-status", b"solr/admin", b"vendor/phpunit", b"wp-admin", b"wp-login.php", b"xmlrpc.php",
]


cdef bint _begins_probe(const char *at, size_t left) noexcept nogil:
    cdef unsigned i
    cdef size_t length
    for i in range(<unsigned>N_PROBES):
        length = strlen(PROBES[i])
        if length <= left and span_ieq(span_of(at, length), span_text(PROBES[i])):
            return True
    return False


cdef bint probe_paths_has(span_t path) noexcept nogil:
    cdef unsigned segments = 0
    cdef size_t i
    for i in range(path.len):
        if path.at[i] != c'/':
            continue
        if _begins_probe(path.at + i + 1, path.len - i - 1):
            return True
        segments += 1
        if segments == MOST_SEGMENTS:
            return False
    return False
