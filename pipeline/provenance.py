"""Which code and which packages a run was made with."""

import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

# What can change a run's numbers; the versions of everything else follow from requirements.txt.
_PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "deepspeed",
    "vllm",
    "datasets",
    "openai",
    "xllamacpp",
    "pandas",
    "pydantic",
)
_ROOT = Path(__file__).resolve().parent.parent


def code_version() -> str:
    """The commit, with "+changes" when files differ from it; the installed version outside a repository; else empty."""
    commit = _git("rev-parse", "HEAD")
    if commit and _git("rev-parse", "--show-toplevel") == str(_ROOT):
        return commit + ("+changes" if _git("status", "--porcelain", "--untracked-files=no") else "")
    return _version("kardia-studio")


@cache
def packages() -> dict[str, str]:
    """Name → version of the installed packages that matter; nothing is imported for it."""
    return {name: version for name in _PACKAGES if (version := _version(name))}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _git(*arguments: str) -> str:
    """Output of git in the code's own folder, empty when there is no git or no repository."""
    try:
        done = subprocess.run(["git", "-C", str(_ROOT), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
