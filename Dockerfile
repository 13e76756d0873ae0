# Builds with everything, runs with nothing but Node, Baton and its run-time packages: no shell, no npm, not root.

FROM node:24-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
COPY web ./web
RUN npm run build

FROM node:24-bookworm-slim AS packages
WORKDIR /packages
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM gcr.io/distroless/nodejs24-debian12:nonroot
WORKDIR /app
ENV NODE_ENV=production
COPY --from=packages /packages/node_modules ./node_modules
COPY package.json LICENSE ./
COPY deploy/health.js ./deploy/health.js
COPY --from=build /build/dist ./dist
USER nonroot
EXPOSE 3000
# What the relay drains on; it is process 1 itself, so the signal reaches it.
STOPSIGNAL SIGTERM
# The start period is for a relay that asks for its first certificate. It ends when a check succeeds.
HEALTHCHECK --interval=15s --timeout=5s --start-period=5m --retries=3 CMD ["/nodejs/bin/node", "/app/deploy/health.js"]
ENTRYPOINT ["/nodejs/bin/node", "/app/dist/cli.js"]
