# syntax=docker/dockerfile:1
# The service alone: the runtime lock, no demo data, no test tools, no root.
FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python -m venv /app
COPY locks/build.txt locks/runtime.txt locks/
RUN /app/bin/pip install --require-hashes -r locks/build.txt \
 && /app/bin/uv pip install --python /app/bin/python --require-hashes --compile-bytecode -r locks/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY features features
COPY tiering tiering
COPY training training
COPY serving serving
COPY tierwise_client tierwise_client
COPY tierwise tierwise
RUN /app/bin/pip install --no-deps --no-build-isolation . \
 && /app/bin/pip uninstall --yes uv hatchling editables \
 && /app/bin/python -m compileall -q /app/lib

FROM python:3.11-slim-bookworm
# LightGBM's wheel links against the system's OpenMP runtime.
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin tierwise \
 && install -d -o tierwise -g tierwise /data
COPY --from=build /app /app
# The file system may be read-only but for /data and /tmp.
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    TIERWISE_HOME=/data NUMBA_CACHE_DIR=/tmp/numba
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
# uvicorn finishes what it has begun on SIGTERM.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=3s --start-period=20s CMD \
  ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["tierwise", "serve", "--host", "0.0.0.0", "--port", "8000"]
