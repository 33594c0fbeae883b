"""A DNS server for tests: answers from a dict, over UDP and TCP on loopback."""

from __future__ import annotations

import asyncio
import struct

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

DROP = "drop"
SERVFAIL = "servfail"
TRUNCATED = "truncated"      # over UDP; whole over TCP


class DnsServer:
    """`zone`: (name, type) -> (ttl, [records]), DROP, SERVFAIL or (TRUNCATED, ttl, [records]).

    A name with no entry at all is NXDOMAIN; with one of another type, NODATA. CNAMEs in
    the zone are followed, as a recursive server does.
    """

    def __init__(self) -> None:
        self.zone: dict[tuple[str, str], object] = {}
        self.asked: list[tuple[str, str]] = []
        self._waiting: list[tuple[str, int, asyncio.Future[None]]] = []
        self.port = 0

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            self._tcp = await asyncio.start_server(self._serve_tcp, "127.0.0.1", 0)
            self.port = self._tcp.sockets[0].getsockname()[1]
            try:
                self._udp, _ = await loop.create_datagram_endpoint(lambda: _Udp(self), local_addr=("127.0.0.1", self.port))
                return
            except OSError:     # somebody has the UDP port of that number
                self._tcp.close()

    async def close(self) -> None:
        self._udp.close()
        self._tcp.close()
        await self._tcp.wait_closed()

    async def wait_asked(self, name: str, times: int) -> None:
        """Until `name` was asked for at least `times` times."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((name, times, future))
        self._tell()
        await asyncio.wait_for(future, 60)

    def count(self, name: str, kind: str | None = None) -> int:
        return sum(1 for asked in self.asked if asked[0] == name and kind in (None, asked[1]))

    def answer(self, wire: bytes, is_udp: bool) -> bytes | None:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        self._tell()
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        for _ in range(8):
            entry = self.zone.get((name, kind))
            if entry is None and (name, "CNAME") in self.zone:
                ttl, (target,) = self.zone[name, "CNAME"]
                reply.answer.append(dns.rrset.from_text(name + ".", ttl, "IN", "CNAME", target + "."))
                name = target
                continue
            break
        if entry == DROP:
            return None
        if entry == SERVFAIL:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif entry is None:
            if not any(known == name for known, _ in self.zone):
                reply.set_rcode(dns.rcode.NXDOMAIN)
        else:
            if entry[0] == TRUNCATED:
                if is_udp:
                    reply.flags |= dns.flags.TC
                    return reply.to_wire()
                entry = entry[1:]
            ttl, records = entry
            reply.answer.append(dns.rrset.from_text(name + ".", ttl, "IN", kind, *records))
        return reply.to_wire()

    def _tell(self) -> None:
        for name, times, future in self._waiting:
            if self.count(name) >= times and not future.done():
                future.set_result(None)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (size,) = struct.unpack("!H", await reader.readexactly(2))
        if (wire := self.answer(await reader.readexactly(size), is_udp=False)) is not None:
            writer.write(struct.pack("!H", len(wire)) + wire)
            await writer.drain()
        writer.close()


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, server: DnsServer) -> None:
        self.server = server

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, address) -> None:
        if (wire := self.server.answer(data, is_udp=True)) is not None:
            self.transport.sendto(wire, address)
