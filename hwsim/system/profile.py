"""System profiles: devices, the links between them, the host. One YAML file each, with the rules of device profiles."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationError

from hwsim.device import Device, load
from hwsim.device.library import SUFFIXES, shipped_folder
from hwsim.device.quantity import Closed, Count, NonNegative, Positive
from hwsim.device.yaml_reader import Document, Steps, read
from hwsim.errors import ProfileError, nearest
from hwsim.system.links import Link
from hwsim.system.part import Part, ordered

if TYPE_CHECKING:
    import networkx

MAX_INSTANCES = 4096
OWN_WORDS = ("estimated", "fitted", "arithmetic")


class _Source(Closed):
    text: str
    quality: str = ""


class _Part(Closed):
    name: str
    profile: str
    count: Count = Field(default=1, validate_default=True)


class _Wire(Closed):
    between: Annotated[list[str], Field(min_length=2, max_length=2)]
    bandwidth_gb_per_s: Positive
    latency_us: NonNegative = Field(default=0, validate_default=True)
    pj_per_bit: NonNegative | None = None
    stop_and_wait: bool = False


class _Network(Closed):
    name: str
    model: str
    on: str | Annotated[list[str], Field(min_length=1)]
    after: list[str] = Field(default_factory=list)
    probability: float | None = Field(default=None, ge=0, le=1)
    straggling: float | None = Field(default=None, ge=0, le=1e9)
    needed: int = Field(default=0, ge=0)
    bits: str | None = None
    batch: int | None = Field(default=None, ge=1)


class _Profile(Closed):
    name: str
    kind: Literal["system"]
    description: str = ""
    sources: dict[str, str | _Source] = Field(default_factory=dict)
    default_source: str = ""
    devices: Annotated[list[_Part], Field(min_length=1)]
    host: str = ""
    links: list[_Wire] = Field(default_factory=list)
    networks: list[_Network] = Field(default_factory=list)


@dataclass(frozen=True)
class System:
    """Devices by instance (``card3``; a single one keeps its name) and the links between them.

    links : (instance or switch, instance or switch) -> Link. host : the instance that requests come from, "" where there is none.
    networks : those that run on it, where the file says so.
    """

    name: str
    devices: Mapping[str, Device]
    links: Mapping[tuple[str, str], Link]
    host: str = ""
    description: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    networks: tuple[Part, ...] = ()

    @property
    def workers(self) -> tuple[str, ...]:
        """Instances that networks run on: all but the host, or the host where there is nothing else."""
        return tuple(name for name in self.devices if name != self.host) or tuple(self.devices)

    @cached_property
    def graph(self) -> networkx.Graph:  # type: ignore[type-arg]
        """Instances and switches, an edge for each link (attribute ``link``)."""
        import networkx

        graph: networkx.Graph[str] = networkx.Graph()
        graph.add_nodes_from(self.devices)
        for (one, other), link in self.links.items():
            graph.add_edge(one, other, link=link)
        return graph

    def path(self, start: str, end: str) -> tuple[tuple[str, str], ...]:
        """The hops from one instance to another, fewest first; raises ProfileError where there is no way."""
        import networkx

        if start == end:
            return ()
        try:
            nodes = networkx.shortest_path(self.graph, start, end)
        except networkx.NetworkXException:
            raise ProfileError(f"{self.name}: no link leads from {start} to {end}") from None
        return tuple(itertools.pairwise(nodes))

    def between(self, start: str, end: str) -> Link | None:
        """The way between two instances as one link: the narrowest of its hops, their latencies and energies added; None for none."""
        hops = [self.graph.edges[hop]["link"] for hop in self.path(start, end)]
        if not hops:
            return None
        energies = [link.energy for link in hops]
        energy = None if None in energies else sum(value for value in energies if value is not None)
        waits = any(link.stop_and_wait for link in hops)
        return Link(min(link.bandwidth for link in hops), sum(link.latency_s for link in hops), energy, waits)


def single(device: Device) -> System:
    """A system of one device and nothing else."""
    return System(device.name, {device.name: device}, {})


def copies(device: Device, count: int) -> System:
    """Equal devices without links, ``NAME.0``, ``NAME.1``, ...; one is ``single``."""
    if count == 1:
        return single(device)
    return System(f"{count} x {device.name}", {f"{device.name}.{number}": device for number in range(count)}, {})


def systems_folder() -> Path:
    """Where shipped systems lie."""
    return shipped_folder() / "systems"


def available_systems() -> tuple[str, ...]:
    """Names of the shipped systems, sorted."""
    folder = systems_folder()
    return tuple(sorted(path.stem for path in folder.glob("*.yaml"))) if folder.is_dir() else ()


def load_system(name_or_path: str | os.PathLike[str]) -> System:
    """The System of a shipped name or a file; raises ProfileError with every mistake of the file, one a line."""
    text = os.fspath(name_or_path)
    try:
        path = Path(text).expanduser()
        if not text.endswith(SUFFIXES) and not path.is_file():
            path = systems_folder() / f"{text}.yaml"
        there = text.endswith(SUFFIXES) or path.is_file()
    except (OSError, RuntimeError):  # a name too long for a file, the home of a user that there is not
        there = False
    if not there:
        hint = nearest(text, available_systems()) or " (hwsim systems lists them)"
        raise ProfileError(f"{text[:80]}: no such system{hint}")
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{text}: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8 text'}") from None
    document = read(content, text)
    return _resolved(_validated(document, text), document, text)


def _validated(document: Document, where: str) -> _Profile:
    try:
        return _Profile.model_validate(document.value)
    except ValidationError as error:
        lines = []
        for item in error.errors():
            steps = tuple(
                step for step in item["loc"] if step in ("value", "source") or not str(step).startswith("function-")
            )
            message = str(item["msg"]).replace("Input should be", "must be")
            if item["type"] == "extra_forbidden":
                known = ["name", "kind", "description", "sources", "default_source", "devices", "host", "links"]
                known += [
                    "profile",
                    "count",
                    "between",
                    "bandwidth_gb_per_s",
                    "latency_us",
                    "pj_per_bit",
                    "stop_and_wait",
                ]
                known += ["networks", *_Network.model_fields]
                message = f"unknown key{nearest(str(steps[-1]), known)}"
            elif item["type"] == "missing":
                message = "missing"
            lines.append(_finding(document, where, steps, message))
        raise ProfileError(*dict.fromkeys(lines)) from None


def _finding(document: Document, where: str, steps: Sequence[Any], message: str) -> str:
    """``where:line: dotted.key: message``; the line of the nearest key that is written."""
    inner: Steps = tuple(steps)
    while inner and inner not in document.lines:
        inner = inner[:-1]
    line = f":{document.lines[inner]}" if inner else ""
    dotted = ".".join(str(step) for step in steps)
    return f"{where}{line}: {dotted + ': ' if dotted else ''}{message}"


class _Findings:
    """Mistakes of one file, each at its place."""

    def __init__(self, document: Document, where: str) -> None:
        self._document, self._where = document, where
        self.lines: dict[str, None] = {}

    def say(self, steps: Sequence[Any], message: str) -> None:
        self.lines[_finding(self._document, self._where, steps, message)] = None


def _resolved(profile: _Profile, document: Document, where: str) -> System:
    found = _Findings(document, where)
    devices, instances = _instances(profile, found)
    if profile.host and profile.host not in devices and profile.host in instances:
        found.say(("host",), f"{profile.host} is several devices: a system has one host")
    elif profile.host and profile.host not in instances:
        found.say(("host",), f"{profile.host} is no device of this system{nearest(profile.host, list(instances))}")
    links = _links(profile, instances, found)
    sources = {key: item if isinstance(item, str) else item.text for key, item in profile.sources.items()}
    networks = _networks(profile, instances, found, Path(where).parent)
    system = System(profile.name, devices, links, profile.host, profile.description, sources, networks)
    if not found.lines:
        lost = [name for name in devices if not _reaches(system, name)]
        for name in lost[:3]:
            found.say(("links",), f"no link leads from {system.workers[0]} to {name}")
    if found.lines:
        raise ProfileError(*found.lines)
    return system


def _instances(profile: _Profile, found: _Findings) -> tuple[dict[str, Device], dict[str, tuple[str, ...]]]:
    """Devices by instance, and the instances of each entry."""
    devices: dict[str, Device] = {}
    instances: dict[str, tuple[str, ...]] = {}
    for index, part in enumerate(profile.devices):
        count = int(part.count.value)
        if len(devices) + count > MAX_INSTANCES:
            found.say(("devices", index, "count"), f"more than {MAX_INSTANCES} devices")
            continue
        names = (part.name,) if count == 1 else tuple(f"{part.name}{number}" for number in range(count))
        if part.name in instances or any(name in devices for name in names):
            found.say(("devices", index, "name"), f"{part.name} is there already")
            continue
        instances[part.name] = names
        try:
            devices.update(dict.fromkeys(names, load(part.profile)))
        except ProfileError as error:
            found.say(("devices", index, "profile"), error.findings[0])
    return devices, instances


def _links(
    profile: _Profile, instances: Mapping[str, tuple[str, ...]], found: _Findings
) -> dict[tuple[str, str], Link]:
    links: dict[tuple[str, str], Link] = {}
    for index, wire in enumerate(profile.links):
        one, other = wire.between
        if one == other:
            found.say(("links", index, "between"), f"{one} is linked to itself")
        energy = None if wire.pj_per_bit is None else wire.pj_per_bit.value * 8e-12
        link = Link(wire.bandwidth_gb_per_s.value * 1e9, wire.latency_us.value * 1e-6, energy, wire.stop_and_wait)
        ways = itertools.product(instances.get(one, (one,)), instances.get(other, (other,)))
        links.update({ends: link for ends in ways if ends[0] != ends[1]})
        for number in (wire.bandwidth_gb_per_s, wire.latency_us):
            source = number.source or profile.default_source
            if number.value and source not in (*profile.sources, *OWN_WORDS):
                what = f"source {source} is not among the sources" if source else "a number without a source"
                found.say(("links", index), what)
    return links


def _networks(
    profile: _Profile, instances: Mapping[str, tuple[str, ...]], found: _Findings, folder: Path
) -> tuple[Part, ...]:
    """The flow of the file, in an order in which it can run; models are looked for beside the file first."""
    parts: list[Part] = []
    known = {name for names in instances.values() for name in names}
    for index, item in enumerate(profile.networks):
        if item.name in [part.name for part in parts]:
            found.say(("networks", index, "name"), f"{item.name} is there already")
            continue
        on: list[str] = []
        for name in [item.on] if isinstance(item.on, str) else item.on:
            if name not in instances and name not in known:
                near = nearest(name, [*instances, *known])
                found.say(("networks", index, "on"), f"{name} is no device of this system{near}")
            on += instances.get(name, (name,))
        if item.straggling is None and (len(on) > 1 or item.needed):
            found.say(("networks", index), "several devices run one network only as coded pieces: give straggling too")
        if item.needed > len(on):
            found.say(("networks", index, "needed"), f"{item.needed} pieces of {len(on)}")
        path = folder / item.model
        try:
            model = str(path) if path.is_file() else item.model
        except OSError:  # a name too long for a file
            model = item.model
        parts.append(
            Part(
                item.name,
                model,
                tuple(on),
                tuple(item.after),
                item.probability,
                item.straggling,
                item.needed,
                item.bits,
                item.batch,
            )
        )
    try:
        return tuple(ordered(parts))
    except ProfileError as error:
        found.say(("networks",), error.findings[0])
        return ()


def _reaches(system: System, name: str) -> bool:
    try:
        system.path(system.workers[0], name)
    except ProfileError:
        return False
    return True
