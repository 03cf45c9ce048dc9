from __future__ import annotations

import pytest

from garonne.editing import edited


@pytest.fixture(autouse=True)
def no_editor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.delenv("EDITOR", raising=False)


def test_an_editor_with_arguments_changes_any_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "sed -i 's/a b/c/'")
    assert edited(b"\xffa b\n") == b"\xffc\n"


def test_the_editor_is_no_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", "true; sed -i s/a/b/")
    with pytest.raises(FileNotFoundError):
        edited(b"a")


@pytest.mark.parametrize(
    ("editor", "said"), [("true", "nothing was changed"), ("false", "ended with 1"), ("", "set VISUAL")]
)
def test_nothing_is_kept_without_a_change(editor: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", editor)
    with pytest.raises(RuntimeError, match=said):
        edited(b"a")
