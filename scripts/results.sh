#!/usr/bin/env bash
# Measures the figures of README and docs: every part, or some by name. A part that was stopped goes on where it was.
#
#   scripts/results.sh [PART...]      parts: kodak levels vqvae eval2 validation speeds crops overfitted generation performance effort
#   scripts/results.sh pages          measures nothing, puts what docs/results/ holds into the pages
#
# A part writes docs/results/PART.json: the figures with command, commit, weights, machine and date. scripts/results_pages.py
# makes tables of them and puts them between the markers of the pages; scripts/results_plots.py draws.
#
# HALFMOON_DATA     folder with kodak/, eval2/, train/, generative/; default ../shared/data. A part whose pictures are
#                   absent is skipped with a message.
# HALFMOON          the program; default build/release/halfmoon, which is built first.
# HALFMOON_RESULTS  where reports and journals lie; default build/results.
# HALFMOON_BUSY     1: measure times on a machine that does something else. Their ratios are of use, they are not.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

data=${HALFMOON_DATA:-$HALFMOON_ROOT/../shared/data}
work=${HALFMOON_RESULTS:-$HALFMOON_ROOT/build/results}
peers=(--codec webp --codec avif --codec jxl)
published=(--anchors "$HALFMOON_ROOT/eval/anchors/kodak.json")
efforts=(1 2 3 5 6 7 8 9)
parts=(kodak levels vqvae eval2 validation speeds crops overfitted generation performance effort)

# The table: what the arguments of `halfmoon eval` are. Pictures come first.
arguments_of() {
  case $1 in
    kodak) set -- "$data/kodak" --title Kodak --codec jpeg --codec ae --codec ae:tune=ms-ssim "${peers[@]}" "${published[@]}" ;;
    levels) set -- "$data/kodak" --title Kodak --codec ae --codec ae:tune=ms-ssim \
      --quality 0,4,12,20,30,40,50,60,70,80,90,98,100 "${published[@]}" ;;
    vqvae) set -- "$data/kodak" --title Kodak --codec ae:model=vqvae --quality 9,23,37,54,74,100 "${published[@]}" ;;
    eval2) set -- "$data/eval2" --title eval2 --codec jpeg --codec ae --codec ae:tune=ms-ssim "${peers[@]}" ;;
    validation) set -- "$work/validation" --title validation --codec jpeg --codec ae --codec ae:tune=ms-ssim "${peers[@]}" ;;
    speeds) set -- "$data/kodak" --title Kodak --codec jpeg --codec ae --codec ae:effort=1 --codec ae:effort=2 --codec ae:effort=5 \
      --codec ae:tune=ms-ssim --codec webp:method=6 --codec avif:speed=0 --codec jxl:effort=9 ;;
    performance) set -- "$data"/kodak/kodim0[1-3].png --title Kodak --codec jpeg --codec ae --codec ae:effort=1 --codec ae:effort=2 \
      --codec ae:effort=5 --codec ae:tune=ms-ssim "${peers[@]}" --codec webp:method=6 --codec avif:speed=0 --codec jxl:effort=9 --timing ;;
    effort) set -- "$work/crops" --title "crops of Kodak" "${efforts[@]/#/--codec=ae:effort=}" --quality 10,25,40,60 \
      --timing --timing-pictures 1 --repeats 1 ;;
    overfitted) set -- "$data"/kodak/kodim{05,13,20,23}.png --title Kodak --codec ae --codec overfitted:iterations=1000 \
      --quality 20,40,60,80 ;;
    crops) set -- "$data/kodak/kodim23.png" --title Kodak --codec jpeg --codec ae --codec ae:tune=ms-ssim --codec avif --codec jxl \
      --points 4 --matched-bpp 0.2 ;;
    *) return 1 ;;
  esac
  [[ " $* " == *" --matched-bpp "* ]] || set -- "$@" --matched-bpp 0
  printf '%s\n' "$@"
}

# busy: whether other programs keep more than a fifth of a core at work.
busy() { awk '{ exit $1 <= 0.2 }' /proc/loadavg; }

part() {
  local name=$1 before
  case $name in
    performance | effort)
      if busy && [[ ${HALFMOON_BUSY:-0} != 1 ]]; then
        die "$name: the machine is busy (load $(cut -d' ' -f1 /proc/loadavg)), times would be wrong; wait, or set HALFMOON_BUSY=1"
      fi ;;&
    effort) crops ;;
    validation) validation ;;
  esac
  before=$(cut -d' ' -f1 /proc/loadavg)
  if [[ $name == generation ]]; then generation; else
    local arguments=()
    mapfile -t arguments < <(arguments_of "$name")
    if [[ ! -e ${arguments[0]} ]]; then
      say "$name is skipped: there is no ${arguments[0]}; HALFMOON_DATA names the folder of the data"
      return
    fi
    say "$name: halfmoon eval ${arguments[*]}"
    "$halfmoon" eval "${arguments[@]}" --out "$work/$name" --resume
  fi
  HALFMOON=$halfmoon "$HALFMOON_PYTHON" -B "$HALFMOON_ROOT/scripts/results_store.py" "$name" "$work/$name" "$before"
}

# The middle 256x256 pixels of eight pictures.
crops() {
  local n
  [[ -d $data/kodak ]] || return 0
  mkdir -p "$work/crops"
  for n in 01 05 08 13 15 19 20 23; do
    [[ -e $work/crops/kodim$n.png ]] || convert "$data/kodak/kodim$n.png" -gravity center -crop 256x256+0+0 +repage "$work/crops/kodim$n.png"
  done
}

# The images that `halfmoon pack` keeps for validation: every 20th, in the order of their paths, of those it takes.
validation() {
  [[ -d $data/train && ! -d $work/validation ]] || return 0
  say "validation: halfmoon pack, to know which images it keeps apart"
  "$halfmoon" pack "$data/train" -o "$work/train.hmnpack" --force 2> "$work/pack.log" || die "$(< "$work/pack.log")"
  rm "$work/train.hmnpack"
  sed -n 's/^halfmoon: warning: \(.*\): [^:]*$/\1/p' "$work/pack.log" > "$work/left-out"
  mkdir "$work/validation"
  find "$data/train" -iname '*.png' -o -iname '*.jpg' -o -iname '*.jpeg' | LC_ALL=C sort | grep -vxFf "$work/left-out" |
    awk 'NR % 20 == 0' | while read -r picture; do ln -s "$(realpath "$picture")" "$work/validation/"; done
}

# Samples of clothes at four settings.
generation() {
  local pack=$work/fashion.hmnpack setting
  if [[ ! -d $data/generative/fashion-mnist ]]; then
    say "generation is skipped: there is no $data/generative/fashion-mnist; HALFMOON_DATA names the folder of the data"
    return
  fi
  [[ -e $pack ]] || "$halfmoon" pack "$data/generative/fashion-mnist" -o "$pack" --quiet
  mkdir -p "$work/generation"
  for setting in "--guidance 1" "--guidance 1 --temperature 0.9" "--guidance 1.5" "--guidance 2"; do
    local file=$work/generation/${setting// /_}.json
    [[ ! -e $file ]] || continue
    # shellcheck disable=SC2086  # a setting is several words
    "$halfmoon" assess vqvae-fashion --data "$pack" --classifier classifier-fashion --samples 1000 $setting --json > "$file.part"
    mv "$file.part" "$file"
  done
}

main() {
  if [[ ${1:-} == -h || ${1:-} == --help ]]; then sed -n '2,16s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0; fi
  if [[ ${1:-} != pages ]]; then
    (($# > 0)) || set -- "${parts[@]}"
    local name
    for name in "$@"; do
      [[ " ${parts[*]} " == *" $name "* ]] || die "$name: no such part; there are: ${parts[*]}"
    done
    install_packages python3 python3-scipy python3-matplotlib imagemagick fonts-dejavu-core
    halfmoon=${HALFMOON:-}
    if [[ -z $halfmoon ]]; then
      install_packages "${HALFMOON_PACKAGES[@]}"
      build_release OFF halfmoon
      halfmoon=$HALFMOON_ROOT/build/release/halfmoon
    fi
    # Other weights, another folder: nothing that older ones measured is taken for theirs.
    work=$work/$("$halfmoon" models --json | sha256sum | cut -c1-12)
    mkdir -p "$work"
    for name in "$@"; do part "$name"; done
    "$HALFMOON_PYTHON" -B "$HALFMOON_ROOT/scripts/results_plots.py"
  fi
  "$HALFMOON_PYTHON" -B "$HALFMOON_ROOT/scripts/results_pages.py" "$HALFMOON_ROOT"
}
main "$@"
