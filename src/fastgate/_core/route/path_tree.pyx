"""Building the path trees: sort, then split ranges breadth first."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.stdlib cimport qsort
from libc.string cimport memcmp, memcpy

from fastgate._core.base.arena cimport arena_take, arena_t
from fastgate._core.base.status cimport NO_MEMORY, OK, status_t


cdef struct range_t:
    # The items below one node that is still to be made. Owner: the build.
    uint32_t start
    uint32_t end
    uint32_t depth              # bytes of their paths that the nodes above have used up


cdef int _item_order(const void *a, const void *b) noexcept nogil:
    """By tree, then path, then rank."""
    cdef const path_item_t *x = <const path_item_t *>a
    cdef const path_item_t *y = <const path_item_t *>b
    cdef int order
    if x.tree != y.tree:
        return -1 if x.tree < y.tree else 1
    order = memcmp(x.path.at, y.path.at, min(x.path.len, y.path.len))
    if order == 0 and x.path.len != y.path.len:
        order = -1 if x.path.len < y.path.len else 1
    if order == 0:
        order = -1 if x.rank < y.rank else 1
    return order


cdef inline uint32_t _shared_len(const path_item_t *a, const path_item_t *b, uint32_t start) noexcept nogil:
    cdef size_t most = min(a.path.len, b.path.len)
    cdef size_t n = start
    while n < most and a.path.at[n] == b.path.at[n]:
        n += 1
    return <uint32_t>n


cdef uint32_t _node_split(path_node_t *node, const range_t *range, const path_item_t *items,
                          range_t *children, uint8_t *heads) noexcept nogil:
    """Fills the node from its range of sorted items, and the ranges of its children. Their number."""
    cdef uint32_t i = range.start, n = 0, depth
    # Sorted: what the first and the last share, all between them share.
    depth = _shared_len(&items[range.start], &items[range.end - 1], range.depth)
    node.label = items[range.start].path.at + range.depth
    node.label_len = depth - range.depth
    node.first_rank = i
    while i < range.end and items[i].path.len == depth:
        i += 1
    node.n_ranks = i - node.first_rank
    while i < range.end:
        children[n].start = i
        children[n].depth = depth
        heads[n] = <uint8_t>items[i].path.at[depth]
        while i < range.end and <uint8_t>items[i].path.at[depth] == heads[n]:
            i += 1
        children[n].end = i
        n += 1
    node.n_children = <uint16_t>n
    return n


cdef status_t path_tree_build(path_tree_t *tree, arena_t *arena, arena_t *work, path_item_t *items, uint32_t n_items,
                              uint32_t *roots_out, uint32_t n_trees) noexcept nogil:
    # Each item adds at most a leaf and the node where it parts from the others.
    cdef size_t most = 2 * <size_t>n_items + n_trees
    cdef path_node_t *nodes = <path_node_t *>arena_take(work, most * sizeof(path_node_t))
    cdef range_t *ranges = <range_t *>arena_take(work, most * sizeof(range_t))
    cdef uint8_t *heads = <uint8_t *>arena_take(work, most)
    cdef path_node_t *node
    cdef uint32_t i, k, n = 0
    if nodes == NULL or ranges == NULL or heads == NULL:
        return NO_MEMORY
    qsort(items, n_items, sizeof(path_item_t), _item_order)
    for i in range(n_items):
        if i == 0 or items[i].tree != items[i - 1].tree:
            ranges[n].start = i
            ranges[n].depth = 0
            roots_out[n] = n
            n += 1
        ranges[n - 1].end = i + 1
    i = 0
    while i < n:
        nodes[i].first_child = n
        n += _node_split(&nodes[i], &ranges[i], items, ranges + n, heads + n)
        i += 1
    tree.nodes = <path_node_t *>arena_take(arena, n * sizeof(path_node_t))
    tree.heads = <uint8_t *>arena_take(arena, n)
    tree.ranks = <uint32_t *>arena_take(arena, n_items * sizeof(uint32_t))
    if tree.nodes == NULL or tree.heads == NULL or tree.ranks == NULL:
        return NO_MEMORY
    memcpy(tree.nodes, nodes, n * sizeof(path_node_t))
    memcpy(tree.heads, heads, n)
    for i in range(n_items):
        tree.ranks[i] = items[i].rank
    while n > 0:                # children come after their parents, so backwards the children's best is known
        n -= 1
        node = &tree.nodes[n]
        node.best = tree.ranks[node.first_rank] if node.n_ranks else RANK_NONE
        for k in range(node.n_children):
            if tree.nodes[node.first_child + k].best < node.best:
                node.best = tree.nodes[node.first_child + k].best
    return OK
