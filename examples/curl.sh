#!/bin/sh
# What a relay says over plain HTTP. Start one first: npm start
set -eu

base=http://127.0.0.1:${PORT:-3000}

ask() {
  echo "\$ curl $*"
  curl --silent --show-error --max-time 10 --write-out '\n' "$@"
}

# How it is, for load balancers: 200, or 503 while it shuts down.
ask "$base/health"

# What it has done since its start.
ask "$base/stats"

# The landing page, its headers alone.
ask --head "$base/"

# Which methods a page has.
ask --include --request OPTIONS "$base/health"

# Anything else is not there.
ask --include "$base/rooms"

# A handshake without a key is refused before a WebSocket is made of it.
ask --include --http1.1 --header 'Connection: Upgrade' --header 'Upgrade: websocket' \
  --header 'Sec-WebSocket-Version: 13' "$base/room/doc"
