# The service alone: the runtime lock, no demo data, no test tools, no root.
# Layers from seldom to often changed: system, packages (1.1 GB), program (a few MB).
FROM python:3.11-slim-bookworm AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# What builds (pip, uv, hatchling) stays in /tools; /app has what runs.
RUN python -m venv /tools && python -m venv --without-pip /app
COPY locks/build.txt locks/runtime.txt /locks/
# Packages carry their own tests, an eighth of the image. Nothing in an image changes under its
# bytecode, so that is not checked against the time of the source, which some builders rewrite.
RUN /tools/bin/pip install --require-hashes -r /locks/build.txt \
 && /tools/bin/uv pip install --no-cache --python /app/bin/python --require-hashes -r /locks/runtime.txt \
 && find /app/lib -type d -name tests -prune -exec rm -r {} + \
 && /app/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /app/lib

FROM packages AS program
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY features features
COPY tiering tiering
COPY training training
COPY serving serving
COPY tierwise_client tierwise_client
COPY tierwise tierwise
RUN /tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheel . \
 && /tools/bin/uv pip install --no-cache --no-deps --python /app/bin/python --prefix /tierwise /wheel/*.whl \
 && /app/bin/python -m compileall -q --invalidation-mode unchecked-hash -s /tierwise -p /app /tierwise/lib

FROM python:3.11-slim-bookworm
# LightGBM's wheel links against the system's OpenMP runtime.
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --gid 10001 tierwise \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin tierwise \
 && install -d -o tierwise -g tierwise /data /cache
COPY --from=packages /app /app
COPY --from=program /tierwise /app
# The file system may be read-only but for /data and /tmp. A /cache that outlives the container
# keeps compiled loops: without them a start takes five times the processor time.
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp TIERWISE_HOME=/data NUMBA_CACHE_DIR=/cache
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
# uvicorn finishes what it has begun on SIGTERM.
STOPSIGNAL SIGTERM
# The first start of a version compiles for a dozen seconds, longer on a busy machine.
HEALTHCHECK --interval=30s --timeout=3s --start-period=120s CMD \
  ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["tierwise", "serve", "--host", "0.0.0.0", "--port", "8000"]
