"""`fastgate plugins`."""

import argparse
import os
import sys
from typing import Any

from fastgate.cli import options, plugin_signing

HELP = "list, check or begin plugins"
DESCRIPTION = """\
list: the plugins there are, native ones and those in Python, in the order in which they run.
check: imports a plugin's file (or the package in a folder) and says what breaks the contract; --schema
prints what its configuration may hold, as JSON Schema.
new: writes the beginning of a plugin.
keygen, sign, verify: the signatures that gateway.plugin_trust asks for; sign imports what it signs."""
EXAMPLES = (
    "fastgate plugins list -c fastgate.yaml",
    "fastgate plugins check plugins/greeting.py --schema",
    "fastgate plugins new plugins/greeting.py",
    "fastgate plugins keygen signing.pem",
    "fastgate plugins sign --key signing.pem plugins/greeting.py",
    "fastgate plugins verify --trust signing.pem.pub plugins/greeting.py",
)

_BEGINNING = '''"""{name}: what it does, in a line."""

from fastgate import Context, Plugin, Response


class {class_name}(Plugin):
    name = "{name}"
    version = "0.0.1"
    priority = 700          # a higher one runs earlier; authentication is 1450 to 1030

    class Config:
        text: str = "hello"

    async def access(self, context: Context, config: Config) -> Response | None:
        if context.request.header("X-Stop"):
            return Response(403, json={{"message": config.text}})
        context.request.set_header("X-{header}", config.text)
        return None

    # Others: rewrite, header_filter and body_filter (context.response), log, init, configure, close; see docs/plugins.md.
'''


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listed = actions.add_parser("list", help="the plugins there are")
    listed.add_argument("-c", "--config", metavar="FILE", default=os.environ.get("FASTGATE_CONFIG"),
                        help="whose gateway.plugin_path is looked into ($FASTGATE_CONFIG)")
    listed.add_argument("--path", metavar="FOLDER", help="look into this folder instead")
    listed.set_defaults(act=_list)
    checked = actions.add_parser("check", help="what is wrong with a plugin")
    checked.add_argument("file", metavar="FILE")
    checked.add_argument("--schema", action="store_true", help="print its configuration's JSON Schema")
    checked.set_defaults(act=_check)
    new = actions.add_parser("new", help="begin a plugin")
    new.add_argument("file", metavar="FILE")
    new.set_defaults(act=_new)
    plugin_signing.add_actions(actions)


def run(args: argparse.Namespace) -> int:
    return args.act(args)


def _list(args: argparse.Namespace) -> int:
    from fastgate.plugins.registry import PLUGINS, find_python

    folder, trust = args.path, None
    if folder is None and args.config is not None:
        problem = options.missing_config(args.config)
        if problem:
            print(f"fastgate plugins: {problem}", file=sys.stderr)
            return 1
        gateway = _gateway_of(args.config)
        if gateway is None:
            return 1
        folder, trust = gateway["plugin_path"], gateway["plugin_trust"]
    found, wrong = find_python(folder, trust)
    rows = [(PLUGINS[name].PRIORITY, name, "native") for name in PLUGINS]
    rows += [(one.PRIORITY, name, f"{one.contract.version} {one.origin}" + (f" signed by {one.signer}" if one.signer else ""))
             for name, one in found.items()]
    for priority, name, what in sorted(rows, key=lambda row: (-row[0], row[1])):
        print(f"{priority:>8}  {name:<24} {what}")
    for problem in wrong:
        print(f"fastgate plugins: {problem}", file=sys.stderr)
    return 1 if wrong else 0


def _gateway_of(config: str) -> dict[str, Any] | None:
    """The section `gateway:`. None: the file can't be read, which has been said."""
    from fastgate.config import ConfigErrors
    from fastgate.control.source import file_source

    try:
        return file_source(config, {}, allow_unknown_plugins=True).load().gateway
    except ConfigErrors as error:
        print(error, file=sys.stderr)
        return None


def _check(args: argparse.Namespace) -> int:
    from pathlib import Path

    from fastgate.plugins.discovery import check_name, load_file
    from fastgate.plugins.raised import raised
    from fastgate.plugins.shipped import SHIPPED
    from fastgate.sdk import Contract, PluginError

    path = Path(args.file)
    path = path / "__init__.py" if path.is_dir() else path
    try:
        contract = Contract(load_file(path))
        check_name(contract.name)
        if contract.name in SHIPPED:
            raise PluginError(f"the name {contract.name} is taken by a plugin that comes with fastgate")
    except PluginError as error:
        print(f"{path}: {error}", file=sys.stderr)
        return 1
    except (Exception, SystemExit) as error:
        print(f"{path}: importing it {raised(error)}", file=sys.stderr)
        return 1
    if args.schema:
        import json

        print(json.dumps(contract.schema.json_schema(), indent=2))
        return 0
    for name, hook in contract.misnamed.items():
        print(f"{path}: warning: {contract.plugin_class.__name__}.{name} is no hook; did you mean {hook}?", file=sys.stderr)
    hooks = ", ".join(f"async {hook}" if contract.is_async(hook) else hook for hook in contract.hooks)
    print(f"OK: {contract.name} {contract.version}, priority {contract.priority}: {hooks}")
    return 0


def _new(args: argparse.Namespace) -> int:
    from keyword import iskeyword

    from fastgate.plugins.registry import PLUGINS
    from fastgate.plugins.shipped import SHIPPED

    stem = os.path.basename(args.file).removesuffix(".py").lower().replace("_", "-")
    if not args.file.endswith(".py") or not stem.isascii() or not stem.replace("-", "").isalnum() or not stem[0].isalpha():
        print(f"fastgate plugins: {args.file}: name it like greeting.py or my_plugin.py", file=sys.stderr)
        return 1
    words = [word.capitalize() for word in stem.split("-") if word]
    name = "-".join(words).lower()
    if name in (*PLUGINS, *SHIPPED):
        print(f"fastgate plugins: {args.file}: the name {name} is taken by a plugin that comes with fastgate", file=sys.stderr)
        return 1
    class_name = "".join(words)
    if class_name in ("Context", "Plugin", "Response") or iskeyword(class_name):    # a name the file needs
        class_name = f"My{class_name}"
    text = _BEGINNING.format(name=name, class_name=class_name, header="-".join(words))
    try:
        with open(args.file, "x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        print(f"fastgate plugins: {args.file}: {error.strerror}", file=sys.stderr)
        return 1
    print(f"{args.file}: edit it, then: fastgate plugins check {args.file}")
    return 0
