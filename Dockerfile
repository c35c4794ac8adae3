# syntax=docker/dockerfile:1
FROM python:3.12-slim

# What the wheel of opencv-python expects of the system.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

# New volumes take over the owner of the folder they are mounted on.
RUN useradd --create-home --uid 1000 sceneql \
    && install --directory --owner=sceneql --group=sceneql /data /models

# Torch in a layer of its own: it is large and changes seldom. To save the gigabytes that CUDA takes,
# name an index that has it without: --build-arg PIP_EXTRA_INDEX_URL=...
ARG PIP_EXTRA_INDEX_URL
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=bind,source=constraints.txt,target=/tmp/constraints.txt \
    pip install --constraint /tmp/constraints.txt torch torchvision

# Writable, because setuptools builds in place; what it writes there is thrown away.
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=bind,target=/tmp/source,rw \
    pip install --constraint /tmp/source/constraints.txt /tmp/source

ENV PYTHONUNBUFFERED=1 \
    SCENEQL_HOME=/data \
    SCENEQL_MODEL_CACHE=/models \
    SCENEQL_HOST=0.0.0.0

USER sceneql
WORKDIR /home/sceneql
EXPOSE 8080
ENTRYPOINT ["sceneql"]
CMD ["serve"]
