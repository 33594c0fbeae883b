"""Well-known robots by name: crawlers of search engines, previews, archives, monitors, scrapers.

A plain comparison of words: it takes no more than a step per byte and name, whatever a client sends.
"""

from libc.string cimport strlen

from fastgate._core.base.span cimport ascii_lower


cdef enum:
    N_NAMES = 48
    N_KINDS = 3
    N_LETTERS = 26

# In lower case, sorted. A word that begins so is theirs ("Googlebot-Image").
cdef const char *NAMES[N_NAMES]
NAMES[:] = [
    b"adsbot-google", b"ahrefsbot", b"amazonbot", b"apis-google", b"applebot", b"archive.org_bot", b"baiduspider", b"bingbot",
    b"bingpreview", b"blexbot", b"bytespider", b"ccbot", b"claudebot", b"dataforseobot", b"discordbot", b"dotbot",
    b"duckduckbot", b"embedly", b"exabot", b"facebookexternalhit", b"facebot", b"feedfetcher-google", b"googlebot", b"gptbot",
    b"grapeshot", b"heritrix", b"ia_archiver", b"linkedinbot", b"mediapartners-google", b"mj12bot", b"msnbot", b"nutch",
    b"petalbot", b"pingdom.com_bot", b"pinterestbot", b"rogerbot", b"scrapy", b"screaming frog", b"semrushbot", b"seznambot",
    b"slackbot", b"slurp", b"sogou", b"telegrambot", b"twitterbot", b"uptimerobot", b"yandexbot", b"yeti/",
]
cdef const char *KINDS[N_KINDS]
KINDS[:] = [b"bot/", b"spider/", b"crawler/"]
cdef unsigned STARTS[N_LETTERS + 1]     # where in NAMES those with this letter begin; N_NAMES behind the last


cdef void _index() noexcept nogil:
    cdef unsigned letter, at = 0
    for letter in range(<unsigned>(N_LETTERS + 1)):
        while at < <unsigned>N_NAMES and <unsigned>(NAMES[at][0] - c'a') < letter:
            at += 1
        STARTS[letter] = at


_index()


cdef inline bint _is_letter(char c) noexcept nogil:
    return c'a' <= ascii_lower(c) <= c'z'


cdef inline bint _is_digit(char c) noexcept nogil:
    return c'0' <= c <= c'9'


cdef bint _begins(span_t text, size_t at, const char *with_what) noexcept nogil:
    cdef size_t k = 0
    while with_what[k] != 0:
        if at + k == text.len or ascii_lower(text.at[at + k]) != with_what[k]:
            return False
        k += 1
    return True


cdef bint _is_kind(span_t text, size_t at) noexcept nogil:
    """At `at` ends a word, before it a slash and a version: "bot/2"."""
    cdef size_t len
    cdef unsigned i
    for i in range(<unsigned>N_KINDS):
        len = strlen(KINDS[i])
        if at + 1 >= len and at + 1 < text.len and _is_digit(text.at[at + 1]) and _begins(text, at + 1 - len, KINDS[i]):
            return True
    return False


cdef bint bot_names_has(span_t user_agent) noexcept nogil:
    cdef size_t at
    cdef unsigned i, letter
    cdef bint was_letter = False
    cdef char c
    for at in range(user_agent.len):
        c = user_agent.at[at]
        if not was_letter and _is_letter(c):
            letter = <unsigned>(ascii_lower(c) - c'a')
            for i in range(STARTS[letter], STARTS[letter + 1]):
                if _begins(user_agent, at, NAMES[i]):
                    return True
        elif c == c'/' and _is_kind(user_agent, at):
            return True
        was_letter = _is_letter(c)
    return False
