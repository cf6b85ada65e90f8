# syntax=docker/dockerfile:1
# The image of the server: Node and the installed package on distroless, with no shell and no package manager, as an unprivileged user,
# on a root file system that may be read-only. `docker build -t latchkey .`; `compose.yaml` starts it with a database.
ARG BUILD_IMAGE=node:24-bookworm-slim
ARG RUN_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
WORKDIR /build
COPY . .
RUN npm ci --include=dev --no-audit --no-fund \
  && npm run build \
  && npm pack --workspace @latchkey/server --pack-destination /tmp \
  && npm install --prefix /srv/latchkey --omit=dev --ignore-scripts --no-audit --no-fund /tmp/latchkey-server-*.tgz
# what V8 has compiled once, for this very Node: a faster start
RUN node scripts/compile.cjs /srv/latchkey/node_modules/@latchkey/server/dist \
  && install -d -m 0700 /srv/data

FROM ${RUN_IMAGE}
LABEL org.opencontainers.image.title="Latchkey" \
  org.opencontainers.image.description="A self-hosted identity server on PostgreSQL" \
  org.opencontainers.image.licenses="MIT"
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /srv/latchkey /srv/latchkey
COPY --from=build --chown=65532:65532 /srv/data /var/lib/latchkey
ENV NODE_ENV=production \
  LATCHKEY_PROFILE=production \
  LATCHKEY_HOST=0.0.0.0 \
  LATCHKEY_PORT=4000 \
  LATCHKEY_DATA_DIR=/var/lib/latchkey
WORKDIR /var/lib/latchkey
USER 65532:65532
EXPOSE 4000
# the port is that of this image: a container maps it to another one
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["/usr/local/bin/node", "-e", "fetch('http://127.0.0.1:4000/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["/usr/local/bin/node", "/srv/latchkey/node_modules/@latchkey/server/dist/latchkey.cjs"]
CMD ["start"]
