"""One look-up of one name: asks the DNS, or the system where the DNS does not know."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from fastgate.aside import aside

from .addresses import in_order, one_family, preferred_version, split_address

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver as DnsResolver


@dataclass(frozen=True, slots=True)
class Answer:
    addresses: tuple[str, ...]      # at least one, all of one family, in order
    ttl: float                      # seconds, as the DNS gave it


class NameNotFound(Exception):
    """The name, or an address of it, does not exist."""


class LookupFailed(Exception):
    """No usable answer: time-out, refusal, failure of the name servers."""


class Dns:
    """Stub resolver over dnspython, which is imported with the first question.

    `nameservers`: addresses with optional port; none: those of `resolv_conf`, which is
    read again when it changes. Search domains and options are always taken from there.
    `timeout_s` bounds one try; a question may take one more try than there are servers.
    """

    def __init__(self, nameservers: Sequence[str], timeout_s: float, resolv_conf: str = "/etc/resolv.conf") -> None:
        self._nameservers = [split_address(text, 53) for text in nameservers]
        self._timeout_s = timeout_s
        self._resolv_conf = resolv_conf
        self._stamp: tuple[int, int] | None = None
        self._resolver: DnsResolver | None = None
        self.questions = 0

    async def lookup(self, name: str) -> Answer:
        """A records, or AAAA where there are none (the other way round on an IPv6-only host).

        One family only, as Kong does by its default order of A before AAAA: targets
        whose second family nobody listens on would fail every other request.
        Raises NameNotFound or LookupFailed.
        """
        resolver = self._configured()
        if resolver is None:
            raise NameNotFound(f"no name server in {self._resolv_conf}")
        for kind in ("A", "AAAA") if preferred_version() == 4 else ("AAAA", "A"):
            if answer := await self._ask(resolver, name, kind):
                return answer
        raise NameNotFound("has no address")

    async def _ask(self, resolver: DnsResolver, name: str, kind: str) -> Answer | None:
        import dns.exception
        import dns.resolver

        self.questions += 1
        try:
            # CNAMEs are followed, and the shortest TTL of the chain is the answer's.
            reply = await resolver.resolve(name, kind, search=True, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN:
            raise NameNotFound("does not exist") from None
        except dns.resolver.YXDOMAIN:
            raise NameNotFound("is too long after substitution") from None
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise LookupFailed(str(error) or type(error).__name__) from error
        if reply.rrset is None:
            return None
        return Answer(in_order(record.address for record in reply.rrset), reply.chaining_result.minimum_ttl)

    def _configured(self) -> DnsResolver | None:
        """The dnspython resolver, made anew when resolv.conf changed; None: no name servers."""
        stamp = None
        try:
            status = os.stat(self._resolv_conf)
            stamp = (status.st_mtime_ns, status.st_ino)
        except OSError:
            pass        # not there yet, on a board that still waits for its network
        if self._resolver is not None and stamp == self._stamp:
            return self._resolver
        self._stamp = stamp
        self._resolver = self._configure()
        return self._resolver

    def _configure(self) -> DnsResolver | None:
        import dns.asyncresolver
        import dns.nameserver
        import dns.resolver

        resolver = dns.asyncresolver.Resolver(configure=False)
        try:
            resolver.read_resolv_conf(self._resolv_conf)
        except (dns.resolver.NoResolverConfiguration, OSError):
            if not self._nameservers:
                return None
        if self._nameservers:
            resolver.nameservers = [dns.nameserver.Do53Nameserver(*server) for server in self._nameservers]
        resolver.timeout = self._timeout_s
        resolver.lifetime = self._timeout_s * (len(resolver.nameservers) + 1)
        return resolver


async def system_lookup(name: str) -> tuple[str, ...]:
    """Addresses by getaddrinfo (mDNS, NSS), which may block for minutes. Raises NameNotFound."""
    try:
        found = await aside(f"lookup-{name}", partial(socket.getaddrinfo, name, None, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        raise NameNotFound(str(error)) from None
    # Link-local addresses come with a scope ("fe80::1%eth0") and are of no use here.
    addresses = [address for address in (str(entry[4][0]) for entry in found) if "%" not in address]
    if not addresses:
        raise NameNotFound("has no address")
    return one_family(addresses, preferred_version())
