"""Plugins and consumers in a snapshot: which configuration of which plugin runs for whom, in which order."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastgate._core.base.span cimport span_t
from fastgate._core.base.status cimport status_t


cdef enum:
    CHAIN_MAX_STEPS = 64            # different plugins in one configuration


# A plugin's part in a phase. `exchange` is the proxy's exchange_t, which this room does not know.
# rewrite, access: OK, go on; DONE, the answer is decided; AGAIN, parked: lane.on_resumed goes on behind it.
# header_filter, body_filter, log: OK; of a plugin that withholds answers also AGAIN, parked: lane.on_filtered
# goes on behind it; and DONE: another answer takes its place (withhold_fail).
ctypedef status_t (*plugin_hook_t)(const plugin_t *plugin, void *exchange) noexcept nogil


cdef struct plugin_t:
    # One configuration of one plugin. Owner: the snapshot's arena. Read-only after build.
    plugin_hook_t rewrite           # before there is a route: of what is configured for everybody alone; NULL: none
    plugin_hook_t access            # NULL: has no part in it
    plugin_hook_t header_filter     # on every answer, proxied or the gateway's own; NULL: none
    plugin_hook_t body_filter       # on whole bodies of answers, behind all header_filters, where some filter wants them (withhold_body)
    plugin_hook_t log               # once all is over, as the access log is written; NULL: none
    void *config                    # the plugin's own struct
    void (*close)(plugin_t *plugin) noexcept nogil  # frees what is not in the arena; NULL: nothing is
    span_t id
    uint8_t authenticates           # it may set the consumer
    uint8_t wants_match             # it reads exchange.match
    uint8_t withholds               # answers, until its filters have seen them; with a header_filter
    uint8_t keeps_answer            # its log reads exchange.answer


cdef struct consumer_t:
    # Who may call. Owner: the snapshot's arena. Read-only after build.
    span_t fields                   # what the upstream is told, as whole lines: X-Consumer-ID, -Custom-ID, -Username
    # where they are in it
    span_t id                       # never empty
    span_t username                 # empty: none
    span_t custom_id                # empty: none
    uint64_t mark[2]                # a hash of the id that nobody outside this process can know
    uint8_t n_fields
    uint8_t is_plain                # of the username, or else the id: log_name_t's
    span_t *groups                  # acl groups, sorted as bytes
    uint32_t n_groups
    span_t groups_text              # "a, b"
    const plugin_t **plugins        # by kind: what is configured for this consumer alone; NULL: nothing


cdef struct consumer_plugin_t:
    # Part of its step. Read-only after build.
    const consumer_t *consumer
    const plugin_t *plugin


cdef struct step_t:
    # One kind of plugin in a chain, with what may run of it. Owner: its chain. Read-only after build.
    const plugin_t *plugin          # route and service, else route, else service, else global; NULL: none
    const consumer_plugin_t *consumers  # with the route or the service; sorted by address of consumer
    uint32_t n_consumers
    uint16_t kind
    uint8_t is_of_both              # `plugin` is of this route and service: it goes before a consumer's own


cdef struct chain_t:
    # What the requests of a route meet, by priority. Owner: the snapshot's arena; routes share equal
    # ones. Read-only after build.
    step_t *steps
    uint32_t n_steps
    uint8_t authenticates           # some step does
    uint8_t wants_match             # some step may
    uint8_t logs                    # some step may
    uint8_t keeps_answer            # of some step's plugins, a log reads exchange.answer


cdef inline const plugin_t *step_pick(const step_t *step, const consumer_t *consumer) noexcept nogil:
    """The most specific configuration, exactly one (as Kong's); NULL: none for this consumer."""
    cdef uint32_t low = 0, high = step.n_consumers, middle
    if consumer == NULL:
        return step.plugin
    while low < high:
        middle = (low + high) // 2
        if step.consumers[middle].consumer == consumer:
            return step.consumers[middle].plugin
        if step.consumers[middle].consumer < consumer:
            low = middle + 1
        else:
            high = middle
    if not step.is_of_both and consumer.plugins != NULL and consumer.plugins[step.kind] != NULL:
        return consumer.plugins[step.kind]
    return step.plugin
