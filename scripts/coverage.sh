#!/usr/bin/env bash
# coverage.sh [CTEST-OPTIONS...]: builds everything that needs no LibTorch with address and undefined-behaviour
# sanitizers and with counts of executed lines (build/coverage), runs the tests, and reports line coverage of what
# reads untrusted bytes: bitstream/, models/runtime/ and the readers of codec/imageio/. Fails when a test does or
# one of them is below 90 %. The page: build/coverage/coverage.html. Not part of CI: it takes most of an hour.
# Counting makes SIMD code up to a hundred times slower, so the program, the shipped models and eval are tested
# without it (preset asan-ubsan, see tests/README.md).
#
#   scripts/coverage.sh                # the unit suites of bitstream, runtime, imageio, codec
#   scripts/coverage.sh -R Salvage     # some tests
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

least=90
build="$HALFMOON_ROOT/build/coverage"
install_packages "${HALFMOON_PACKAGES[@]}" "${HALFMOON_TEST_PACKAGES[@]}" gcovr
(($# > 0)) || set -- -L 'unit|golden' -E '^(eval|report)[.]'

say "building in build/coverage"
(cd "$HALFMOON_ROOT" && cmake --preset coverage > /dev/null)
cmake --build "$build" -j "$(jobs_for_build)"
find "$build" -name '*.gcda' -delete

say "testing"
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}  # see test.sh
status=0
ctest --test-dir "$build" -j "${HALFMOON_TEST_JOBS:-2}" --output-on-failure "$@" || status=$?

say "line coverage"
cd "$HALFMOON_ROOT"
report() { gcovr --root . --object-directory "$build" --exclude-unreachable-branches "$@"; }
report --json "$build/coverage.json" --filter bitstream/ --filter models/runtime/ --filter codec/imageio/ > /dev/null
from=(--add-tracefile "$build/coverage.json")
report "${from[@]}" --html-details "$build/coverage.html" > /dev/null
for part in bitstream models/runtime codec/imageio; do
  report "${from[@]}" --filter "$part/" --fail-under-line "$least" --print-summary > "$build/coverage.txt" || status=1
  printf '%-16s %s\n' "$part" "$(grep '^lines:' "$build/coverage.txt")"
done
exit "$status"
