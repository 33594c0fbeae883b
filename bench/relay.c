/* The floor: a byte relay. One thread, one epoll, one upstream connection per client,
 * no parsing. A small request costs it four system calls (receive, send, receive, send)
 * and a share of one epoll_wait; a proxy that reads what it forwards can hardly cost less.
 *
 * usage: relay PORT UPSTREAM_PORT        (both on 127.0.0.1)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, BUFFER_BYTES = 65536, BACKLOG = 4096 };

struct pair;

struct end {
    struct pair *pair;
    struct end *other;
    char *pending; /* bytes this end could not take yet, NULL: none */
    size_t pending_at, pending_len;
    int fd;
};

struct pair {
    struct end client, upstream;
    struct pair *next_dead; /* freed after the batch: events for it may still be queued */
    int is_dead;
};

static int poller;
static struct pair *dead;
static struct sockaddr_in upstream_address;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static struct sockaddr_in loopback(const char *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(port))};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

static void watch(struct end *end, int operation, unsigned events)
{
    struct epoll_event e = {.events = events, .data.ptr = end};
    if (epoll_ctl(poller, operation, end->fd, &e))
        die("epoll_ctl");
}

static void pair_close(struct pair *pair)
{
    if (pair->is_dead)
        return;
    pair->is_dead = 1;
    close(pair->client.fd);
    close(pair->upstream.fd);
    pair->next_dead = dead;
    dead = pair;
}

static void pairs_free(void)
{
    while (dead) {
        struct pair *pair = dead;
        dead = pair->next_dead;
        free(pair->client.pending);
        free(pair->upstream.pending);
        free(pair);
    }
}

static void on_accept(int listener)
{
    int one = 1, fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct pair *pair = calloc(1, sizeof *pair);
        int up = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (!pair || up < 0)
            die("relay: client");
        if (connect(up, (struct sockaddr *)&upstream_address, sizeof upstream_address) && errno != EINPROGRESS)
            die("relay: connect");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        setsockopt(up, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        pair->client = (struct end){.pair = pair, .other = &pair->upstream, .fd = fd};
        pair->upstream = (struct end){.pair = pair, .other = &pair->client, .fd = up};
        watch(&pair->client, EPOLL_CTL_ADD, EPOLLIN);
        watch(&pair->upstream, EPOLL_CTL_ADD, EPOLLIN);
    }
}

static void on_readable(struct end *from)
{
    static char buffer[BUFFER_BYTES];
    struct end *to = from->other;
    ssize_t got = recv(from->fd, buffer, sizeof buffer, 0), sent;
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            pair_close(from->pair);
        return;
    }
    sent = send(to->fd, buffer, (size_t)got, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN) {
            pair_close(from->pair);
            return;
        }
        sent = 0;
    }
    if (sent < got) { /* back-pressure: read no more until the other end took it */
        to->pending_len = (size_t)(got - sent);
        to->pending_at = 0;
        if (!(to->pending = malloc(to->pending_len)))
            die("relay: pending");
        memcpy(to->pending, buffer + sent, to->pending_len);
        watch(from, EPOLL_CTL_MOD, 0);
        watch(to, EPOLL_CTL_MOD, EPOLLOUT);
    }
}

static void on_writable(struct end *to)
{
    ssize_t sent = send(to->fd, to->pending + to->pending_at, to->pending_len - to->pending_at, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN)
            pair_close(to->pair);
        return;
    }
    to->pending_at += (size_t)sent;
    if (to->pending_at < to->pending_len)
        return;
    free(to->pending);
    to->pending = NULL;
    watch(to, EPOLL_CTL_MOD, EPOLLIN);
    watch(to->other, EPOLL_CTL_MOD, EPOLLIN);
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS], e = {.events = EPOLLIN};
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address;
    if (argc != 3) {
        fprintf(stderr, "usage: relay PORT UPSTREAM_PORT\n");
        return 2;
    }
    address = loopback(argv[1]);
    upstream_address = loopback(argv[2]);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, BACKLOG))
        die("relay: listen");
    poller = epoll_create1(0);
    if (epoll_ctl(poller, EPOLL_CTL_ADD, listener, &e))
        die("epoll_ctl");
    for (;;) {
        int n = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            struct end *end = events[i].data.ptr;
            if (!end)
                on_accept(listener);
            else if (end->pair->is_dead)
                continue;
            else if (end->pending && (events[i].events & EPOLLOUT))
                on_writable(end);
            else if (!end->other->pending)
                on_readable(end);
            else if (events[i].events & (EPOLLERR | EPOLLHUP))
                pair_close(end->pair);
        }
        pairs_free();
    }
}
