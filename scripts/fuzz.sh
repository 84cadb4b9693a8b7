#!/usr/bin/env bash
# Runs every Go fuzz test for a while. usage: fuzz.sh [TIME, such as 30s]
set -euo pipefail
cd "$(dirname "$0")/.."
git grep -hoE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' >/dev/null || { echo "no fuzz tests"; exit 0; }
git grep -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed 's/:func /:/' | sort -u | while IFS=: read -r file name; do
  echo "fuzz $(dirname "$file") $name"
  go test -run '^$' -fuzz "^$name\$" -fuzztime "${1:-30s}" -fuzzminimizetime 10x "./$(dirname "$file")" </dev/null
done
