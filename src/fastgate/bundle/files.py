"""Files of a bundle that are neither Debian's nor a package's."""

from pathlib import Path

from fastgate.bundle.machines import PYTHON, Machine

USER = 65532        # "nonroot" of many images; no distribution gives it to anybody

# Folders that something is mounted on.
MOUNT_POINTS = ("dev", "proc", "sys", "run/fastgate", "tmp", "var/log/fastgate", "etc/fastgate")

# The loader and the libraries are the tree's own: the distribution's may be of another age, or another C library.
LAUNCHER = """\
#!/bin/sh
# Starts the fastgate that lies beside this file, wherever that is, with its own Python and libraries.
self=$0
if [ -L "$self" ]; then self=$(readlink -f "$self"); fi
case $self in */*) ;; *) self=./$self ;; esac
here=$(CDPATH= cd "${{self%/*}}/" && pwd -P) || exit 1
# Whom to trust, for plugins that speak TLS: this machine's authorities, or those of the bundle.
if [ -z "$SSL_CERT_FILE" ]; then
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
    [ -r "$SSL_CERT_FILE" ] || SSL_CERT_FILE=$here/etc/ssl/certs/ca-certificates.crt
    export SSL_CERT_FILE
fi
exec "$here/{loader}" --inhibit-cache --library-path "$here/lib/{multiarch}" "$here/usr/bin/python{python}" -I -m fastgate "$@"
"""

# For where the tree is the root: the kernel starts the interpreter named here, no shell is needed.
PROGRAM = """\
#!/usr/bin/python{python} -I
import sys

from fastgate.cli.main import main

sys.exit(main())
"""

CONFIG = """\
# A first configuration: one API behind port 8000, at /orders.
_format_version: "3.0"

gateway:
  proxy_listen: ["0.0.0.0:8000"]
  status_listen: "127.0.0.1:8007"
  # Under systemd each request would be a line of the journal, which drops lines where many come, and wears the card it is kept on.
  # fastgate-bundle.service has the folder /var/log/fastgate for a file instead; in a container write "stdout".
  access_log: "off"
  # Fits the 64 MiB of fastgate-bundle.service, with as many reactors as usual boards have cores: each takes 1 MiB of it.
  memory_budget: 56MiB
  workers: 4

services:
- name: orders
  url: http://127.0.0.1:9000
  routes:
  - name: orders
    paths: [/orders]
"""

SERVICE = """\
# fastgate from a bundle, shut into its tree: the service sees that and what is bound below, nothing else.
#
#   tar -xf fastgate-ARCH.tar.zst -C /opt           # makes /opt/fastgate
#   install -d /etc/fastgate && cp /opt/fastgate/etc/fastgate/fastgate.yaml /etc/fastgate/
#   install -m 644 /opt/fastgate/fastgate-bundle.service /etc/systemd/system/
#   systemctl daemon-reload && systemctl enable --now fastgate-bundle
#
# Where the tree is elsewhere than in /opt/fastgate, write that path below, once.

[Unit]
Description=fastgate API gateway
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
NotifyAccess=main
RootDirectory=/opt/fastgate
MountAPIVFS=yes
BindReadOnlyPaths=/etc/fastgate
# Files, as they are at the start: where a DHCP client replaces /etc/resolv.conf with name servers of another network,
# restart the service. With systemd-resolved, whose address never changes, that is not needed.
BindReadOnlyPaths=-/run/systemd/notify -/etc/resolv.conf -/etc/hosts -/etc/localtime
ExecStartPre=/usr/bin/fastgate check -c /etc/fastgate/fastgate.yaml
ExecStart=/usr/bin/fastgate run -c /etc/fastgate/fastgate.yaml
# Waits for the outcome and fails with the errors of the file, which a plain SIGHUP can't.
ExecReload=/usr/bin/fastgate reload -c /etc/fastgate/fastgate.yaml
# A little more than gateway.timeouts.drain.
TimeoutStopSec=40
WatchdogSec=30
Restart=on-failure
RestartSec=500ms
LimitNOFILE=131072
# Reactors, helper threads, those of plugins and applications in Python.
TasksMax=256
# With gateway.memory_budget in the file, a little less than this: work is then refused, before the kernel kills the process.
MemoryMax=64M
MemorySwapMax=0

DynamicUser=yes
# A group that may read the configuration, where secrets keep others from it.
SupplementaryGroups=
RuntimeDirectory=fastgate
LogsDirectory=fastgate
# For ports below 1024, name CAP_NET_BIND_SERVICE in both.
AmbientCapabilities=
CapabilityBoundingSet=

NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
PrivateMounts=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
# Routes' regular expressions then run in PCRE2's interpreter, not as machine code: slower, the same answers.
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
UMask=0077

[Install]
WantedBy=multi-user.target
"""


def write(tree: Path, machine: Machine) -> None:
    words = {"python": PYTHON, "loader": machine.loader, "multiarch": machine.multiarch}
    for place in MOUNT_POINTS:
        (tree / place).mkdir(parents=True, exist_ok=True)
    _write(tree / "fastgate", LAUNCHER.format(**words), 0o755)
    _write(tree / "usr/bin/fastgate", PROGRAM.format(**words), 0o755)
    _write(tree / "fastgate-bundle.service", SERVICE)
    _write(tree / "etc/fastgate/fastgate.yaml", CONFIG)
    _write(tree / "etc/passwd", f"root:x:0:0:root:/:/\nfastgate:x:{USER}:{USER}:fastgate:/:/\n")
    _write(tree / "etc/group", f"root:x:0:\nfastgate:x:{USER}:\n")
    _write(tree / "etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.write_text(text)
    path.chmod(mode)
