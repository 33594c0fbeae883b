"""Path prefixes to ranks: compressed prefix trees, one for each group of routes, in three flat arrays.

A node's children are neighbours, so the first bytes of their labels are a string to search (`heads`).
Each node knows the best (lowest) rank at or below it, so a walk ends as soon as nothing better can come.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memchr, memcmp

from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.span cimport span_t
from fastgate._core.base.status cimport status_t


cdef enum:
    RANK_NONE = 0xffffffff


cdef struct path_node_t:
    # Part of a path_tree_t. Read-only after build, any thread.
    const char *label               # what a path must go on with to be here
    uint32_t label_len
    uint32_t first_child            # index in nodes
    uint32_t first_rank             # index in ranks
    uint32_t n_ranks                # of the prefix that ends here, best first
    uint32_t best                   # lowest rank here or below
    uint16_t n_children


cdef struct path_tree_t:
    # Owner: a router; arrays and labels in its arena. Read-only after build, any thread.
    path_node_t *nodes
    uint8_t *heads                  # by node: the first byte of its label
    uint32_t *ranks


cdef struct path_item_t:
    # Build only. Owner: the builder.
    span_t path                     # in the router's arena
    uint32_t tree                   # 0, 1, 2 …
    uint32_t rank


cdef struct path_cursor_t:
    # Owner: one walk, on its stack.
    const path_node_t *node         # to look at next; NULL: none
    const char *at                  # what follows the nodes passed so far
    size_t left


# One tree for each number in items[].tree (0 … n_trees-1, none missing); their root nodes in roots_out.
# Sorts `items`. Memory for the time of the build comes from `work`. OK or NO_MEMORY.
cdef status_t path_tree_build(path_tree_t *tree, arena_t *arena, arena_t *work, path_item_t *items, uint32_t n_items,
                              uint32_t *roots_out, uint32_t n_trees) noexcept nogil


cdef inline void path_start(const path_tree_t *tree, uint32_t root, span_t path, path_cursor_t *cursor_out) noexcept nogil:
    cursor_out.node = tree.nodes + root
    cursor_out.at = path.at
    cursor_out.left = path.len


cdef inline const path_node_t *path_next(const path_tree_t *tree, path_cursor_t *cursor, uint32_t limit) noexcept nogil:
    """The next longer prefix of the path that has ranks. NULL: none, or none better than `limit`."""
    cdef const path_node_t *node = cursor.node
    cdef const path_node_t *child
    cdef const uint8_t *head
    while node != NULL:
        if node.best >= limit or node.label_len > cursor.left or memcmp(node.label, cursor.at, node.label_len) != 0:
            return NULL
        cursor.at += node.label_len
        cursor.left -= node.label_len
        child = NULL
        if cursor.left and node.n_children:
            head = <const uint8_t *>memchr(tree.heads + node.first_child, <uint8_t>cursor.at[0], node.n_children)
            if head != NULL:
                child = tree.nodes + (head - tree.heads)
        if node.n_ranks:
            cursor.node = child
            return node
        node = child
    return NULL
