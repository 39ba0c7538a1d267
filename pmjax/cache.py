"""The folder where compiled programs are kept between runs, in the user's cache."""

import os
from pathlib import Path

from pmjax.errors import UserError


def cache_dir() -> Path:
    """Returns PMJAX_CACHE when set, else `pmjax/jax` in the user's cache folder ($XDG_CACHE_HOME or ~/.cache)."""
    if chosen := os.environ.get("PMJAX_CACHE"):
        return Path(chosen)
    # The XDG specification says to take a relative path for unset.
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "pmjax" / "jax"


def enable_compilation_cache() -> Path:
    """Makes JAX keep compiled programs in `cache_dir()`, and returns that folder.

    Raises:
        UserError: the folder cannot be made.
    """
    import jax

    folder = cache_dir()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cache folder {folder}: {error.strerror}; set PMJAX_CACHE to a writable one") from error
    jax.config.update("jax_compilation_cache_dir", str(folder))
    # JAX keeps only programs that took a second; a start compiles a dozen that take a hundredth each.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    return folder
