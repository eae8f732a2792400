#!/usr/bin/env bash
# cross_check.sh FOLDER PICTURE: files of this build against files of the build in the chroot FOLDER (made by
# chroot.sh, which must have built build/release there), for every shipped model that codes pictures.
# Each writes a file, both decode both: the symbol hash must be equal, pixels within 1 level (those of ae
# and vqvae models: identical).
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

(($# == 2)) || { sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
folder=$(realpath "$1") picture=$(realpath "$2")
[[ -x $folder/halfmoon/build/release/halfmoon ]] || die "$folder: holds no build; run chroot.sh first"
work=$(mktemp -d -p "$folder/tmp")
trap 'rm -rf "$work"; unmount_chroot' EXIT
mount_chroot "$folder"
inside=${work#"$folder"}
cp "$picture" "$work/picture"
here() { "$HALFMOON_ROOT/build/release/halfmoon" "$@"; }
there() { in_chroot "$folder" /halfmoon/build/release/halfmoon "$@"; }
hash_of() { grep -oE '[0-9a-f]{16}' | tail -n 1; }
# Largest difference of two files of equal size, byte by byte.
largest_difference() {
  [[ $(stat -c %s "$1") == $(stat -c %s "$2") ]] || { echo 999; return; }
  paste <(od -An -v -tu1 -w1 "$1") <(od -An -v -tu1 -w1 "$2") |
    awk '{ d = $1 > $2 ? $1 - $2 : $2 - $1; if (d > m) m = d } END { print m + 0 }'
}

checked=0
while read -r model architecture; do
  case $architecture in
    ae | vqvae) allowed=0 more=() ;;
    vae | vqvae-small) allowed=1 more=(--resize) ;;
    *) continue ;;
  esac
  here compress "$work/picture" -o "$work/here.hmn" --model "$model" ${more[@]+"${more[@]}"} --quiet --force
  there compress "$inside/picture" -o "$inside/there.hmn" --model "$model" ${more[@]+"${more[@]}"} --quiet --force
  same=$(cmp -s "$work/here.hmn" "$work/there.hmn" && echo "same file" || echo "other file")
  for from in here there; do
    a=$(here verify --symbols "$work/$from.hmn" | hash_of)
    b=$(there verify --symbols "$inside/$from.hmn" | hash_of)
    here decompress "$work/$from.hmn" -o "$work/a.ppm" --quiet --force
    there decompress "$inside/$from.hmn" -o "$inside/b.ppm" --quiet --force
    difference=$(largest_difference "$work/a.ppm" "$work/b.ppm")
    printf '%-18s written %-5s  symbols %s %s  largest difference %s\n' "$model" "$from" "$a" \
      "$([[ $a == "$b" ]] && echo '=' || echo "!= $b")" "$difference"
    [[ -n $a && $a == "$b" ]] || die "$model: symbols differ"
    ((difference <= allowed)) || die "$model: pixels differ by $difference"
  done
  echo "                   both encoders: $same"
  checked=$((checked + 1))
done < <(here models | awk 'NR > 1 { print $2, $3 }')
((checked > 0)) || die "no model was checked"
say "$checked models: every file decodes alike in both"
