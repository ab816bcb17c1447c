# Two images: `api` is nginx and the program (HTTP on port 8080), `db` is Postgres with the schema.
#
#   docker build --target api -t flow-manager-api .
#   docker build --target db -t flow-manager-db .
#
# Both on one machine, with the demo accounts. `db` has no certificate by default, and the program requires TLS of every
# host except its own: in a network of the two containers alone, `sslmode=disable` switches that off.
#
#   docker network create flow-manager
#   docker run -d --network flow-manager --name db -e CONFIG_TYPE=demo -e POSTGRES_PASSWORD=secret flow-manager-db
#   docker run -d --network flow-manager -p 127.0.0.1:8080:8080 -e CONFIG_TYPE=demo \
#     -e DATABASE_URL='postgresql://flow_manager:secret@db/flow_manager?sslmode=disable' \
#     -e JWT_SECRET_KEY="$(openssl rand -hex 32)" -e SEALING_KEY="$(openssl rand -hex 32)" flow-manager-api
#
# The packages' versions are pinned by Debian's stable release:
# hadolint global ignore=DL3008

FROM swift:6.3-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        libcurl4-openssl-dev libfcgi-dev libpq-dev libre2-dev libsimdjson-dev libsodium-dev libssl-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY Package.swift ./
COPY Sources Sources
# Not built here, but the manifest refers to them.
COPY Tests Tests
RUN swift build -c release --static-swift-stdlib --product flow-manager \
    && install -m 0755 .build/release/flow-manager /usr/local/bin/


FROM debian:bookworm-slim AS static
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-pip \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY nginx/docs nginx/docs
COPY deploy/static-files deploy/swagger-ui.txt deploy/
# Without PyPI everything but /docs works.
RUN deploy/static-files /static || install -d /static


FROM debian:bookworm-slim AS api
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates curl libcurl4 libfcgi0ldbl libpq5 libre2-9 libsimdjson14 libsodium23 libssl3 nginx-light \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin \
        flow-manager \
    && install -d -m 0700 -o flow-manager -g flow-manager /var/lib/flow-manager
COPY nginx /opt/flow-manager/nginx
COPY deploy/container-api deploy/render-nginx /opt/flow-manager/deploy/
COPY --from=static /static /opt/flow-manager/static
COPY --from=build /usr/local/bin/flow-manager /usr/local/bin/
USER 10001
WORKDIR /var/lib/flow-manager
ENV LISTEN=0.0.0.0 PORT=8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["sh", "-c", "curl -sf -o /dev/null http://127.0.0.1:$PORT/health"]
ENTRYPOINT ["/opt/flow-manager/deploy/container-api"]


FROM postgres:15-bookworm AS db
RUN apt-get update \
    && apt-get install -y --no-install-recommends libcurl4 libfcgi0ldbl libre2-9 libsimdjson14 libsodium23 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /usr/local/bin/flow-manager /usr/local/bin/
COPY deploy/container-db /docker-entrypoint-initdb.d/flow-manager.sh
# The user `postgres` of the base image.
USER 999
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s \
    CMD ["pg_isready", "-q", "-h", "127.0.0.1", "-d", "flow_manager"]
