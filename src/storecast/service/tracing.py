"""Traces of requests, sent by OTLP over HTTP. Imported only where there is somewhere to send them to.

A request is a span, and so is each of its steps (look-up, model, log commit); a caller's own trace goes on
here by its header ``traceparent``. Which requests are traced the standard variables of OpenTelemetry say,
such as ``OTEL_TRACES_SAMPLER``.
"""

from __future__ import annotations

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode, format_trace_id, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import Scope

from storecast import __version__
from storecast.service.calls import Call

__all__ = ["OtlpTraces"]

_HEADERS = (b"traceparent", b"tracestate")


class OtlpTraces:
    """The port ``Traces`` of telemetry; ``endpoint`` is a collector's address, as http://localhost:4318."""

    def __init__(self, endpoint: str) -> None:
        resource = Resource.create({"service.name": "storecast", "service.version": __version__})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=5)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("storecast", __version__)
        self._propagator = TraceContextTextMapPropagator()

    def request(self, scope: Scope, call: Call, template: str, status: int, began: int, ended: int) -> str:
        """Send one request with its steps; times in nanoseconds since 1970. The trace's id."""
        carrier = {n.decode(): v.decode("latin-1") for n, v in scope["headers"] if n in _HEADERS}
        method = scope["method"]
        span = self._tracer.start_span(
            f"{method} {template}",
            self._propagator.extract(carrier) if carrier else None,
            SpanKind.SERVER,
            {
                "http.request.method": method,
                "url.path": scope["path"][:200],
                "http.route": template,
                "http.response.status_code": status,
                "storecast.request": call.id,
                "storecast.caller": call.caller,
            },
            start_time=began,
        )
        if span.is_recording():
            inside = set_span_in_context(span)
            for name, first, last in call.steps or ():
                self._tracer.start_span(name, inside, start_time=first).end(last)
            if status >= 500:
                span.set_status(Status(StatusCode.ERROR))
        span.end(ended)
        return format_trace_id(span.get_span_context().trace_id)

    def close(self) -> None:
        """Send what waits; a collector that is away is not waited for long."""
        self._provider.force_flush(2000)
        self._provider.shutdown()
