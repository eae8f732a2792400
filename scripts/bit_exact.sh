#!/usr/bin/env bash
# Encodes and decodes a picture in every way that could make a difference: threads, instruction sets,
# an unoptimised build, small windows. Every encode must give the same bytes, every decode the same
# symbol hash and the same pixels.
#
#   scripts/bit_exact.sh PICTURE [--o0]     --o0: also build and run build/o0 (several minutes)
# HALFMOON_MODEL: a model's name; default ae-photo.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
picture=${1:?usage: scripts/bit_exact.sh PICTURE [--o0]}
model=${HALFMOON_MODEL:-ae-photo}
halfmoon=build/release/halfmoon
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$halfmoon" compress "$picture" -o "$work/reference.hmn" -q 60 --model "$model" --quiet
"$halfmoon" decompress "$work/reference.hmn" -o "$work/reference.ppm" --quiet
reference=$("$halfmoon" verify --symbols "$work/reference.hmn" | grep -oE '[0-9a-f]{16}' | tail -n 1)
ways=0
check() { # name, then the command's environment and program
  local name=$1 hash
  shift
  env "$@" compress "$picture" -o "$work/x.hmn" -q 60 --model "$model" --force --quiet
  env "$@" decompress "$work/reference.hmn" -o "$work/x.ppm" --force --quiet
  hash=$(env "$@" verify --symbols "$work/reference.hmn" | grep -oE '[0-9a-f]{16}' | tail -n 1)
  printf '%-24s %s' "$name" "$hash"
  if [ "$hash" = "$reference" ] && cmp -s "$work/x.hmn" "$work/reference.hmn" &&
    cmp -s "$work/x.ppm" "$work/reference.ppm"; then
    echo "  same file, same pixels"
  else
    echo
    echo "NOT bit-exact: $name" >&2
    exit 1
  fi
  ways=$((ways + 1))
}

check "again" "$halfmoon"
for isa in scalar sse4 avx2 avx512 avx512vnni; do
  if HALFMOON_ISA=$isa "$halfmoon" verify "$work/reference.hmn" >/dev/null 2>&1; then
    check "HALFMOON_ISA=$isa" HALFMOON_ISA=$isa "$halfmoon"
  else
    echo "HALFMOON_ISA=$isa: not on this processor, skipped"
  fi
done
for threads in 1 2 3 8; do
  for command in compress decompress; do
    # shellcheck disable=SC2016  # for the script that is written here
    printf '#!/bin/sh\ncase $1 in %s) exec "%s" "$@" --threads %s;; *) exec "%s" "$@";; esac\n' \
      "$command" "$(realpath "$halfmoon")" "$threads" "$(realpath "$halfmoon")" > "$work/run"
    chmod +x "$work/run"
    check "$command --threads $threads" "$work/run"
  done
done
if [ "${2:-}" = --o0 ]; then
  cmake -S . -B build/o0 -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS=-O0 \
    -DHALFMOON_WITH_TORCH=OFF -DHALFMOON_BUILD_TESTS=OFF -DHALFMOON_BUILD_BENCHMARKS=OFF >/dev/null
  cmake --build build/o0 --target halfmoon >/dev/null
  check "-O0 build" build/o0/halfmoon
fi
echo "$ways ways: one file, one symbol hash, one picture"
