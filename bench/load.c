/* The load: a closed loop of N connections, each with one request in flight, that counts
 * exactly. Every request begun is finished before the result is printed, so requests counted
 * here are requests the gateway served, and its CPU time divides by them.
 *
 * usage: load PORT [-c connections] [-t milliseconds] [-u path] [-n paths] [-b body bytes]
 *             [-C] [-g] [-i]
 *   -u   path; with -n N it holds one %05u and stands for N paths, asked for in a fixed
 *        shuffled order; -b  POST with a body of that size instead of GET
 *   -C   a new connection for every request, with Connection: close
 *   -g   the gateway may close kept-alive connections between requests (a reload): then
 *        connect again and send the request again, and count that instead of failing
 *   -i   idle: open all connections, one request on each (64 at a time), keep them open
 *
 * It warms up (two requests on each connection, none counted), prints "ready" and waits for
 * a line on standard input. Then it loads and prints one line of JSON; with -i it prints
 * how many connections the gateway closed meanwhile. Client addresses are 127.0.0.2 and up,
 * 16 of them, so that ports don't run out.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    EVENTS = 256,
    BUFFER_BYTES = 262144,
    HEAD_BYTES = 4096,
    ADDRESSES = 16,
    IDLE_AT_ONCE = 64,
    GRACE_MS = 10000, /* for the last answers */
    BUCKETS = 64 * 32 /* latency: 32 linear steps per power of two, 3 % */
};

struct request {
    char *bytes;
    size_t len;
};

struct connection {
    int fd;
    uint32_t number;
    struct request *request; /* in flight, NULL: none */
    size_t sent;
    uint64_t begun_ns;
    uint64_t body_left;
    int is_head_done;
    int is_closing; /* the response said so */
    int is_fresh;   /* nothing was answered on it yet */
    size_t head_len;
    char *head; /* start of a head that came in pieces: HEAD_BYTES, made when needed */
};

static struct {
    int port, connections, milliseconds, is_close, is_reload, is_idle;
    unsigned paths;
    size_t body;
    const char *header;         /* one more field of each request */
    const char *path;
} options = {.connections = 128, .milliseconds = 1000, .paths = 1, .path = "/"};

static struct {
    uint64_t requests, errors, lost, reconnects, bytes, latency[BUCKETS];
} counts;

static struct request *requests;
static struct connection *all;
static uint32_t next_path;
static int poller, n_active, is_stopping;
static uint64_t to_begin; /* requests left of a warm-up; UINT64_MAX while loading */

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static unsigned bucket_of(uint64_t ns)
{
    if (ns < 32)
        return (unsigned)ns;
    unsigned power = 63u - (unsigned)__builtin_clzll(ns);
    return (power - 4) * 32 + (unsigned)(ns >> (power - 5)) - 32;
}

static double bucket_us(unsigned i)
{
    return i < 32 ? i / 1e3 : (double)((uint64_t)(i % 32 + 32) << (i / 32 - 1)) / 1e3;
}

static double quantile_us(double q)
{
    uint64_t seen = 0, due = (uint64_t)((double)counts.requests * q);
    for (unsigned i = 0; i < BUCKETS; i++)
        if ((seen += counts.latency[i]) > due)
            return bucket_us(i);
    return 0;
}

static void requests_make(void)
{
    requests = calloc(options.paths, sizeof *requests);
    for (unsigned i = 0; i < options.paths; i++) {
        char path[256], head[1024];
        snprintf(path, sizeof path, options.path, i);
        int n = snprintf(head, sizeof head,
                         "%s %s HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: fastgate-bench\r\nAccept: */*\r\n%s",
                         options.body ? "POST" : "GET", path, options.is_close ? "Connection: close\r\n" : "");
        if (options.body)
            n += snprintf(head + n, sizeof head - (size_t)n,
                          "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\n", options.body);
        if (options.header)
            n += snprintf(head + n, sizeof head - (size_t)n, "%s\r\n", options.header);
        n += snprintf(head + n, sizeof head - (size_t)n, "\r\n");
        requests[i].len = (size_t)n + options.body;
        if (!(requests[i].bytes = malloc(requests[i].len)))
            die("load: request");
        memcpy(requests[i].bytes, head, (size_t)n);
        memset(requests[i].bytes + n, 'y', options.body);
    }
    for (unsigned i = options.paths; i > 1; i--) { /* shuffle, the same each time */
        unsigned j = (i * 2654435761u) % i;
        struct request swap = requests[i - 1];
        requests[i - 1] = requests[j];
        requests[j] = swap;
    }
}

static void watch(struct connection *c, int operation, unsigned events)
{
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (epoll_ctl(poller, operation, c->fd, &e))
        die("epoll_ctl");
}

static void connection_open(struct connection *c)
{
    int one = 1;
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + c->number % ADDRESSES);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((unsigned short)options.port);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0)
        die("load: socket");
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from))
        die("load: bind");
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to)) /* loopback: done at once or refused */
        die("load: connect");
    watch(c, EPOLL_CTL_ADD, EPOLLIN);
    c->is_fresh = 1;
    c->is_closing = 0;
}

static void response_expect(struct connection *c)
{
    c->is_head_done = 0;
    c->head_len = 0;
    c->body_left = 0;
}

/* Sends what is left. A peer that is gone shows when reading. */
static void request_send(struct connection *c)
{
    int was_waiting = c->sent > 0;
    ssize_t sent = send(c->fd, c->request->bytes + c->sent, c->request->len - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    c->sent += sent > 0 ? (size_t)sent : 0;
    if (c->sent < c->request->len) {
        if (sent >= 0 || errno == EAGAIN)
            watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    } else if (was_waiting) {
        watch(c, EPOLL_CTL_MOD, EPOLLIN);
    }
}

static void request_begin(struct connection *c)
{
    c->request = NULL;
    if (is_stopping || !to_begin)
        return;
    if (to_begin != UINT64_MAX)
        to_begin--;
    n_active++;
    if (c->fd < 0)
        connection_open(c);
    c->request = &requests[next_path++ % options.paths];
    c->sent = 0;
    c->begun_ns = now_ns();
    response_expect(c);
    request_send(c);
}

static void request_end(struct connection *c, int is_good)
{
    n_active--;
    counts.latency[bucket_of(now_ns() - c->begun_ns)]++;
    if (is_good)
        counts.requests++;
    else
        counts.errors++;
    c->is_fresh = 0;
    c->request = NULL;
    if (!is_good || c->is_closing) {
        close(c->fd);
        c->fd = -1;
        if (!options.is_close)
            counts.reconnects++;
    }
    request_begin(c);
}

static void on_closed(struct connection *c)
{
    int is_good = c->request && c->is_head_done && !c->body_left;
    if (c->request && !is_good && options.is_reload && !c->is_fresh && !c->is_head_done && !c->head_len) {
        /* A kept-alive connection closed as the request was under way: a client sends an
         * idempotent one again (RFC 9112 section 9.3.1). */
        close(c->fd);
        counts.lost++;
        connection_open(c);
        c->sent = 0;
        request_send(c);
        return;
    }
    if (c->request) {
        c->is_closing = 1;
        request_end(c, is_good);
        return;
    }
    close(c->fd);
    c->fd = -1;
    counts.reconnects++;
}

static int is_good_status(const char *head)
{
    return !memcmp(head, "HTTP/1.", 7) && head[9] == '2';
}

/* The head at [p, end): framing and persistence. -1: not what is counted as an answer. */
static int head_read(struct connection *c, const char *p, const char *end)
{
    int has_length = 0;
    if (end - p < 12 || !is_good_status(p))
        return -1;
    while ((p = memchr(p, '\n', (size_t)(end - p))) && ++p < end) {
        if (*p != 'C' && *p != 'c')
            continue;
        if (!strncasecmp(p, "content-length:", 15)) {
            c->body_left = strtoull(p + 15, NULL, 10);
            has_length = 1;
        } else if (!strncasecmp(p, "connection: close", 17)) {
            c->is_closing = 1;
        }
    }
    return has_length ? 0 : -1;
}

static void on_bytes(struct connection *c, char *p, size_t n)
{
    char *end = p + n;
    if (!c->request) {
        counts.errors++; /* bytes nobody asked for */
        return;
    }
    if (!c->is_head_done) {
        char *blank = memmem(p, n, "\r\n\r\n", 4);
        if (!blank) {
            if (n > HEAD_BYTES || (!c->head && !(c->head = malloc(HEAD_BYTES))))
                die("load: response head");
            memcpy(c->head, p, n);
            c->head_len = n;
            return;
        }
        if (head_read(c, p, blank + 2)) {
            c->is_closing = 1;
            request_end(c, 0);
            return;
        }
        c->is_head_done = 1;
        p = blank + 4;
    }
    if ((uint64_t)(end - p) > c->body_left) {
        request_end(c, 0);
        return;
    }
    c->body_left -= (uint64_t)(end - p);
    counts.bytes += (uint64_t)(end - p);
    /* Who asked for the close waits for it: the gateway's work for this request includes it. */
    if (!c->body_left && !options.is_close)
        request_end(c, 1);
}

static void on_readable(struct connection *c)
{
    static char buffer[HEAD_BYTES + BUFFER_BYTES];
    size_t kept = c->head_len;
    if (kept)
        memcpy(buffer, c->head, kept);
    ssize_t got = recv(c->fd, buffer + kept, BUFFER_BYTES, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0) {
        on_closed(c);
        return;
    }
    c->head_len = 0;
    on_bytes(c, buffer, kept + (size_t)got);
}

/* Runs until nothing is in flight; with `deadline_ns`, stops beginning requests then. */
static void loop(uint64_t deadline_ns)
{
    struct epoll_event events[EVENTS];
    uint64_t give_up_ns = (deadline_ns ? deadline_ns : now_ns()) + GRACE_MS * 1000000ull;
    while (n_active) {
        int n = epoll_wait(poller, events, EVENTS, 10);
        uint64_t now = now_ns();
        if (deadline_ns && now >= deadline_ns)
            is_stopping = 1;
        if (now >= give_up_ns && !n) {
            counts.errors += (uint64_t)n_active; /* never answered */
            return;
        }
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (c->fd < 0)
                continue;
            if ((events[i].events & EPOLLOUT) && c->request && c->sent < c->request->len)
                request_send(c);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                on_readable(c);
        }
    }
}

/* `rounds` requests on each connection, `at_once` connections at a time. */
static void warm_up(int rounds, int at_once)
{
    for (int first = 0; first < options.connections; first += at_once) {
        int last = first + at_once < options.connections ? first + at_once : options.connections;
        for (int round = 0; round < rounds; round++) {
            to_begin = (uint64_t)(last - first);
            for (int i = first; i < last; i++)
                request_begin(&all[i]);
            loop(0);
        }
    }
}

static void wait_for_line(void)
{
    char line[16];
    printf("ready\n");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin))
        exit(1);
}

static int closed_count(void)
{
    int n = 0;
    for (int i = 0; i < options.connections; i++) {
        char byte;
        if (all[i].fd < 0 || recv(all[i].fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) >= 0 || errno != EAGAIN)
            n++;
    }
    return n;
}

static void options_read(int argc, char **argv)
{
    int letter;
    while ((letter = getopt(argc, argv, "c:t:u:n:b:H:Cgi")) != -1) {
        switch (letter) {
        case 'c': options.connections = atoi(optarg); break;
        case 't': options.milliseconds = atoi(optarg); break;
        case 'u': options.path = optarg; break;
        case 'n': options.paths = (unsigned)atoi(optarg); break;
        case 'b': options.body = strtoul(optarg, NULL, 10); break;
        case 'H': options.header = optarg; break;
        case 'C': options.is_close = 1; break;
        case 'g': options.is_reload = 1; break;
        case 'i': options.is_idle = 1; break;
        default: exit(2);
        }
    }
    if (optind != argc - 1 || options.connections < 1 || options.paths < 1) {
        fprintf(stderr, "usage: load PORT [-c N] [-t ms] [-u path] [-n paths] [-b bytes] [-H header] [-C] [-g] [-i]\n");
        exit(2);
    }
    options.port = atoi(argv[optind]);
}

static void result_print(uint64_t begun_ns)
{
    double seconds = (double)(now_ns() - begun_ns) / 1e9;
    printf("{\"requests\": %llu, \"errors\": %llu, \"lost\": %llu, \"reconnects\": %llu, \"bytes\": %llu, "
           "\"seconds\": %.6f, \"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f}\n",
           (unsigned long long)counts.requests, (unsigned long long)counts.errors, (unsigned long long)counts.lost,
           (unsigned long long)counts.reconnects, (unsigned long long)counts.bytes, seconds, quantile_us(0.5),
           quantile_us(0.9), quantile_us(0.99), quantile_us(1 - 1e-9));
}

int main(int argc, char **argv)
{
    options_read(argc, argv);
    requests_make();
    poller = epoll_create1(0);
    all = calloc((size_t)options.connections, sizeof *all);
    for (int i = 0; i < options.connections; i++) {
        all[i].number = (uint32_t)i;
        all[i].fd = -1;
    }
    if (options.is_idle)
        warm_up(1, IDLE_AT_ONCE);
    else
        warm_up(2, options.connections);
    if (counts.errors) {
        fprintf(stderr, "load: %llu of the warm-up's requests failed\n", (unsigned long long)counts.errors);
        return 1;
    }
    wait_for_line();
    if (options.is_idle) {
        printf("{\"closed\": %d}\n", closed_count());
        return 0;
    }
    memset(&counts, 0, sizeof counts);
    to_begin = UINT64_MAX;
    uint64_t begun = now_ns();
    for (int i = 0; i < options.connections; i++)
        request_begin(&all[i]);
    loop(begun + (uint64_t)options.milliseconds * 1000000u);
    result_print(begun);
    return 0;
}
