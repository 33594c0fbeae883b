"""A stack without a lock, and the eventfd that tells of it."""

from libc.stdint cimport uint64_t

from fastgate._core.base.atomics cimport atomic_cas_ptr, atomic_exchange_ptr, atomic_load_ptr
from fastgate._core.includes.epoll cimport EFD_CLOEXEC, EFD_NONBLOCK, eventfd
from fastgate._core.includes.socket cimport close, read, write


cdef bint mailbox_open(mailbox_t *box) noexcept nogil:
    box.letters = NULL
    box.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
    return box.wake_fd >= 0


cdef void mailbox_close(mailbox_t *box) noexcept nogil:
    close(box.wake_fd)
    box.wake_fd = -1


cdef void mailbox_put(mailbox_t *box, letter_t *letter) noexcept nogil:
    cdef letter_t *before
    while True:
        before = <letter_t *>atomic_load_ptr(&box.letters)
        letter.next = before
        if atomic_cas_ptr(&box.letters, before, letter):
            break
    if before == NULL:          # else whoever put that in has woken the other thread, which takes all at once
        mailbox_wake(box)


cdef void mailbox_wake(mailbox_t *box) noexcept nogil:
    cdef uint64_t one = 1
    write(box.wake_fd, &one, sizeof(one))


cdef void mailbox_heard(mailbox_t *box) noexcept nogil:
    cdef uint64_t count
    read(box.wake_fd, &count, sizeof(count))


cdef letter_t *mailbox_take(mailbox_t *box) noexcept nogil:
    cdef letter_t *letter
    cdef letter_t *next
    cdef letter_t *ordered = NULL
    if atomic_load_ptr(&box.letters) == NULL:
        return NULL
    letter = <letter_t *>atomic_exchange_ptr(&box.letters, NULL)
    while letter != NULL:       # the stack holds the newest first
        next = letter.next
        letter.next = ordered
        ordered = letter
        letter = next
    return ordered
