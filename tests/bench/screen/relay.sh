#!/bin/sh
# The relay of screen_bench.py: in its namespace, at the address $1, recording as by default.
set -eu
rm -rf "$SCREEN_DIR"; mkdir -p "$SCREEN_DIR"
exec "$DS/deskside-relay" serve --listen "$1:5300" --data "$SCREEN_DIR/relay" --organisation Bench --json > "$SCREEN_DIR/relay.json"
