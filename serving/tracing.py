"""Traces of requests by OpenTelemetry, where an installation wants them.

Without an address to send them to nothing is imported and nothing is traced.
"""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI

from serving.errors import SettingsError
from serving.settings import Settings


def install_tracing(app: FastAPI, settings: Settings) -> None:
    """Let every request be a span, sent in batches to the collector of the settings.

    Raises
    ------
    SettingsError
        If traces are wanted and the extra ``tracing`` is not installed.
    """
    if settings.traces_endpoint is None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SettingsError(
            "Traces are wanted, but OpenTelemetry is not installed.",
            hint="Install tierwise[tracing], or leave out TIERWISE_TRACES_ENDPOINT.",
        ) from error
    provider = TracerProvider(
        resource=Resource.create(
            {"service.name": "tierwise", "service.version": version("tierwise")}
        )
    )
    exporter = OTLPSpanExporter(endpoint=f"{settings.traces_endpoint}/v1/traces", timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    # Probes come every few seconds and would drown the rest.
    app.add_middleware(
        OpenTelemetryMiddleware,
        excluded_urls="healthz,readyz,metrics",
        tracer_provider=provider,
    )
    app.state.traces = provider
