"""Settings of sign-in: what is missing or unsafe is refused in one line that never repeats a secret."""

from pathlib import Path

import pytest

from rubrics.errors import UserError
from studio.identity import Identity, configured

SECRET = "the-clients-secret"
PROVIDER = {
    "KARDIA_PUBLIC_URL": "https://studio.example.org",
    "KARDIA_OIDC_METADATA_URL": "https://idp.example.org/.well-known/openid-configuration",
    "KARDIA_OIDC_CLIENT_ID": "studio",
    "KARDIA_OIDC_CLIENT_SECRET": SECRET,
    "KARDIA_COOKIE_SECRET": "x" * 32,
}
PROXY = {
    "KARDIA_PUBLIC_URL": "https://studio.example.org",
    "KARDIA_PROXY_HEADER": "X-Forwarded-Email",
    "KARDIA_PROXY_ADDRESSES": "10.0.0.5, 10.1.0.0/16",
}


def test_nothing_configured_means_names_on_this_machine_alone(tmp_path: Path) -> None:
    found = configured(tmp_path, {})
    assert found == Identity()
    for address in ("127.0.0.1", "localhost", "::1", "127.9.9.9"):
        assert found.check_address(address) == address
    for address in ("0.0.0.0", "::", "192.168.1.4", "studio.example.org", "::ffff:10.0.0.1"):
        with pytest.raises(UserError, match="this machine alone"):
            found.check_address(address)


def test_a_provider_opens_other_addresses_and_its_secrets_leave_the_environment(tmp_path: Path) -> None:
    environ = {**PROVIDER, "PATH": "/bin"}
    found = configured(tmp_path, environ)
    assert found.way == "provider"
    assert found.auth["redirect_uri"] == "https://studio.example.org/oauth2callback"
    assert found.check_address("0.0.0.0") == "0.0.0.0"
    assert found.hosts[0] == "studio.example.org"
    assert SECRET not in str(environ)
    assert SECRET not in repr(found)


@pytest.mark.parametrize("missing", [name for name in PROVIDER if name != "KARDIA_PUBLIC_URL"])
def test_half_a_provider_is_refused(tmp_path: Path, missing: str) -> None:
    with pytest.raises(UserError, match=missing) as told:
        configured(tmp_path, {name: value for name, value in PROVIDER.items() if name != missing})
    assert SECRET not in str(told.value)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"KARDIA_COOKIE_SECRET": "short"}, "at least 32"),
        ({"KARDIA_PUBLIC_URL": "http://studio.example.org"}, "https://"),
        ({"KARDIA_PUBLIC_URL": "studio.example.org"}, "the address in people's browsers"),
        ({"KARDIA_PROXY_HEADER": "X-User", "KARDIA_PROXY_ADDRESSES": "10.0.0.5"}, "twice"),
    ],
)
def test_what_is_unsafe_is_refused(tmp_path: Path, changed: dict[str, str], words: str) -> None:
    with pytest.raises(UserError, match=words):
        configured(tmp_path, {**PROVIDER, **changed})


def test_a_proxy_is_believed_by_address(tmp_path: Path) -> None:
    found = configured(tmp_path, dict(PROXY))
    assert [found.believes(one) for one in ("10.0.0.5", "10.1.77.1")] == [True, True]
    assert [found.believes(one) for one in ("10.0.0.6", "127.0.0.1", "", "proxy")] == [False] * 4


@pytest.mark.parametrize(
    ("addresses", "words"), [("", "name the proxy"), ("0.0.0.0/0", "everybody"), ("nginx", "no ad")]
)
def test_a_proxy_anywhere_is_refused(tmp_path: Path, addresses: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        configured(tmp_path, {**PROXY, "KARDIA_PROXY_ADDRESSES": addresses})


def test_settings_in_the_homes_file_count_when_only_its_owner_reads_it(tmp_path: Path) -> None:
    file = tmp_path / ".streamlit" / "secrets.toml"
    file.parent.mkdir()
    names = {
        "KARDIA_PUBLIC_URL": "public_url",
        "KARDIA_PROXY_HEADER": "proxy_header",
        "KARDIA_PROXY_ADDRESSES": "proxy_addresses",
    }
    file.write_text("[kardia]\n" + "".join(f'{names[name]} = "{value}"\n' for name, value in PROXY.items()))
    file.chmod(0o644)
    with pytest.raises(UserError, match="chmod 600"):
        configured(tmp_path, {})
    file.chmod(0o600)
    assert configured(tmp_path, {}) == configured(tmp_path / "elsewhere", dict(PROXY))
    file.write_text(f'[kardia]\nclient_secret = "{SECRET}')
    with pytest.raises(UserError, match="is no TOML") as told:
        configured(tmp_path, {})
    assert SECRET not in str(told.value)
