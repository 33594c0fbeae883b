/* The upstream of the benchmark: answers every request with one fixed response, so that it
 * is not what is measured. HTTP/1.1 keep-alive; request bodies with a Content-Length are read
 * and dropped; `Connection: close` is obeyed. One thread, one epoll.
 *
 * GET /_stats answers {"connections": N, "requests": N} instead: what was accepted and answered
 * since the start, this question included, from which the reuse of upstream connections follows.
 *
 * usage: origin PORT BODY_BYTES          (on 127.0.0.1)
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
#include <unistd.h>

enum { EVENTS = 256, BUFFER_BYTES = 262144, HEAD_BYTES = 8192, BACKLOG = 4096 };

struct connection {
    int fd;
    int is_closing;      /* close once the response has left */
    uint64_t body_left;  /* bytes of request body still to come */
    int is_answer_due;   /* that body belongs to a request not answered yet */
    int is_waiting;      /* for room to send */
    size_t sent;         /* of the response under way; response_len: none */
    size_t head_len;     /* start of a head that came in pieces */
    char head[];         /* HEAD_BYTES, touched only then */
};

static char *response;
static size_t response_len;
static uint64_t n_connections, n_requests;
static int poller;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void connection_close(struct connection *c)
{
    close(c->fd);
    free(c);
}

static void watch(struct connection *c, int operation, unsigned events)
{
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (epoll_ctl(poller, operation, c->fd, &e))
        die("epoll_ctl");
}

/* Sends what is left of the response. 0: all gone or waiting for room, -1: the peer is gone. */
static int response_send(struct connection *c)
{
    ssize_t sent = send(c->fd, response + c->sent, response_len - c->sent, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        return -1;
    c->sent += sent > 0 ? (size_t)sent : 0;
    if ((c->sent < response_len) != c->is_waiting) {
        c->is_waiting = !c->is_waiting;
        watch(c, EPOLL_CTL_MOD, c->is_waiting ? EPOLLOUT : EPOLLIN);
    }
    return 0;
}

static int stats_send(struct connection *c)
{
    char body[128], text[256];
    int n = snprintf(body, sizeof body, "{\"connections\": %llu, \"requests\": %llu}",
                     (unsigned long long)n_connections, (unsigned long long)n_requests);
    n = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", n, body);
    return send(c->fd, text, (size_t)n, MSG_NOSIGNAL) == n ? 0 : -1;
}

static int answer(struct connection *c)
{
    n_requests++;
    c->sent = 0;
    return response_send(c);
}

/* Reads the fields of the head at [p, end) that matter. -1: a framing this origin does not know. */
static int head_read(struct connection *c, const char *p, const char *end)
{
    while ((p = memchr(p, '\n', (size_t)(end - p))) && ++p < end) {
        if (*p == 'C' || *p == 'c') {
            if (!strncasecmp(p, "content-length:", 15))
                c->body_left = strtoull(p + 15, NULL, 10);
            else if (!strncasecmp(p, "connection: close", 17))
                c->is_closing = 1;
        } else if (!strncasecmp(p, "transfer-encoding:", 18)) {
            return -1;
        }
    }
    return 0;
}

/* Takes all of [p, p + n). -1: close the connection. */
static int on_bytes(struct connection *c, char *p, size_t n)
{
    char *end = p + n;
    while (p < end) {
        if (c->body_left) {
            uint64_t take = (uint64_t)(end - p) < c->body_left ? (uint64_t)(end - p) : c->body_left;
            c->body_left -= take;
            p += take;
            if (!c->body_left && c->is_answer_due) {
                c->is_answer_due = 0;
                if (answer(c))
                    return -1;
            }
            continue;
        }
        char *blank = memmem(p, (size_t)(end - p), "\r\n\r\n", 4);
        if (!blank) { /* the rest of this head is still to come */
            size_t left = (size_t)(end - p);
            if (left > HEAD_BYTES)
                return -1;
            memcpy(c->head, p, left);
            c->head_len = left;
            return 0;
        }
        if (c->sent < response_len || head_read(c, p, blank + 2)) /* nobody pipelines here */
            return -1;
        int is_stats = blank - p > 12 && !memcmp(p, "GET /_stats ", 12);
        p = blank + 4;
        if (c->body_left)
            c->is_answer_due = 1;
        else if (is_stats ? stats_send(c) : answer(c))
            return -1;
    }
    return 0;
}

static int on_readable(struct connection *c)
{
    static char buffer[HEAD_BYTES + BUFFER_BYTES];
    size_t kept = c->head_len;
    if (kept)
        memcpy(buffer, c->head, kept);
    c->head_len = 0;
    ssize_t got = recv(c->fd, buffer + kept, BUFFER_BYTES, 0);
    if (got <= 0) {
        c->head_len = kept;
        return got < 0 && errno == EAGAIN ? 0 : -1;
    }
    return on_bytes(c, buffer, kept + (size_t)got);
}

static void on_accept(int listener)
{
    int one = 1, fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct connection *c = calloc(1, sizeof *c + HEAD_BYTES);
        if (!c)
            die("origin: connection");
        c->fd = fd;
        c->sent = response_len;
        n_connections++;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        watch(c, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static void response_make(size_t body_len)
{
    response = malloc(body_len + 512);
    if (!response)
        die("origin: response");
    int head_len = sprintf(response,
                           "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Sun, 22 Nov 2026 13:00:00 GMT\r\n"
                           "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\n\r\n",
                           body_len);
    memset(response + head_len, 'x', body_len);
    response_len = (size_t)head_len + body_len;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS], e = {.events = EPOLLIN};
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (argc != 3) {
        fprintf(stderr, "usage: origin PORT BODY_BYTES\n");
        return 2;
    }
    response_make(strtoul(argv[2], NULL, 10));
    address.sin_port = htons((unsigned short)atoi(argv[1]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, BACKLOG))
        die("origin: listen");
    poller = epoll_create1(0);
    if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e))
        die("epoll_ctl");
    for (;;) {
        int n = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (!c) {
                on_accept(listener);
                continue;
            }
            int status = events[i].events & EPOLLOUT ? response_send(c) : on_readable(c);
            if (status || (c->is_closing && c->sent == response_len && !c->body_left))
                connection_close(c);
        }
    }
}
