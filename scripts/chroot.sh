#!/usr/bin/env bash
# chroot.sh SUITE FOLDER [COMMAND...]: a fresh Debian (bookworm, trixie) in FOLDER, made by debootstrap
# from Debian's mirrors if it is not there, with the committed state of this tree in /halfmoon; runs COMMAND
# there, default scripts/test.sh. Needs root and debootstrap. A second run keeps packages and build.
#
#   scripts/chroot.sh bookworm /var/tmp/bookworm scripts/quickstart.sh
#   scripts/chroot.sh trixie /var/tmp/trixie
# HALFMOON_MIRROR: another mirror. HALFMOON_APT_CONF: a file for the chroot's apt.conf.d (proxies).
set -euo pipefail
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

(($# >= 2)) || { sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
suite=$1 folder=$(realpath -m "$2")
shift 2
(($# > 0)) || set -- scripts/test.sh
make_chroot "$suite" "$folder"

# The committed files as a clone has them; what was built there stays.
commit=$(git -C "$HALFMOON_ROOT" rev-parse HEAD)
if [[ ! -e $folder/halfmoon/.git ]]; then
  git clone -q --no-hardlinks "$HALFMOON_ROOT" "$folder/halfmoon"
fi
git -C "$folder/halfmoon" fetch -q "$HALFMOON_ROOT" HEAD
git -C "$folder/halfmoon" checkout -q --force --detach "$commit"

trap unmount_chroot EXIT
mount_chroot "$folder"
say "$(cat "$folder/etc/debian_version"), commit ${commit:0:12}: $*"
in_chroot "$folder" env ${HALFMOON_JOBS:+HALFMOON_JOBS="$HALFMOON_JOBS"} /bin/sh -c 'cd /halfmoon && exec "$@"' sh "$@"
