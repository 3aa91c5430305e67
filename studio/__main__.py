"""`python -m studio`: open the studio in the browser of this machine."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rubrics.errors import UserError

if TYPE_CHECKING:
    from studio.identity import Identity

MAX_UPLOAD_MB = 200
HERE = Path(__file__).parent


def main(arguments: list[str] | None = None) -> int:
    """Serve until interrupted. Exit code 1, with one line, when the user can mend what is wrong."""
    options = _parser().parse_args(arguments)
    os.environ["KARDIA_HOME"] = str(options.home.resolve())
    os.environ["KARDIA_DEMO"] = "1" if options.demo else "0"
    try:
        _serve(options.address, options.port)
    except UserError as error:
        from studio.log import say

        say(f"studio: {error}", "not_started", why=str(error))
        return 1
    return 0


def _serve(address: str, port: int) -> None:
    # Whoever connects is who they are: nothing but the door decides which proxy is believed.
    os.environ["FORWARDED_ALLOW_IPS"] = ""
    from db.store import Store
    from studio.asgi import IDENTITY, app
    from studio.ending import leave
    from studio.log import keep_texts_out, say

    keep_texts_out()
    IDENTITY.check_address(address)
    # A busy or broken store is better said here, in one line, than from inside the server's start.
    Store.open(Path(os.environ["KARDIA_HOME"])).close()
    url = f"http://{address}:{port}"
    say(f"Kardia Studio: {url}  (Ctrl+C ends it; running jobs go on)", "listening", url=url)
    try:
        app.run(config=_settings(address, port, IDENTITY))
    except KeyboardInterrupt:  # the server raises it once more when it has ended
        leave(130)
    leave()


def _settings(address: str, port: int, identity: "Identity") -> dict[str, Any]:
    """`trustedUserHeaders` fills `st.user`, and only the door lets the proxy's connections through to it."""
    told = {"server.trustedUserHeaders": {identity.header: "email"}} if identity.way == "proxy" else {}
    return {
        **told,
        "server.address": address,
        "server.port": port,
        "server.headless": True,
        # Python collects garbage when there is some; after every run, all threads would wait for it.
        "runner.postScriptGC": False,
        "server.fileWatcherType": "none",
        "server.allowedHosts": list(identity.hosts),
        "server.enableAgentApi": False,
        "server.maxUploadSize": MAX_UPLOAD_MB,
        "browser.gatherUsageStats": False,
        "logger.level": "warning",  # of Streamlit and of the server, which tells of every connection otherwise
        "logger.hideWelcomeMessage": True,  # ours says where the studio is
        "logger.enableRich": False,  # it would print what an exception says past the log (studio/log.py)
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        # A table's own CSV would hand a spreadsheet texts as formulas; ours marks them (pipeline/spreadsheet.py).
        "client.disableDataExport": True,
        "theme.base": str(HERE / "theme.toml"),
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m studio",
        description="Open the studio on this machine.",
        epilog="Example: python -m studio --demo --port 8501",
    )
    home = Path(os.environ.get("KARDIA_HOME", ".kardia"))
    parser.add_argument(
        "--home", type=Path, default=home, help="folder of the store and the runs (default: %(default)s)"
    )
    parser.add_argument("--port", type=int, default=8501, help="default: %(default)s")
    parser.add_argument(
        "--address",
        default="127.0.0.1",
        help="a loopback address, or any once sign-in is configured (docs/deploy.md; default: %(default)s)",
    )
    parser.add_argument("--demo", action="store_true", help="load the demo people, rubrics, personas and dialogues")
    return parser


if __name__ == "__main__":
    sys.exit(main())
