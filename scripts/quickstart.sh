#!/usr/bin/env bash
# quickstart.sh [PICTURE]: one command on a fresh Debian 12. Installs what is missing, builds
# halfmoon, compresses PICTURE (PNG or JPEG; default: a photograph of the Earth that Debian
# distributes) at three qualities, restores it, and shows sizes and fidelity.
# HALFMOON_JOBS: parallel compilers. Results: build/quickstart/.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
  sed -n '2,5s/^# //p' "${BASH_SOURCE[0]}"
  exit 0
fi
(($# <= 1)) || die "usage: quickstart.sh [PICTURE]"
picture=${1:-}
if [[ -n $picture ]]; then
  [[ -f $picture ]] || die "$picture: no such picture"
  picture=$(realpath "$picture")
  install_packages "${HALFMOON_PACKAGES[@]}"
else
  install_packages "${HALFMOON_PACKAGES[@]}" xplanet-images
  if command -v dpkg > /dev/null; then
    picture=$(dpkg -L xplanet-images 2> /dev/null | grep '/earth\.jpg$' | head -n 1 || true)
  fi
  [[ -n $picture ]] || die "no default picture here; run: quickstart.sh PICTURE"
fi

build_release OFF halfmoon
halfmoon=$HALFMOON_ROOT/build/release/halfmoon
results=$HALFMOON_ROOT/build/quickstart
mkdir -p "$results"

# field NAME: a number of the JSON object on stdin.
field() { sed -n "s/^ *\"$1\": \([0-9.eE+-]*\),\{0,1\}$/\1/p"; }

name=$(basename "${picture%.*}")
say "$picture ($(stat -c %s "$picture") bytes)"
printf '%8s  %10s  %8s  %9s  %11s  %13s\n' quality bytes bpp 'PSNR/dB' compress/s decompress/s
for quality in 20 50 80; do
  file=$results/$name-q$quality
  made=$("$halfmoon" compress "$picture" -o "$file.hmn" -q $quality --psnr --json --force --quiet)
  restored=$("$halfmoon" decompress "$file.hmn" -o "$file.png" --json --force --quiet)
  printf '%8d  %10d  %8.3f  %9.2f  %11.2f  %13.2f\n' "$quality" "$(field output_bytes <<< "$made")" \
    "$(field bits_per_pixel <<< "$made")" "$(field psnr <<< "$made")" \
    "$(field seconds <<< "$made")" "$(field seconds <<< "$restored")"
done
printf '\nThe .hmn files and the pictures restored from them: %s\n' "$results"
printf 'The program: %s --help\n' "$halfmoon"
