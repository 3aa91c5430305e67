"""Put on PYTHONPATH by the tests: every Python process that they start refuses to speak to anything but this machine.

Python imports this by itself at the start of a process. What was refused goes into the file that $KARDIA_GUARD_LOG
names, one line each, so that a refusal which some library swallowed is found all the same.
"""

import ipaddress
import os
import sys

_WATCHED = ("socket.connect", "socket.sendto", "socket.getaddrinfo")


def stays_here(address: object) -> bool:
    """Whether an address (a host, or what `connect` takes) is this machine; a path of a Unix socket is."""
    host = address[0] if isinstance(address, tuple) and address else address
    if host is None or isinstance(host, bytes) or not isinstance(host, str):
        return True
    if host in ("", "localhost") or host.startswith(("/", "\0")):
        return True
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        # A name that by its rules leads nowhere (RFC 2606) is a test's way of saying "unreachable".
        return host.endswith((".invalid", ".test"))
    return found.is_loopback or found.is_unspecified


def _look(event: str, arguments: tuple[object, ...]) -> None:
    if event not in _WATCHED:
        return
    address = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
    if stays_here(address):
        return
    if file := os.environ.get("KARDIA_GUARD_LOG"):
        frame, way = sys._getframe(1), list[str]()
        while frame is not None:
            name = frame.f_code.co_filename
            if "/socket.py" not in name and ("site-packages" not in name or not way):
                way.append(f"{name}:{frame.f_lineno}")
            frame = frame.f_back
        where = " < ".join(way[:4])
        with open(file, "a", encoding="utf-8") as log:  # noqa: PTH123 as little as can be, in every process
            log.write(f"{event} {address!r} by {where} in {' '.join(sys.argv)[:200]}\n")
    raise PermissionError(f"{event}: nothing may leave this machine while tests run")


sys.addaudithook(_look)
