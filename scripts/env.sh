# shellcheck shell=bash
# Sourced by every script: the places, the pinned versions of the tools, and a few helpers.

TODO_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
: "${HOME:=$(cd ~ && pwd)}"
: "${TODO_CACHE:=${XDG_CACHE_HOME:-$HOME/.cache}/todo-evolution}"
# Outside of the clone: a fresh clone, a second worktree and CI reuse one build.
: "${CARGO_TARGET_DIR:=$TODO_CACHE/target}"
[[ $CARGO_TARGET_DIR == /* ]] || CARGO_TARGET_DIR=$TODO_ROOT/$CARGO_TARGET_DIR
export TODO_ROOT HOME TODO_CACHE CARGO_TARGET_DIR

RUST_MIN=1.94 # sqlx 0.9 asks for it
NODE_MIN=20
JAVA_MIN=17
CARGO_LEPTOS=0.3.11
WASM_BINDGEN=0.2.130 # the same as in Cargo.toml
BINARYEN=132.0.0
KAFKA=4.1.0
LOG4J=2.24.3
AIOSMTPD=1.4.6
GO_MIN=1.24.6 # Jaeger asks for it
DAPR=1.14.0
JAEGER=1.76.0
ZIPKIN=3.5.1
export RUST_MIN NODE_MIN JAVA_MIN CARGO_LEPTOS WASM_BINDGEN BINARYEN KAFKA LOG4J AIOSMTPD GO_MIN DAPR JAEGER ZIPKIN

PATH=$TODO_CACHE/node/node_modules/.bin:${CARGO_HOME:-$HOME/.cargo}/bin:$PATH:/usr/sbin:/sbin
export PATH
# `make` hands these down, and the makefiles inside of crates take them for their own.
unset MAKEFLAGS MFLAGS MAKELEVEL

say() { printf '== %s\n' "$*"; }

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# at_least MINIMUM VERSION
at_least() { printf '%s\n%s\n' "$1" "$2" | sort -VC; }

# Waits until no other script writes to the cache. Held until this process ends.
lock_cache() {
  [ -z "${TODO_CACHE_LOCKED:-}" ] || return 0
  mkdir -p "$TODO_CACHE"
  export TODO_CACHE_LOCKED=1
  have flock || return 0 # macOS has none
  exec 9>"$TODO_CACHE/lock"
  flock -n 9 || {
    say "Waiting for another setup to finish" >&2
    flock 9
  }
}

port_is_free() {
  node -e 'require("net").createServer().once("error", () => process.exit(1))
    .listen(+process.argv[2], process.argv[1], function () { this.close() })' "$1" "$2"
}

# free_ports COUNT: so many different ones, on one line. Below the ports the system gives to
# outgoing connections: a client that keeps trying to reach a stopped server could otherwise be
# given the server's own port.
free_ports() {
  node -e 'const wanted = +process.argv[1], servers = []
  const attempt = () => {
    const port = 20000 + Math.floor(Math.random() * 10000)
    const server = require("net").createServer().once("error", attempt)
    server.listen(port, "127.0.0.1", () => {
      // Kept until the last one is found, so that no two are the same.
      if (servers.push(server) < wanted) return attempt()
      console.log(servers.map(server => server.address().port).join(" "))
      servers.forEach(server => server.close())
    })
  }
  attempt()' "$1"
}

# is_running PID TEXT: a pid file may outlive its process, so its command line must contain TEXT.
is_running() {
  local command
  if [ -d /proc/self ]; then
    command=$( (tr '\0' ' ' <"/proc/$1/cmdline") 2>/dev/null) || return 1
  else
    command=$(ps -p "$1" -o args=) || return 1
  fi
  [[ $command == *"$2"* ]]
}

# wait_until SECONDS COMMAND…
wait_until() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}
