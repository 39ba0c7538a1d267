from pathlib import Path

import jax
import pytest

from pmjax.cache import cache_dir, enable_compilation_cache
from pmjax.errors import UserError


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"PMJAX_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, "/a"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/pmjax/jax"),
        ({"XDG_CACHE_HOME": "relative"}, "/home/me/.cache/pmjax/jax"),
        ({"PMJAX_CACHE": ""}, "/home/me/.cache/pmjax/jax"),
        ({}, "/home/me/.cache/pmjax/jax"),
    ],
)
def test_cache_dir_follows_the_environment(monkeypatch, environment, expected):
    for name in ("PMJAX_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache_dir() == Path(expected)


def test_a_cache_that_cannot_be_made_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("PMJAX_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(UserError, match="file/cache: Not a directory; set PMJAX_CACHE"):
        enable_compilation_cache()


def test_enabled_cache_is_the_one_that_jax_uses(monkeypatch, tmp_path):
    before = {name: getattr(jax.config, name) for name in ("jax_compilation_cache_dir",)}
    monkeypatch.setenv("PMJAX_CACHE", str(tmp_path / "new"))
    try:
        assert enable_compilation_cache() == tmp_path / "new"
        assert jax.config.jax_compilation_cache_dir == str(tmp_path / "new")
        assert (tmp_path / "new").is_dir()
    finally:
        jax.config.update("jax_compilation_cache_dir", before["jax_compilation_cache_dir"])
