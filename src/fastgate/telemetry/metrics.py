"""Every metric fastgate exports: its name, kind, labels and meaning. One list, for code, docs and tests."""

from typing import Literal, NamedTuple


class Metric(NamedTuple):
    """One metric family."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()


PAIR = ("service", "route")

# Requests that matched no route have empty service and route labels.
METRICS: tuple[Metric, ...] = (
    Metric("fastgate_build_info", "gauge", "Always 1; the version is in the label.", ("version",)),
    Metric("fastgate_ready", "gauge", "1 while requests should be sent here, as /status/ready says."),
    Metric("fastgate_reactors", "gauge", "Reactor threads."),

    Metric("fastgate_http_requests_total", "counter", "Requests answered, by status code of the answer.",
           (*PAIR, "code")),
    Metric("fastgate_request_latency_seconds", "histogram",
           "From a request's first byte to its answer's last.", PAIR),
    Metric("fastgate_upstream_latency_seconds", "histogram",
           "What the upstream took, of requests that were sent to one.", PAIR),
    Metric("fastgate_gateway_latency_seconds", "histogram", "What the gateway itself took.", PAIR),
    Metric("fastgate_bandwidth_bytes_total", "counter",
           "Bytes of requests (ingress) and answers (egress), heads included.", (*PAIR, "direction")),

    Metric("fastgate_requests_received_total", "counter", "Request heads received, refused ones included."),
    Metric("fastgate_requests_active", "gauge", "Requests being answered."),
    Metric("fastgate_requests_malformed_total", "counter",
           "Requests refused because they broke the grammar or a limit."),
    Metric("fastgate_client_timeouts_total", "counter",
           "Clients cut off because they sent or read too slowly."),
    Metric("fastgate_client_bytes_total", "counter",
           "Bytes received from clients (ingress) and sent to them (egress).", ("direction",)),
    Metric("fastgate_connections_accepted_total", "counter", "Client connections accepted."),
    Metric("fastgate_connections_closed_total", "counter", "Client connections closed."),
    Metric("fastgate_connections_refused_total", "counter",
           "Client connections refused for want of descriptors, memory or by the limit."),
    Metric("fastgate_connections_active", "gauge", "Client connections open."),
    Metric("fastgate_memory_bytes", "gauge", "Memory of connections, requests, bodies and the like."),
    Metric("fastgate_memory_limit_bytes", "gauge", "What memory_budget leaves for it; absent without one."),
    Metric("fastgate_memory_refusals_total", "counter", "Times that work was refused for want of memory, by the limit."),
    Metric("fastgate_request_bodies_collected_total", "counter", "Request bodies kept whole in memory, for a plugin."),
    Metric("fastgate_tunnels_active", "gauge", "WebSocket and other upgraded connections open."),

    Metric("fastgate_upstream_requests_total", "counter",
           "Requests put on a pooled connection (reused) and connections begun for one (new).", ("connection",)),
    Metric("fastgate_upstream_connect_failures_total", "counter",
           "Connects to targets that were refused, unreachable or timed out."),
    Metric("fastgate_upstream_connections_closed_total", "counter", "Connections to targets closed."),
    Metric("fastgate_upstream_connections_idle", "gauge", "Connections to targets waiting in a pool."),
    Metric("fastgate_upstream_timeouts_total", "counter",
           "Requests answered 504, or cut within the answer, because the upstream was too slow."),
    Metric("fastgate_upstream_retries_total", "counter", "Requests sent once more."),

    Metric("fastgate_token_cache_hits_total", "counter", "Tokens (jwt) whose verdict was known."),
    Metric("fastgate_token_cache_misses_total", "counter", "Tokens that had to be verified."),
    Metric("fastgate_token_cache_evictions_total", "counter", "Verdicts pushed out by newer ones while still good."),
    Metric("fastgate_token_cache_entries", "gauge", "Verdicts kept, refusals among them."),
    Metric("fastgate_jwks_unknown_keys_total", "counter", "Tokens refused because their source has published no such key."),
    Metric("fastgate_jwks_sources", "gauge", "Places that keys are fetched from (jwks_uri)."),
    Metric("fastgate_jwks_keys", "gauge", "Published keys in use."),
    Metric("fastgate_jwks_keys_skipped", "gauge", "Keys left out of what was published last: of other kinds, unfit, private."),
    Metric("fastgate_jwks_age_seconds", "gauge",
           "Time since keys were confirmed, of the source where it is longest; since its start, if they never were."),
    Metric("fastgate_jwks_fetches_total", "counter", "Times a source was asked."),
    Metric("fastgate_jwks_failures_total", "counter", "Of them, those without a usable answer: the keys of before go on."),
    Metric("fastgate_jwks_rotations_total", "counter", "Times a source's keys changed."),

    Metric("fastgate_rate_limit_refusals_total", "counter", "Requests that rate-limiting refused."),
    Metric("fastgate_rate_limit_keys", "gauge", "Callers that have counters; at most limits.rate_limit_keys."),
    Metric("fastgate_rate_limit_evictions_total", "counter",
           "Callers whose counters had to go for want of room: they start afresh."),
    Metric("fastgate_limit_exchanges_total", "counter", "Rounds of rate-limiting with a Redis, policy redis."),
    Metric("fastgate_limit_exchange_errors_total", "counter", "Of them, those that failed."),
    Metric("fastgate_limit_exchanged_total", "counter", "Requests counted here that Redis knows of, once for each window."),
    Metric("fastgate_limit_exchange_lag_seconds", "gauge", "Since the last good round, the worst of all Redises."),
    Metric("fastgate_limit_exchange_away", "gauge", "Redises that do not answer: limits are held by shares meanwhile."),
    Metric("fastgate_limit_exchange_nodes", "gauge", "Gateways that share limits through one Redis, this one included."),
    Metric("fastgate_limit_exchange_keys_waiting", "gauge", "Keys with counts that Redis does not know of yet."),
    Metric("fastgate_limit_questions_total", "counter", "Requests that asked Redis (sync_rate 0) and had an answer."),
    Metric("fastgate_limit_questions_unanswered_total", "counter", "Requests that asked, and were decided without an answer."),
    Metric("fastgate_limit_exchange_lost_total", "counter",
           "Requests counted here that Redis will never know of: their key had to go, or the window was over."),

    Metric("fastgate_bot_refusals_total", "counter", "Requests of banned addresses (anti-bot), refused."),
    Metric("fastgate_bot_suspicions_total", "counter", "Requests over the threshold of an anti-bot with dry_run."),
    Metric("fastgate_bot_bans_total", "counter", "Addresses that anti-bot banned."),
    Metric("fastgate_bot_exchanges_total", "counter", "Exchanges of bans with Redis."),
    Metric("fastgate_bot_exchange_failures_total", "counter", "Exchanges of bans with Redis that failed."),
    Metric("fastgate_bot_bans_active", "gauge", "Addresses banned now, by anti-bot, by command or through Redis."),

    Metric("fastgate_mirror_requests_total", "counter", "Copies of requests sent by request-mirror."),
    Metric("fastgate_mirror_failures_total", "counter",
           "Copies nobody took, or whose answer was cut, late or no HTTP."),
    Metric("fastgate_mirror_dropped_total", "counter",
           "Copies not made: too many under way (pending), a body too large (body), a request never whole (cut), no "
           "memory (memory).", ("reason",)),
    Metric("fastgate_mirrors_active", "gauge", "Copies being gathered or sent, or waiting for their answer."),

    Metric("fastgate_reactor_loops_total", "counter", "Turns of the reactors' event loops."),

    Metric("fastgate_access_log_lines_total", "counter", "Access log lines written."),
    Metric("fastgate_access_log_bytes_total", "counter", "Access log bytes written."),
    Metric("fastgate_access_log_dropped_total", "counter",
           "Access log lines lost: the writer could not keep up (full) or writing failed (failed).", ("reason",)),
    Metric("fastgate_access_log_errors_total", "counter", "Writes to the access log that failed."),

    Metric("fastgate_configuration_info", "gauge", "Always 1; the MD5 of the configuration is in the label.",
           ("hash",)),
    Metric("fastgate_configuration_reloads_total", "counter", "Reloads since the start, by result.", ("result",)),
    Metric("fastgate_configuration_last_success_timestamp_seconds", "gauge",
           "When the configuration in use was taken, in Unix time."),
    Metric("fastgate_snapshot_number", "gauge", "Number of the snapshot in use."),
    Metric("fastgate_snapshot_routes", "gauge", "Routes in it."),
    Metric("fastgate_snapshot_services", "gauge", "Services in it."),
    Metric("fastgate_snapshot_upstreams", "gauge", "Upstreams in it."),
    Metric("fastgate_snapshot_size_bytes", "gauge", "Memory it takes."),
    Metric("fastgate_snapshots_retired", "gauge", "Older snapshots that requests still use."),

    Metric("fastgate_plugin_calls_active", "gauge", "Calls of plugins in Python, queued or being worked on.", ("plugin",)),
    Metric("fastgate_plugin_calls_total", "counter", "Calls of plugins in Python that ended well.", ("plugin",)),
    Metric("fastgate_plugin_failures_total", "counter",
           "Calls of plugins in Python that raised, timed out or returned what can't be used.", ("plugin",)),
    Metric("fastgate_plugin_timeouts_total", "counter", "Of the failures, those that took too long.", ("plugin",)),
    Metric("fastgate_plugin_trips_total", "counter", "Times a plugin was off after failures in a row.", ("plugin",)),
    Metric("fastgate_plugin_skipped_total", "counter", "Calls not made because the plugin was off.", ("plugin",)),
    Metric("fastgate_plugin_refused_total", "counter",
           "Requests that met too many calls of the plugin under way: answered 500 (503: no memory for one more), "
           "or gone on (on_error).", ("plugin",)),
    Metric("fastgate_plugin_stalled_total", "counter",
           "Requests that went on or were answered 500, as on_error says, because the control loop was stuck.", ("plugin",)),
    Metric("fastgate_plugin_too_large_total", "counter",
           "Answers whose body a plugin was not shown because it is too large: 502, or gone on (on_error).", ("plugin",)),
    Metric("fastgate_plugin_logs_dropped_total", "counter",
           "Log calls dropped because the plugin had too many calls under way.", ("plugin",)),

    Metric("fastgate_application_up", "gauge", "1 while the ASGI application serves, 0 once it has died.", ("application",)),
    Metric("fastgate_application_requests_active", "gauge",
           "Requests the application has under way, WebSocket connections included.", ("application",)),
    Metric("fastgate_application_refused_total", "counter",
           "Requests answered 503 because it had gateway.asgi.concurrency of them under way.", ("application",)),

    Metric("fastgate_resolver_names", "gauge", "Host names of upstreams and targets being resolved."),
    Metric("fastgate_resolver_names_stale", "gauge", "Names in use with their last good addresses after a failure."),
    Metric("fastgate_resolver_queries_total", "counter", "Questions sent to name servers."),
    Metric("fastgate_resolver_failures_total", "counter", "Look-ups that failed; a name not found is no failure."),

    Metric("fastgate_process_cpu_seconds_total", "counter", "CPU time of the process, user and system."),
    Metric("fastgate_process_resident_memory_bytes", "gauge", "Resident memory."),
    Metric("fastgate_process_virtual_memory_bytes", "gauge", "Virtual memory."),
    Metric("fastgate_process_open_fds", "gauge", "Open file descriptors."),
    Metric("fastgate_process_max_fds", "gauge", "Most file descriptors the process may open."),
    Metric("fastgate_process_threads", "gauge", "Threads."),
    Metric("fastgate_process_start_time_seconds", "gauge", "When the process began, in Unix time."),
)
