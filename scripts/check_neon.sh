#!/usr/bin/env bash
# check_neon.sh: the kernels of the integer transforms compiled for ARM (NEON), run under qemu at -O0, -O2 and -O3, and
# for this processor with GCC: every instruction set of each gives the same numbers. Needs no ARM libraries: Highway's
# headers are enough.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
install_packages g++ libhwy-dev g++-aarch64-linux-gnu qemu-user-static

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Not all of /usr/include, which is this processor's.
mkdir "$work/include"
cp -r /usr/include/hwy "$work/include/"
sources=("$HALFMOON_ROOT/tests/runtime/transform_kernels_probe.cc"
  "$HALFMOON_ROOT/models/runtime/layers/transform_kernels.cc")
flags=(-std=c++20 -I"$work/include" -I"$HALFMOON_ROOT" -I"$HALFMOON_ROOT/bitstream/include")

g++ "${flags[@]}" -O2 "${sources[@]}" -lhwy -o "$work/here"
"$work/here" > "$work/hashes"
for level in 0 2 3; do
  aarch64-linux-gnu-g++ "${flags[@]}" -O"$level" -static "${sources[@]}" -o "$work/arm"
  qemu-aarch64-static "$work/arm" >> "$work/hashes"
done
sort "$work/hashes" | uniq -c
(($(sort -u "$work/hashes" | wc -l) == 1)) || die "the kernels differ"
echo "$(wc -l < "$work/hashes") runs, the same numbers"
