#!/usr/bin/env bash
# kill_batch.sh FOLDER [TIMES]: kills `halfmoon compress --jobs 2` over the pictures of FOLDER with SIGKILL at
# random moments, 100 times by default, each time going on with --resume where the last one was. After
# every kill each .hmn file that is there must be whole; in the end all of them must be there and equal to those of
# an undisturbed run. HALFMOON_MODEL: a model's name; default ae-photo. RANDOM_SEED: of the moments.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

(($# >= 1)) || { sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
folder=$1 times=${2:-100}
halfmoon=$HALFMOON_ROOT/build/release/halfmoon
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
RANDOM=${RANDOM_SEED:-1}
batch=("$halfmoon" compress "$folder" -q 60 --jobs 2 --model "${HALFMOON_MODEL:-ae-photo}" --quiet)

start=$(date +%s%N)
"${batch[@]}" --out-dir "$work/whole"
took=$((($(date +%s%N) - start) / 1000000))
count=$(find "$work/whole" -name '*.hmn' | wc -l)
((count > 0)) || die "$folder: holds no pictures"

killed=0 rounds=0 whole=0
while ((killed < times)); do
  # A run that came to its end starts over: the moments shall lie everywhere.
  out=$work/out$rounds
  "${batch[@]}" --resume --out-dir "$out" &
  process=$!
  sleep "$(awk -v ms=$((RANDOM % took + 1)) 'BEGIN { print ms / 1000 }')"
  kill -KILL $process 2> /dev/null || true
  status=0
  wait $process 2> /dev/null || status=$?
  if ((status == 137)); then
    killed=$((killed + 1))
    while IFS= read -r file; do
      cmp -s "$file" "$work/whole/${file##*/}" || die "after kill $killed: $file is not whole"
      whole=$((whole + 1))
    done < <(find "$out" -name '*.hmn' 2> /dev/null)
  elif ((status != 0)); then
    die "a batch that nobody killed ended with $status"
  fi
  if [[ $(find "$out" -name '*.hmn' 2> /dev/null | wc -l) == "$count" ]]; then rounds=$((rounds + 1)); fi
done
"${batch[@]}" --resume --out-dir "$out"
diff -r -x '.halfmoon-*' "$work/whole" "$out" > /dev/null || die "the last --resume did not complete the folder"
say "$killed kills, $rounds batches completed between them, $whole files looked at: all whole; --resume completed the last"
