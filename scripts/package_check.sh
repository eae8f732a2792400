#!/usr/bin/env bash
# package_check.sh FOLDER PICTURE: the Debian packages of build/release in an otherwise empty Debian of this
# suite, which is made in FOLDER if it is not there: installs what they depend on, then the packages; uses the
# program, the models that need LibTorch, the MIME type and the library; purges them; and compares the list of
# all files with that before. Needs root and debootstrap; HALFMOON_MIRROR, HALFMOON_APT_CONF as in chroot.sh.
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

(($# == 2)) || { sed -n '2,5s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
folder=$(realpath -m "$1") picture=$(realpath "$2")
# shellcheck source=/dev/null
make_chroot "$(source /etc/os-release && echo "$VERSION_CODENAME")" "$folder"
build_release ON all
say "making packages"
(cd "$HALFMOON_ROOT/build/release" && rm -f ./*.deb && cpack -G DEB > cpack.log) || die "cpack failed, see build/release/cpack.log"

trap unmount_chroot EXIT
mount_chroot "$folder"
inside() { in_chroot "$folder" env DEBIAN_FRONTEND=noninteractive "$@"; }
rm -rf "$folder/packages"
mkdir "$folder/packages"
cp "$HALFMOON_ROOT"/build/release/*.deb "$picture" "$HALFMOON_ROOT"/{README.md,tests/install/{CMakeLists.txt,consumer.cc}} "$folder/packages/"
picture=$(basename "$picture")

say "installing what the packages depend on"
depends=$(for deb in "$folder"/packages/*.deb; do
  dpkg-deb -f "$deb" Depends | sed -E 's/(^|, )halfmoon \([^)]*\)//'
  dpkg-deb -f "$deb" Recommends
done | grep -v '^$' | paste -sd, | sed -E 's/^[, ]+//; s/,[, ]+/, /g')
inside apt-get update -qq
# gio names MIME types; the rest builds a program with the library.
inside apt-get satisfy -y -qq --no-install-recommends "$depends, libglib2.0-bin, g++, cmake, ninja-build" > "$folder.apt.log" ||
  die "apt-get failed, see $folder.apt.log"
# Not what dpkg notes of its own work.
list() { (cd "$folder" && find . -xdev \( -path ./packages -o -path ./tmp -o -path './var/lib/dpkg' -o -path './var/log' \) -prune -o -print | sort); }
before=$(list)

say "installing $(cd "$folder/packages" && echo ./*.deb)"
inside sh -c 'dpkg -i /packages/*.deb' >> "$folder.apt.log"
# No model is named and no variable set: what is installed must be found where it lies.
inside halfmoon --version | head -n 1
inside halfmoon compress "/packages/$picture" -o /tmp/a.hmn --force
inside halfmoon decompress /tmp/a.hmn -o /tmp/a.png --force
inside halfmoon eval "/packages/$picture" --codec ae --codec avif --points 1
inside halfmoon sample --model vae-fashion --count 4 -o /tmp/b.png --force
inside cp /tmp/a.hmn /tmp/without_ending
for file in a.hmn without_ending; do
  type=$(inside gio info -a standard::content-type "/tmp/$file" | sed -n 's/^ *standard::content-type: //p')
  echo "$file: $type"
  [[ $type == image/x-halfmoon ]] || die "$file: the MIME type is not known"
done
inside test -s /usr/share/halfmoon/magic || die "no /usr/share/halfmoon/magic"
for page in halfmoon halfmoon-compress; do
  inside test -e "/usr/share/man/man1/$page.1" || inside test -e "/usr/share/man/man1/$page.1.gz" || die "no man page $page"
done
for completion in bash-completion/completions/halfmoon zsh/vendor-completions/_halfmoon fish/vendor_completions.d/halfmoon.fish; do
  inside test -s "/usr/share/$completion" || die "no /usr/share/$completion"
done
inside sh -c 'cd /tmp && cmake -S /packages -B consumer -G Ninja -DHALFMOON_README=/packages/README.md > /dev/null && cmake --build consumer > /dev/null && consumer/consumer' |
  sed 's/^/consumer: /'
inside rm -rf /tmp/a.hmn /tmp/a.png /tmp/b.png /tmp/without_ending /tmp/consumer

say "purging"
inside dpkg --purge libhalfmoon-dev halfmoon-networks halfmoon-measuring halfmoon > "$folder.purge.log" 2>&1
if grep -i 'warning' "$folder.purge.log"; then die "purging left something"; fi
difference=$(diff <(echo "$before") <(list)) || { echo "$difference"; die "the packages left files, or took some along"; }
say "installed, used and purged; every file is as before"
