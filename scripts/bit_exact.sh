#!/usr/bin/env bash
# Encodes a picture once and decodes it in every way that is known to upset float codecs: threads,
# instruction sets of the integer path, of oneDNN, ATen and OpenBLAS, and an unoptimised build.
# Every decode must give the same symbol hash, and pixels within one level of the first.
#
#   scripts/bit_exact.sh PICTURE [--o0]     --o0: also build and run build/o0 (several minutes)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
picture=${1:?usage: scripts/bit_exact.sh PICTURE [--o0]}
halfmoon=build/release/halfmoon
difference=build/release/tests/codec/picture_difference
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$halfmoon" compress "$picture" -o "$work/a.hmn" -q 60 --quiet
"$halfmoon" compress "$picture" -o "$work/b.hmn" -q 60 --quiet
cmp "$work/a.hmn" "$work/b.hmn" && echo "encoded twice: identical bytes"

reference=
decoded=0
check() { # name, then the command's environment and program
  local name=$1
  shift
  local hash worst
  hash=$(env "$@" verify --symbols "$work/a.hmn" | grep -oE '[0-9a-f]{16}' | tail -n 1)
  env "$@" decompress "$work/a.hmn" -o "$work/x.png" --force --quiet
  if [ -z "$reference" ]; then
    reference=$hash
    cp "$work/x.png" "$work/reference.png"
  fi
  worst=$("$difference" "$work/reference.png" "$work/x.png")
  printf '%-40s %s  pixels within %s\n' "$name" "$hash" "$worst"
  if [ "$hash" != "$reference" ] || [ "$worst" -gt 1 ]; then
    echo "NOT bit-exact: $name" >&2
    exit 1
  fi
  decoded=$((decoded + 1))
}

check "default" "$halfmoon"
for isa in scalar sse4 avx2 avx512; do
  if HALFMOON_ISA=$isa "$halfmoon" verify "$work/a.hmn" >/dev/null 2>&1; then
    check "HALFMOON_ISA=$isa" HALFMOON_ISA=$isa "$halfmoon"
  else
    echo "HALFMOON_ISA=$isa: not on this processor, skipped"
  fi
done
for isa in SSE41 AVX AVX2 AVX512_CORE; do
  check "ONEDNN_MAX_CPU_ISA=$isa" ONEDNN_MAX_CPU_ISA=$isa "$halfmoon"
done
for capability in default avx2; do
  check "ATEN_CPU_CAPABILITY=$capability" ATEN_CPU_CAPABILITY=$capability "$halfmoon"
done
for core in Prescott Nehalem Sandybridge Haswell Zen; do
  check "OPENBLAS_CORETYPE=$core" OPENBLAS_CORETYPE=$core "$halfmoon"
done
for threads in 1 2; do
  check "OMP_NUM_THREADS=$threads" OMP_NUM_THREADS=$threads "$halfmoon"
done
if [ "${2:-}" = --o0 ]; then
  cmake -S . -B build/o0 -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS=-O0 \
    -DHALFMOON_BUILD_TESTS=OFF -DHALFMOON_BUILD_BENCHMARKS=OFF >/dev/null
  cmake --build build/o0 --target halfmoon >/dev/null
  check "-O0 build" build/o0/halfmoon
  build/o0/halfmoon compress "$picture" -o "$work/o0.hmn" -q 60 --quiet
  "$halfmoon" verify "$work/o0.hmn" >/dev/null && echo "encoded by -O0, decoded by -O3: intact"
fi
echo "$decoded decodes: one symbol hash, pixels within one level"
