"""A tracker that stands in for mlflow: as much of it as verl's tracing calls, and it remembers."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

_open: ContextVar["Span | None"] = ContextVar("_open", default=None)


@dataclass
class Span:
    name: str
    trace_id: str = ""
    inputs: Any = None
    outputs: Any = None
    tags: dict[str, str] = field(default_factory=dict)
    children: list["Span"] = field(default_factory=list)

    def set_inputs(self, inputs: Any) -> None:
        self.inputs = inputs

    def set_outputs(self, outputs: Any) -> None:
        self.outputs = outputs


@dataclass
class Tracker:
    """Put it into `sys.modules` as `mlflow`."""

    traces: list[Span] = field(default_factory=list)
    broken: bool = False

    @contextmanager
    def start_span(self, name: str) -> Iterator[Span]:
        if self.broken:
            raise ConnectionError("the tracking server is away")
        parent = _open.get()
        span = Span(name, trace_id=parent.trace_id if parent else str(len(self.traces)))
        (parent.children if parent else self.traces).append(span)
        token = _open.set(span)
        try:
            yield span
        finally:
            _open.reset(token)

    def set_trace_tag(self, trace_id: str, key: str, value: str) -> None:
        self.traces[int(trace_id)].tags[key] = value
