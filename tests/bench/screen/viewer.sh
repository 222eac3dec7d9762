#!/bin/sh
# The technician of screen_bench.py: enrols, opens a ticket, and connects with the code that the agent shows.
set -eu
for _ in $(seq 100); do grep -q '"code"' "$SCREEN_DIR/agent.json" 2>/dev/null && break; sleep 0.1; done
export DESKSIDE_HOME="$SCREEN_DIR/home"; unset XDG_RUNTIME_DIR
sed -n 's/.*"enroll":"\([^"]*\)".*/\1/p' "$SCREEN_DIR/relay.json" | "$DS/deskside" enroll - >/dev/null
"$DS/deskside" ticket new --subject Screen >/dev/null
code=$(sed -n 's/.*"code":"\([0-9]*\)".*/\1/p' "$SCREEN_DIR/agent.json" | tail -1)
exec "$DS/deskside" connect "$code" --ticket 1 --request view,control,file
