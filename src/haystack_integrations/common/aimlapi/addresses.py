# SPDX-FileCopyrightText: 2026-present AIMLAPI Haystack contributors
#
# SPDX-License-Identifier: Apache-2.0

"""Which addresses may be downloaded from, and how they are shown."""

import ipaddress
import re
import socket
import threading
from concurrent.futures import Future

import httpx2

_SHOWN_LENGTH = 200


def _networks(*networks: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(map(ipaddress.ip_network, networks))


# IPv4 in IPv6: mapped, compatible, and translated by NAT64, which is how networks without IPv4 reach it.
_IPV4_IN_IPV6 = _networks("::ffff:0:0/96", "::/96", "64:ff9b::/96")
# What `is_global` takes for public, at least in some versions of Python.
_NOT_PUBLIC = _networks(
    *("192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/4"),
    *("::/3", "2001::/23", "3fff::/20", "4000::/2", "8000::/1"),  # of IPv6, only 2000::/3 is given out
)
# The metadata services of clouds, which hand out credentials, and tunnels, whose other end cannot be told.
_FORBIDDEN = _networks(
    "169.254.0.0/16",  # link-local: AWS, Google, Azure, Oracle, Tencent, Scaleway and others
    "100.100.100.200/32",  # Alibaba
    "168.63.129.16/32",  # Azure's wire server
    "192.0.0.192/32",  # Oracle's older one
    *("fd00:ec2::/32", "fd20:ce::254/128", "fd00:42::42/128"),  # AWS, Google, Scaleway
    *("2002::/16", "2001::/32", "64:ff9b:1::/48"),  # 6to4, Teredo, local NAT64
)


class DownloadError(Exception):
    """
    An image could not be downloaded.

    The text says why, to be told after "the download failed: ". It holds no user information and no query of an
    address.
    """


class PassingError(DownloadError):
    """The same download may succeed a moment later."""


def printable(text: str) -> str:
    """
    Make a text that comes from elsewhere fit for a message: short, on one line, and without what cannot be encoded.

    :param text: Any text.
    :returns: The text to show.
    """
    if len(text) > _SHOWN_LENGTH:
        text = f"{text[:_SHOWN_LENGTH]}..."
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def shown(url: str) -> str:
    """
    Make an address fit for a message: without user information and query, which may be secret.

    :param url: Any text.
    :returns: The text to show.
    """
    address = re.split(r"[?#]", url, maxsplit=1)[0]
    return printable(re.sub(r"^((?:[a-z][a-z0-9+.-]*:)?[/\\]*)[^/\\]*@", r"\1", address, flags=re.IGNORECASE))


def parse(url: str) -> httpx2.URL:
    """
    Parse an address as the HTTP client does that will use it.

    :param url: Any text.
    :returns: The address, its host in ASCII and without the dots at its end.
    :raises DownloadError: If it is not an absolute address of http or https with a host, and nothing hidden.
    """
    try:
        address = httpx2.URL(url)
        host = address.raw_host.decode().rstrip(".")
        if not (problem := _problem(address, host)):
            return address.copy_with(host=host)
    except (httpx2.InvalidURL, ValueError) as error:
        problem = printable(str(error))
    msg = f"it is no address of an image: {problem}"
    raise DownloadError(msg)


def _problem(address: httpx2.URL, host: str) -> str | None:
    if address.scheme not in ("http", "https"):
        return f"it must begin with http:// or https://, not '{printable(address.scheme)}'"
    if address.userinfo:
        return "it holds user information"
    if not host:
        return "it has no host"
    if "%" in host:
        return f"its host has an escape or a zone: {printable(host)}"
    if address.port is not None and not 0 < address.port < 1 << 16:
        return f"there is no port {printable(str(address.port))}"
    return None


def look_up(host: str) -> Future[list[str]]:
    """
    Resolve a name, in a thread of its own since that knows no timeout.

    :param host: A name or an address, in any spelling that the system knows.
    :returns: Its addresses, in the order to try them; or a DownloadError.
    """
    future: Future[list[str]] = Future()
    future.set_running_or_notify_cancel()  # from here on, whoever stops waiting leaves it as it is

    def resolve() -> None:
        try:
            found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            future.set_result(list(dict.fromkeys(str(address[0]) for *_, address in found)))
        except Exception as error:  # of whatever kind, or who waits would wait in vain
            kind = PassingError if getattr(error, "errno", None) == socket.EAI_AGAIN else DownloadError
            future.set_exception(kind(f"the host {printable(host)} has no address: {printable(str(error))}"))

    threading.Thread(target=resolve, daemon=True).start()
    return future


def is_public(address: str) -> bool:
    """
    Tell whether an address belongs to the public internet.

    :param address: An IPv4 or IPv6 address.
    :returns: False if it is private, reserved, a tunnel's, or a cloud's own.
    """
    ip = _destination(address)
    return ip.is_global and not any(ip in network for network in (*_NOT_PUBLIC, *_FORBIDDEN))


def is_forbidden(address: str) -> bool:
    """
    Tell whether an address is to be kept away from even where private ones are allowed.

    :param address: An IPv4 or IPv6 address.
    :returns: True for metadata services of clouds and for tunnels.
    """
    ip = _destination(address)
    return any(ip in network for network in _FORBIDDEN)


def _destination(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    ip = ipaddress.ip_address(address)
    if any(ip in network for network in _IPV4_IN_IPV6):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip
