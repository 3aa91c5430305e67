"""How the studio knows who is here, decided once when it starts.

* names: people choose their name from a list. It proves nothing, so the studio then serves this machine alone.
* provider: an OpenID Connect provider signs people in (`st.login`); an e-mail address says who they are here.
* proxy: a proxy that signs people in names their address in a header; only the proxy's own addresses are believed.

Settings come from the environment or from `.streamlit/secrets.toml` in the home (which only its owner may read), never
from the repository. What is secret is taken out of the environment once it is read: no job inherits it.
"""

import ipaddress
import os
import stat
import tomllib
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from rubrics.errors import UserError

Way = Literal["names", "provider", "proxy"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PROVIDER = {
    "server_metadata_url": "KARDIA_OIDC_METADATA_URL",
    "client_id": "KARDIA_OIDC_CLIENT_ID",
    "client_secret": "KARDIA_OIDC_CLIENT_SECRET",
    "cookie_secret": "KARDIA_COOKIE_SECRET",
}
_SECRET = ("KARDIA_OIDC_CLIENT_SECRET", "KARDIA_COOKIE_SECRET", "KARDIA_METRICS_TOKEN")
_LOCAL_HOSTS = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class Identity:
    """How people are known. `auth` is Streamlit's own section of secrets, `hosts` what a browser may call us.

    `header` is the proxy's, `peers` the addresses from which it is believed. `metrics_token` opens /metrics.
    """

    way: Way = "names"
    hosts: tuple[str, ...] = _LOCAL_HOSTS
    auth: dict[str, str] = field(default_factory=dict, repr=False)
    header: str = ""
    peers: tuple[Network, ...] = ()
    metrics_token: str = field(default="", repr=False)

    def believes(self, peer: str) -> bool:
        """Whether a connection from that address is the proxy's."""
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self.peers)

    def check_address(self, address: str) -> str:
        """The address to listen on, if that is safe with this way. Raises UserError otherwise."""
        if self.way != "names" or is_loopback(address):
            return address
        raise UserError(
            f'address "{address}": the studio serves this machine alone until sign-in is configured '
            "(docs/deploy.md); use 127.0.0.1"
        )


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach that address."""
    try:
        return address == "localhost" or ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def configured(home: Path, environ: MutableMapping[str, str]) -> Identity:
    """Read the settings and take the secret ones out of `environ`. Raises UserError that names what is missing."""
    told = {**_of_file(home / ".streamlit" / "secrets.toml"), **_of_environment(environ)}
    for name in _SECRET:
        environ.pop(name, None)
    token = told.pop("metrics_token", "")
    header, public = told.pop("proxy_header", ""), told.pop("public_url", "")
    addresses = told.pop("proxy_addresses", "")
    if header and told:
        raise UserError("Sign-in is configured twice: choose a provider or a proxy, not both (docs/deploy.md)")
    if header:
        return Identity("proxy", _hosts(public), {}, header, _networks(addresses), token)
    if told:
        return Identity("provider", _hosts(public), _auth(told, public), metrics_token=token)
    return Identity(metrics_token=token)


def _of_environment(environ: MutableMapping[str, str]) -> dict[str, str]:
    names = {
        **_PROVIDER,
        "public_url": "KARDIA_PUBLIC_URL",
        "proxy_header": "KARDIA_PROXY_HEADER",
        "proxy_addresses": "KARDIA_PROXY_ADDRESSES",
        "metrics_token": "KARDIA_METRICS_TOKEN",
    }
    return {name: environ[variable].strip() for name, variable in names.items() if environ.get(variable, "").strip()}


def _of_file(file: Path) -> dict[str, str]:
    """The [kardia] section of the home's secrets. Raises UserError when others can read it or it is no TOML."""
    if not file.is_file():
        return {}
    if os.name == "posix" and file.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH):
        raise UserError(f"{file}: others on this machine can read it; run chmod 600 on it")
    try:
        section: Any = tomllib.loads(file.read_text(encoding="utf-8")).get("kardia", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        # What is wrong there may be a secret: its words stay out of the message.
        raise UserError(f"{file}: is no TOML; see docs/deploy.md for what goes into it") from None
    known = {*_PROVIDER, "public_url", "proxy_header", "proxy_addresses", "metrics_token"}
    if unknown := sorted(set(section) - known):
        raise UserError(f"{file}: [kardia] has no {unknown[0]}; it may have {', '.join(sorted(known))}")
    return {name: str(value).strip() for name, value in section.items() if str(value).strip()}


def _auth(told: dict[str, str], public: str) -> dict[str, str]:
    missing = [f"{variable} ({name})" for name, variable in _PROVIDER.items() if not told.get(name)]
    if missing:
        raise UserError(f"Sign-in by a provider needs {missing[0]} too; see docs/deploy.md")
    if len(told["cookie_secret"]) < 32:
        raise UserError("KARDIA_COOKIE_SECRET: give at least 32 random characters, from `openssl rand -hex 32` say")
    return {**told, "redirect_uri": f"{public.rstrip('/')}/oauth2callback"}


def _hosts(public: str) -> tuple[str, ...]:
    """The name that browsers call the studio by; https, or http on this machine alone."""
    parts = urlsplit(public)
    if not parts.hostname or parts.scheme not in ("http", "https"):
        raise UserError("KARDIA_PUBLIC_URL: give the address in people's browsers, such as https://studio.example.org")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise UserError(
            "KARDIA_PUBLIC_URL: beyond this machine it must begin with https://, or sign-in could be overheard"
        )
    return (parts.hostname, *_LOCAL_HOSTS)


def _networks(addresses: str) -> tuple[Network, ...]:
    """The proxy's addresses or networks, separated by commas. "Everybody" is refused: anyone could be anyone."""
    found = []
    for one in filter(None, (part.strip() for part in addresses.split(","))):
        try:
            network = ipaddress.ip_network(one)
        except ValueError:
            raise UserError(f"KARDIA_PROXY_ADDRESSES: {one[:60]} is no address or network") from None
        if network.prefixlen == 0:
            raise UserError(f"KARDIA_PROXY_ADDRESSES: {one} is everybody; name the proxy alone")
        found.append(network)
    if not found:
        raise UserError("KARDIA_PROXY_ADDRESSES: name the proxy's address, or anyone could say who they are")
    return tuple(found)
