#!/usr/bin/env bash
# site.sh [FOLDER]: the pages of this repository as a site, with the API reference of the public headers; default
# build/site/html. Any warning of Sphinx or Doxygen ends it. Look at it: FOLDER/index.html.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

if [[ ${1:-} == -h || ${1:-} == --help ]]; then sed -n '2,3s/^# //p' "${BASH_SOURCE[0]}"; exit 0; fi
(($# <= 1)) || die "usage: site.sh [FOLDER]"
install_packages python3 python3-sphinx python3-myst-parser furo doxygen git
work=$HALFMOON_ROOT/build/site
out=$(realpath -m "${1:-$work/html}")
mkdir -p "$work"
rm -rf "$work/pages" "$work/api"
say "Doxygen"
(cd "$HALFMOON_ROOT" && OUTPUT=$work/api doxygen scripts/site/Doxyfile)
say "Sphinx"
"$HALFMOON_PYTHON" -B "$HALFMOON_ROOT/scripts/site/stage.py" "$HALFMOON_ROOT" "$work/pages"
"$HALFMOON_PYTHON" -B -m sphinx -W --keep-going -q -b html -c "$HALFMOON_ROOT/scripts/site" -D html_extra_path="$work/api" \
  -d "$work/doctrees" "$work/pages" "$out"
echo "$(find "$out" -name '*.html' | wc -l) pages without a warning: $out/index.html"
