"""A mailbox: any thread puts letters in, one takes them out, all at once, and is woken for the first of them."""


cdef struct letter_t:
    # A link: part of what is sent, owned by whoever holds that; by the mailbox while it is in there.
    letter_t *next


cdef struct mailbox_t:
    # Owner: that of the struct it is part of.
    # read-only after build
    int wake_fd                 # an eventfd; -1: not open
    # shared: atomic
    void *letters               # stack of letter_t


cdef bint mailbox_open(mailbox_t *box) noexcept nogil           # False, with errno set: no descriptors left
cdef void mailbox_close(mailbox_t *box) noexcept nogil          # what is still in it has been taken
# from any thread
cdef void mailbox_put(mailbox_t *box, letter_t *letter) noexcept nogil
cdef void mailbox_wake(mailbox_t *box) noexcept nogil
# From the thread that takes. Heard first, then taken: who finds the box empty from then on wakes it again.
cdef void mailbox_heard(mailbox_t *box) noexcept nogil
cdef letter_t *mailbox_take(mailbox_t *box) noexcept nogil      # all, the oldest first; NULL: none
