"""A feed: which address, which format, which commune. YAML of `deploy/feeds/<commune>/` comes in, a `Feed` goes out."""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SerializeAsAny, ValidationError, model_validator

from connectors import formats, transports
from connectors.breaker import BreakerOptions
from connectors.model import FormatOptions
from connectors.rhythm import Rhythm
from schemas import Kind, contract
from schemas.documents import TENANT

MAX_FEED_BYTES = 1_000_000
VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")


class TransportOptions(BaseModel):
    """Base of a transport's options, as they stand in a feed's YAML under ``transport``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str

    @property
    def least_pause_seconds(self) -> float:
        """What a source may expect as the pause between two attempts of a feed that is paused."""
        return 0.0


class FeedError(ValueError):
    """A feed's file that cannot be used; says which, where and what to change."""


def plugin(package: ModuleType, kind: str) -> Any:
    """The module of that name in a package of plugins.

    Raises:
        ValueError: there is none; the message lists those there are.
    """
    known = sorted(m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_"))
    if kind not in known:
        raise ValueError(f"no {package.__name__.rsplit('.', 1)[-1][:-1]} {kind!r}; there are {', '.join(known)}")
    return importlib.import_module(f"{package.__name__}.{kind}")


def _options(package: ModuleType) -> BeforeValidator:
    def load(value: Any) -> Any:
        if not isinstance(value, dict) or "kind" not in value:
            raise ValueError("needs a mapping with 'kind'")
        return plugin(package, value["kind"]).Options.model_validate(value)

    return BeforeValidator(load)


AnyTransport = Annotated[SerializeAsAny[TransportOptions], _options(transports)]
AnyFormat = Annotated[SerializeAsAny[FormatOptions], _options(formats)]


class ReferenceSource(BaseModel):
    """Where a feed's reference comes from (places, capacities, timetable) and how often it is read again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    transport: AnyTransport
    format: AnyFormat
    refresh_seconds: float = Field(default=86_400, gt=0)


class FeedHead(Rhythm):
    """What a feed is and how often it speaks: all that is said of it without its address. Its id is its file's name."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,127}$")
    tenant: str = Field(pattern=f"^{TENANT}$")
    event: str
    title: str
    licence: str | None = None
    enabled: bool = True


class Feed(FeedHead):
    """One source of events of one tenant."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    transport: AnyTransport
    format: AnyFormat
    reference: ReferenceSource | None = None
    defaults: dict[str, Any] = Field(default_factory=dict)
    future_tolerance_seconds: float = Field(default=600, gt=0)
    max_record_bytes: int = Field(default=1_000_000, gt=0)
    breaker: BreakerOptions | None = Field(default_factory=BreakerOptions)

    @model_validator(mode="before")
    @classmethod
    def _tell_formats_the_event(cls, feed: Any) -> Any:
        """A format with a declared mapping needs the event; it is written once, at the feed."""
        if not isinstance(feed, dict) or "event" not in feed:
            return feed
        told = {**feed, "format": _told(feed["format"], feed["event"])} if "format" in feed else {**feed}
        reference = feed.get("reference")
        if isinstance(reference, dict) and "format" in reference:
            told["reference"] = {**reference, "format": _told(reference["format"], feed["event"])}
        return told


def _told(options: Any, event: Any) -> Any:
    if not isinstance(options, dict) or "event" in options:
        return options
    try:
        asked = "event" in plugin(formats, options.get("kind", "")).Options.model_fields
    except ValueError:  # no such format: the field says so
        return options
    return {**options, "event": event} if asked else options


def load_feed(path: Path, variables: Mapping[str, str] = os.environ) -> Feed:
    """The feed described by a YAML file; ``${NAME}`` in a text is replaced by that variable.

    Raises:
        FeedError: it is not YAML, or not a feed, or names an event that is not there.
    """
    with _named(path):
        feed = Feed.model_validate({"id": path.stem, **_replaced(_read(path), variables)})
        event = contract(feed.event)
    if event.kind is not Kind.EVENT:
        raise FeedError(f"{path}: {feed.event} is a {event.kind}, a feed brings events")
    unknown = set(feed.defaults) - set(event.field_names)
    if unknown:
        raise FeedError(f"{path}: defaults name no field of {feed.event}: {', '.join(sorted(unknown))}")
    return feed


def load_head(path: Path) -> FeedHead:
    """What a YAML file says of its feed without the address; it needs no variables.

    Raises:
        FeedError: it is not YAML, or not a feed, or names an event that is not there.
    """
    with _named(path):
        head = FeedHead.model_validate({"id": path.stem, **_read(path)})
        contract(head.event)
    return head


def load_feeds(folder: Path, variables: Mapping[str, str] = os.environ) -> list[Feed]:
    """All enabled feeds under a folder, in the order of their names; or that of one file.

    Raises:
        FeedError: one of them cannot be used, or two share an id.
    """
    return _enabled(folder, [load_feed(path, variables) for path in _files(folder)])


def load_heads(folder: Path) -> list[FeedHead]:
    """The heads of all enabled feeds under a folder, in the order of their names; or that of one file.

    Raises:
        FeedError: one of them is no feed, or two share an id.
    """
    return _enabled(folder, [load_head(path) for path in _files(folder)])


H = TypeVar("H", bound=FeedHead)


def _enabled(folder: Path, found: Sequence[H]) -> list[H]:
    feeds = [f for f in found if f.enabled]
    twice = sorted(id_ for id_, times in Counter(f.id for f in feeds).items() if times > 1)
    if twice:
        raise FeedError(f"{folder}: more than one feed is called {', '.join(twice)}")
    return feeds


def _files(folder: Path) -> list[Path]:
    return [folder] if folder.is_file() else sorted(folder.rglob("*.yaml"))


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Errors in a feed's file, with the file and the place in it."""
    try:
        yield
    except ValidationError as e:
        raise FeedError(f"{path}:\n" + "\n".join(f"  {_where(x)}: {x['msg']}" for x in e.errors())) from e
    except KeyError as e:
        raise FeedError(f"{path}: no contract or variable {e}") from e
    except (OSError, yaml.YAMLError) as e:
        raise FeedError(f"{path}: {e}") from e


class _Loader(yaml.SafeLoader):
    """YAML without aliases: with them a few lines become more than any memory holds."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("it has an alias, which no feed needs")
        return super().compose_node(parent, index)


def _read(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MAX_FEED_BYTES:
        raise FeedError(f"{path}: over {MAX_FEED_BYTES} bytes")
    try:
        loaded = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe one
    except RecursionError as e:
        raise FeedError(f"{path}: too many levels") from e
    if not isinstance(loaded, dict):
        raise FeedError(f"{path}: a feed is a mapping, with tenant, event, title, transport and format")
    return loaded


def _replaced(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return VARIABLE.sub(lambda m: variables[m[1]], value)
    if isinstance(value, dict):
        return {k: _replaced(v, variables) for k, v in value.items()}
    if isinstance(value, list):
        return [_replaced(v, variables) for v in value]
    return value


def _where(error: Any) -> str:
    return ".".join(str(p) for p in error["loc"]) or "feed"
