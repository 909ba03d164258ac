# The image of all workers, from the exact lock. Runs as 1000, also on a read-only root; writes to /data and /tmp only.
FROM python:3.12.12-slim-bookworm
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY requirements.lock pyproject.toml README.md LICENSE ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY dualtrack dualtrack
COPY pipeline pipeline
COPY schemas schemas
COPY sinks sinks
COPY checks checks
COPY predictions predictions
COPY registry registry
COPY publishers publishers
COPY stories stories
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable . \
    && python -m compileall -q . \
    && useradd --create-home --uid 1000 dualtrack && mkdir /data && chown dualtrack:dualtrack /data
USER 1000:1000
ENTRYPOINT ["dualtrack"]
