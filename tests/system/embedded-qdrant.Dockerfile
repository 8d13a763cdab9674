# Embedded Qdrant where docker-compose.yml has Qdrant's own image: its ports, its volume.
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm
FROM ${PYTHON_IMAGE}
RUN python -m venv --without-pip /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all: \
    SKETCHZOO_LOG_FORMAT=json \
    SKETCHZOO_EMBEDDED_QDRANT_HOST=0.0.0.0 \
    SKETCHZOO_EMBEDDED_QDRANT_METRICS_PORT=6333 \
    SKETCHZOO_EMBEDDED_QDRANT_PATH=/qdrant/storage
COPY requirements/demo.txt requirements/build.txt /requirements/
RUN /usr/local/bin/python -m pip --python /opt/venv/bin/python install --require-hashes -r /requirements/demo.txt -r /requirements/build.txt
WORKDIR /src
COPY . .
RUN hatchling build -t wheel -d /wheel && \
    /usr/local/bin/python -m pip --python /opt/venv/bin/python install --no-deps --no-index /wheel/*.whl
WORKDIR /
ENTRYPOINT ["python", "-m", "sketchzoo"]
CMD ["embedded-qdrant"]
