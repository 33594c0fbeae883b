"""The plugins: one module each, with its name, its place in the order and the schema of its configuration.

What a native plugin does is in the core (`_core/plugin`). Here are its `NAME`, its `PRIORITY` (Kong's: a
higher one runs earlier), `CONFIG` (what `config:` may hold, with Kong's defaults) and `is_native`. Four
members are optional: `TAKES_CONSUMER = False`, for what can't be scoped to a consumer; `patterns(config)`,
the regular expressions in a configuration with their places; `references(config)`, the entities it names;
`targets(config)`, hosts with ports that it sends requests to and no service has.
"""
