# The image of both workers, from the exact lock.
FROM python:3.12.12-slim-bookworm
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
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable . \
    && useradd --create-home --uid 1000 dualtrack && mkdir /data && chown dualtrack /data
USER dualtrack
ENTRYPOINT ["dualtrack"]
