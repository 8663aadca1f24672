# One file, three images (`make image`), each with only what it imports:
#   service   storecast serve: look-ups and what-ifs, without pandas, scikit-learn or MLflow
#   webapp    storecast web: the app for browsers, which knows the service by HTTP alone
#   jobs      everything else: training, updates, the follower, migrations, MLflow's server
#
# BASE_IMAGE is any Debian 12 for AMD64 with Python 3.11 to 3.13 and its venv module. Each layer of packages
# depends on its lock alone and is the same from release to release: a change of the code costs seconds to build, and
# a few megabytes to push and to pull.
ARG BASE_IMAGE=python:3.12-slim-bookworm

# checkov:skip=CKV_DOCKER_7:the version is in the argument's default, which checkov does not read
FROM ${BASE_IMAGE} AS base
ENV PYTHONUNBUFFERED=1 \
    PATH=/opt/storecast/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/tmp
SHELL ["/bin/sh", "-euc"]
# libgomp1: LightGBM's OpenMP runtime. The user is a number, as clusters ask for; the folder of all local state
# is the only one it may write to. Debian's packages are not pinned: its archive keeps the newest build alone,
# and that is the one with the security fixes.
# hadolint ignore=DL3008
RUN apt-get update -qq; \
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends libgomp1 >/dev/null; \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/*; \
    echo 'storecast:x:10001:10001::/var/lib/storecast:/usr/sbin/nologin' >>/etc/passwd; \
    echo 'storecast:x:10001:' >>/etc/group; \
    mkdir -p /var/lib/storecast/releases /var/lib/storecast/spool /var/lib/storecast/trust /data /keys /backups; \
    chown -R 10001:10001 /var/lib/storecast /data /keys /backups; \
    chmod 0750 /var/lib/storecast/spool; \
    chmod 0700 /backups

FROM base AS build
WORKDIR /build
RUN python3 -m venv /opt/pip
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_INPUT=1 \
    INSTALL="/opt/pip/bin/pip --python /opt/storecast/bin/python install --quiet --no-deps --no-compile"
COPY deploy/images/build.lock .
RUN /opt/pip/bin/pip install --quiet --require-hashes --only-binary :all: -r build.lock; \
    python3 -m venv --without-pip /opt/storecast
COPY deploy/images/prune .

# The packages of each image: locked, hashed, built ones alone.
FROM build AS service-packages
COPY deploy/images/service.lock .
RUN $INSTALL --require-hashes --only-binary :all: -r service.lock; sh prune

FROM build AS webapp-packages
COPY deploy/images/webapp.lock .
RUN $INSTALL --require-hashes --only-binary :all: -r webapp.lock; sh prune

FROM build AS jobs-packages
COPY deploy/images/jobs.lock .
RUN $INSTALL --require-hashes --only-binary :all: -r jobs.lock; sh prune

# Storecast itself, the same in all three: its own files, as they lie in the environment of the packages.
FROM build AS project
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/pip/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels .; \
    $INSTALL --no-index /wheels/*.whl; \
    /opt/storecast/bin/python -m compileall -q /opt/storecast/lib/python3*/site-packages/storecast; \
    mkdir /own
WORKDIR /opt/storecast
RUN cp -a --parents bin/storecast lib/python3*/site-packages/storecast lib/python3*/site-packages/storecast-*.dist-info /own

# What all three share at run time. pip, setuptools and their installer stay behind.
FROM base AS runtime
RUN find / -xdev -type d \( -name pip -o -name setuptools -o -name wheel -o -name ensurepip \) \
      -path '*/python3*' -prune -exec rm -rf {} +; \
    find / -xdev -type f \( -name 'pip3*' -o -name pip \) -path '*/bin/*' -delete
COPY deploy/images/health.py /opt/health.py
LABEL org.opencontainers.image.title="Storecast" \
      org.opencontainers.image.description="Weekly retail sales forecasts and the life of the models that make them" \
      org.opencontainers.image.licenses="Apache-2.0"
# The second is the name of a folder: a setting may lie there as a file, as compose.yaml has its secrets.
# hadolint ignore=DL3064
ENV STORECAST_HOME=/var/lib/storecast \
    STORECAST_SECRETS=/run/secrets \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /var/lib/storecast
STOPSIGNAL SIGTERM

# What says which release it is comes after what is large, for it changes with every commit.
FROM runtime AS service
COPY --from=service-packages /opt/storecast /opt/storecast
COPY --from=project /own /opt/storecast
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
USER 10001:10001
VOLUME ["/var/lib/storecast"]
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python3", "/opt/health.py", "http://127.0.0.1:8000/healthz"]
ENTRYPOINT ["storecast"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000", "--no-follow"]

FROM runtime AS webapp
COPY --from=webapp-packages /opt/storecast /opt/storecast
COPY --from=project /own /opt/storecast
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
USER 10001:10001
EXPOSE 8501
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python3", "/opt/health.py", "http://127.0.0.1:8501/_stcore/health"]
ENTRYPOINT ["storecast"]
CMD ["web", "--host", "0.0.0.0", "--port", "8501"]

FROM runtime AS jobs
# snooze waits for a time of the week and then becomes the command: the scheduler of compose.yaml.
# hadolint ignore=DL3008
RUN apt-get update -qq; \
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends snooze >/dev/null; \
    rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/log/*
COPY --from=jobs-packages /opt/storecast /opt/storecast
COPY --from=project /own /opt/storecast
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
USER 10001:10001
VOLUME ["/var/lib/storecast"]
HEALTHCHECK NONE
ENTRYPOINT ["storecast"]
CMD ["--help"]
