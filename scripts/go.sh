# shellcheck shell=bash
# Sourced where a program is built from its Go module: there is no package of it that runs anywhere.

# go_program PROGRAM MODULE VERSION PACKAGE ESTIMATE GO-BUILD-OPTION…: PROGRAM is a path in the cache.
go_program() {
  local program=$1 module=$2 version=$3 package=$4 estimate=$5 source start=$SECONDS
  shift 5
  [ ! -x "$program" ] || return 0
  have go || die "Go $GO_MIN or newer is needed to build ${program##*/} $version. Get it from https://go.dev/dl, then try again."
  lock_cache
  [ ! -x "$program" ] || return 0
  at_least "$GO_MIN" "$(go env GOVERSION | tr -d go)" || die "Go $GO_MIN or newer is needed, this is $(go env GOVERSION). Get it from https://go.dev/dl."
  say "${program##*/} $version from source (about $estimate)" >&2
  mkdir -p "$TODO_CACHE"
  temporary=$(mktemp -d "$TODO_CACHE/go.XXXXXX")
  trap 'rm -rf "$temporary"' EXIT
  (cd "$temporary" && go mod download -json "$module@v$version") >"$temporary/module.json" || {
    cat "$temporary/module.json" >&2
    die "$module $version could not be fetched, the reason is above. GOPROXY is $(go env GOPROXY)."
  }
  source=$(sed -n 's/^.*"Dir": "\(.*\)",$/\1/p' "$temporary/module.json")
  # Not `go install`: it refuses modules that replace others. And the original is read-only.
  cp -R "$source" "$temporary/source"
  chmod -R u+w "$temporary/source"
  (cd "$temporary/source" && CGO_ENABLED=0 go build -mod=mod -o "$temporary/program" "$@" "$package") </dev/null >&2
  mkdir -p "${program%/*}"
  mv "$temporary/program" "$program"
  say "${program##*/} $version: built in $((SECONDS - start)) s" >&2
}
