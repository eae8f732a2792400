#!/usr/bin/env bash
# check_all.sh [NAME...]: the checks that take longer than scripts/test.sh, all or some by name. Goes on after a
# failure, prints a table in the end, and writes it to docs/checks.md; fails when a check did. Logs: build/checks/.
#
#   asan        suites under AddressSanitizer and UndefinedBehaviorSanitizer, without LibTorch
#   tsan        suites under ThreadSanitizer, without LibTorch
#   tidy        clang-tidy with .clang-tidy over all sources that need no LibTorch
#   fuzz        every fuzz target for a minute, from its corpus
#   coverage    coverage.sh: lines of the readers of untrusted bytes that tests reach
#   bit-exact   bit_exact.sh: one file and one picture from every number of threads, instruction set, build
#   neon        check_neon.sh: the integer transforms' kernels on ARM, under qemu
#   kill        kill_batch.sh: batches killed at random moments
#   site        site.sh: the pages as a site and the API reference, without a warning
#   packages    package_check.sh: Debian packages installed, used and purged (root, debootstrap)
#   debian13    chroot.sh: build and tests on Debian 13, then cross_check.sh (root, debootstrap)
#
# HALFMOON_JOBS, HALFMOON_TEST_JOBS: as in test.sh. HALFMOON_FUZZ_SECONDS: of each target, default 60.
# HALFMOON_CHROOTS: where the Debians of the last two lie, default build/checks. HALFMOON_MIRROR, HALFMOON_APT_CONF: as
# in chroot.sh.
# shellcheck disable=SC2317  # the checks are called by name
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

checks=(asan tsan tidy fuzz coverage bit-exact neon kill site packages debian13)
logs=$HALFMOON_ROOT/build/checks
chroots=${HALFMOON_CHROOTS:-$logs}
# A decoded photograph, and a folder of small pictures of all kinds.
picture=$HALFMOON_ROOT/tests/golden/picture/scene_q90.png
pictures=$HALFMOON_ROOT/tests/golden/picture

# Each check ends with the line that the table shows. Exit code 77: skipped.
skip() { echo "$*"; exit 77; }

# suites PRESET LABELS: builds a preset without LibTorch and runs its tests, but for those with one of the labels.
suites() {
  local preset=$1 log=$logs/$1.ctest status=0
  install_packages "${HALFMOON_PACKAGES[@]}" "${HALFMOON_TEST_PACKAGES[@]}"
  cd "$HALFMOON_ROOT"
  cmake --preset "$preset" -DHALFMOON_WITH_TORCH=OFF -DHALFMOON_BUILD_BENCHMARKS=OFF > /dev/null
  cmake --build "build/$preset" -j "$(jobs_for_build)"
  ctest --test-dir "build/$preset" -j "${HALFMOON_TEST_JOBS:-2}" --output-on-failure -LE "$2" | tee "$log" || status=$?
  grep -oE '[0-9]+ tests failed out of [0-9]+' "$log"
  return "$status"
}

# Sources, installation and browser are the same without sanitizers.
check_asan() { suites asan-ubsan 'source|install|browser'; }

# The shipped weights run the same code as the tiny ones, for an hour.
check_tsan() { TSAN_OPTIONS=second_deadlock_stack=1 suites tsan 'source|install|browser|weights|slow|shared-data'; }

check_tidy() {
  install_packages "${HALFMOON_PACKAGES[@]}" "${HALFMOON_TEST_PACKAGES[@]}" clang clang-tidy
  cd "$HALFMOON_ROOT"
  # With clang's own commands: those of GCC name options and precompiled headers that clang does not know.
  cmake -S . -B build/tidy -G Ninja -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=Release -DHALFMOON_WITH_TORCH=OFF \
    -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON -DCMAKE_EXPORT_COMPILE_COMMANDS=ON > /dev/null
  local status=0 log=$logs/tidy.findings
  run-clang-tidy -p build/tidy -j "$(jobs_for_build)" -quiet "$HALFMOON_ROOT/(bitstream|models|codec|eval|cli|tests)/" \
    2> /dev/null | sed 's/\x1b\[[0-9;]*m//g' > "$log" || status=$?
  # A finding in a header comes once for each source that includes it.
  grep -E '(warning|error): ' "$log" | sort -u || true
  echo "$(grep -E '(warning|error): ' "$log" | sort -u | wc -l) findings in $(grep -c '"file"' build/tidy/compile_commands.json) sources"
  ((status == 0)) && ! grep -qE '(warning|error): ' "$log"
}

check_fuzz() {
  install_packages "${HALFMOON_PACKAGES[@]}" "${HALFMOON_TEST_PACKAGES[@]}" clang libclang-rt-14-dev llvm
  cd "$HALFMOON_ROOT"
  cmake --preset fuzz -DHALFMOON_BUILD_TESTS=OFF -DHALFMOON_BUILD_BENCHMARKS=OFF > /dev/null
  cmake --build build/fuzz -j "$(jobs_for_build)"
  local seconds=${HALFMOON_FUZZ_SECONDS:-60} target name inputs failed=() count=0 runs=0 executed
  for target in tests/fuzz/fuzz_*.cc; do
    name=$(basename "$target" .cc)
    [[ $name != fuzz_main ]] || continue
    inputs=$(mktemp -d)
    say "$name"
    "build/fuzz/tests/fuzz/$name" -max_total_time="$seconds" -print_final_stats=1 -verbosity=1 \
      -artifact_prefix="$logs/$name-" "$inputs" "tests/fuzz/corpus/$name" > "$logs/$name.log" 2>&1 ||
      { failed+=("$name"); tail -n 40 "$logs/$name.log"; }
    executed=$(sed -n 's/^stat::number_of_executed_units: *//p' "$logs/$name.log")
    echo "${executed:-0} inputs"
    runs=$((runs + ${executed:-0}))
    count=$((count + 1))
    rm -r "$inputs"
  done
  echo "$count targets, $seconds s each, $runs inputs${failed[*]:+; failed: ${failed[*]}}"
  ((count > 0 && ${#failed[@]} == 0))
}

check_coverage() {
  "$HALFMOON_ROOT/scripts/coverage.sh" | tee "$logs/coverage.lines"
  tail -n 3 "$logs/coverage.lines" | sed -E 's/^([^ ]+) +lines: ([0-9.]+%).*/\1 \2/' | paste -sd, | sed 's/,/, /g'
}

program() {
  install_packages "${HALFMOON_PACKAGES[@]}"
  build_release ON halfmoon
}

check_bit-exact() { program; cd "$HALFMOON_ROOT"; scripts/bit_exact.sh "$picture" --o0; }

check_neon() { "$HALFMOON_ROOT/scripts/check_neon.sh"; }

check_kill() { program; "$HALFMOON_ROOT/scripts/kill_batch.sh" "$pictures"; }

check_site() { "$HALFMOON_ROOT/scripts/site.sh"; }

needs_chroot() {
  ((EUID == 0)) || skip "needs root"
  install_packages debootstrap
}

check_packages() {
  needs_chroot
  install_packages "${HALFMOON_PACKAGES[@]}" "${HALFMOON_TEST_PACKAGES[@]}" dpkg-dev file
  "$HALFMOON_ROOT/scripts/package_check.sh" "$chroots/packages-debian" "$picture"
}

check_debian13() {
  needs_chroot
  program
  "$HALFMOON_ROOT/scripts/chroot.sh" trixie "$chroots/debian13"
  "$HALFMOON_ROOT/scripts/cross_check.sh" "$chroots/debian13" "$picture"
}

# write_page NAME ROW: puts a check's row into docs/checks.md, in the order above; other rows stay.
write_page() {
  local page=$HALFMOON_ROOT/docs/checks.md name old
  local -A rows
  while IFS= read -r old; do
    name=${old#'| `'}
    rows[${name%%'`'*}]=$old
  done < <(grep '^| `' "$page")
  rows[$1]=$2
  {
    sed '/^<!-- check_all.sh begins -->$/q' "$page"
    echo
    echo '| check | result | what it said | minutes | date | commit |'
    echo '|---|---|---|---|---|---|'
    for name in "${checks[@]}"; do
      [[ -z ${rows[$name]:-} ]] || echo "${rows[$name]}"
    done
    echo
    sed -n '/^<!-- check_all.sh ends -->$/,$p' "$page"
  } > "$page.new"
  mv "$page.new" "$page"
}

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
  sed -n '2,18s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  exit 0
fi
(($# > 0)) || set -- "${checks[@]}"
for name in "$@"; do
  [[ " ${checks[*]} " == *" $name "* ]] || die "$name: no such check; there are: ${checks[*]}"
done
mkdir -p "$logs"

# Now: the page that this script writes does not make the sources others.
commit=$(git -C "$HALFMOON_ROOT" describe --always --dirty)
worst=0 table=()
for name in "$@"; do
  say "$name"
  start=$SECONDS
  status=0
  # Not in a condition: there, a subshell would go on after its first error.
  set +e
  (set -euo pipefail && "check_$name") 2>&1 | tee "$logs/$name.log"
  status=${PIPESTATUS[0]}
  set -e
  case $status in
    0) result=passed ;;
    77) result=skipped ;;
    *) result=FAILED worst=1 ;;
  esac
  last=$(sed 's/\x1b\[[0-9;]*m//g; s/^== //' "$logs/$name.log" | grep -v '^ *$' | tail -n 1)
  took=$((SECONDS - start))
  table+=("$(printf '%-10s  %-8s  %6d s  %s' "$name" "$result" "$took" "$last")")
  # Names of this machine's folders are nobody's business.
  last=${last//"$HALFMOON_ROOT/"/}
  write_page "$name" "| \`$name\` | $result | ${last//|/\\|} | $(((took + 30) / 60)) | $(date +%F) | \`$commit\` |"
done
say "result"
printf '%s\n' "${table[@]}"
exit "$worst"
