#!/usr/bin/env bash
# test.sh: one command on a fresh Debian 12. Installs what is missing, builds everything with tests,
# runs them, and ends with "N passed, N failed[, N skipped]". Fails when a test does.
# HALFMOON_JOBS: parallel compilers. HALFMOON_TEST_JOBS: parallel tests, default 2.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

install_packages "${HALFMOON_PACKAGES[@]}" "${HALFMOON_TEST_PACKAGES[@]}"
build_release ON all

say "testing"
# Tests share the cores with each other: threads of LibTorch's OpenMP that spin while they wait for a thread
# without a core made training tests ten times slower (seen with LibTorch 2.6).
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
ctest --test-dir "$HALFMOON_ROOT/build/release" -j "${HALFMOON_TEST_JOBS:-2}" --output-on-failure \
  2>&1 | tee "$log" || status=$?

# Lines such as " 3/99 Test #12: name ....   Passed    0.01 sec"; what neither passed nor was
# skipped has failed (***Failed, ***Timeout, ***Not Run, SEGFAULT ...).
lines=$(grep -E '^ *[0-9]+/[0-9]+ Test +#[0-9]+: ' "$log" || true)
count() { grep -c -E "$1" <<< "$lines" || true; }
total=$(count '.')
passed=$(count ' Passed +[0-9.]+ sec')
skipped=$(count '\*\*\*Skipped')
failed=$((total - passed - skipped))
if ((status != 0 && failed == 0)) || ((total == 0)); then
  echo "ctest did not run to its end (exit code $status)"
  failed=$((failed + 1))
fi
summary="$passed passed, $failed failed"
((skipped == 0)) || summary+=", $skipped skipped"
echo
echo "$summary"
((failed == 0))
