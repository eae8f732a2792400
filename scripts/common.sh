# shellcheck shell=bash
# shellcheck disable=SC2034  # the lists are for the scripts that source this
# Shared by the scripts of this folder; to be sourced. Finds the tree, installs packages, builds.
set -euo pipefail

HALFMOON_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# What the program needs to build and to run fast (without libopenblas0 LibTorch is 17x slower); the
# last line holds the codecs that `halfmoon eval` compares with, which the build can do without.
HALFMOON_PACKAGES=(g++ cmake ninja-build ccache pkg-config libtorch-dev libopenblas0 libhwy-dev libeigen3-dev librandom123-dev
  libssl-dev libxxhash-dev libzstd-dev libpng-dev libjpeg-dev liblcms2-dev nlohmann-json3-dev libcli11-dev
  libwebp-dev libavif-dev libjxl-dev)
# What the tests and benchmarks need on top.
HALFMOON_TEST_PACKAGES=(libgtest-dev libbenchmark-dev zlib1g-dev chromium parallel clang-format shellcheck python3 git)
# The report of `halfmoon eval`: D3 draws its charts, librsvg makes PNG files of them. The build can
# do without either.
HALFMOON_PACKAGES+=(node-d3 librsvg2-dev)

# Debian's own: another one in PATH knows nothing of Debian's packages.
HALFMOON_PYTHON=/usr/bin/python3
[[ -x $HALFMOON_PYTHON ]] || HALFMOON_PYTHON=python3

say() { printf '\n== %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# install_packages NAME...: only what is missing; a second call costs a few milliseconds.
install_packages() {
  if ! command -v dpkg-query > /dev/null || ! command -v apt-get > /dev/null; then
    say "no Debian here: please install by hand what these Debian packages hold: $*"
    return
  fi
  local installed missing=() name
  # Not installed at all is an error of dpkg-query, which is fine.
  installed=" $(dpkg-query -W -f='${db:Status-Status}:${Package} ' "$@" 2> /dev/null || true)"
  for name in "$@"; do
    [[ $installed == *" installed:$name "* ]] || missing+=("$name")
  done
  ((${#missing[@]} > 0)) || return 0
  say "installing packages: ${missing[*]}"
  local root=()
  if ((EUID != 0)); then
    command -v sudo > /dev/null || die "run as root or install sudo: these packages are missing: ${missing[*]}"
    root=(sudo)
  fi
  ${root[@]+"${root[@]}"} apt-get update -qq
  ${root[@]+"${root[@]}"} env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}"
}

# make_chroot SUITE FOLDER: a Debian in FOLDER, from the mirrors; one that is there is taken as it is.
# HALFMOON_MIRROR: another mirror. HALFMOON_APT_CONF: a file for the chroot's apt.conf.d (proxies).
make_chroot() {
  local suite=$1 folder=$2
  ((EUID == 0)) || die "a chroot needs root"
  if [[ ! -e $folder/etc/debian_version ]]; then
    command -v debootstrap > /dev/null || die "there is no debootstrap; run: apt-get install debootstrap"
    say "making $suite in $folder"
    debootstrap --variant=minbase --include=ca-certificates,git "$suite" "$folder" \
      "${HALFMOON_MIRROR:-http://deb.debian.org/debian}" > "$folder.log" || die "debootstrap failed, see $folder.log"
  fi
  [[ -z ${HALFMOON_APT_CONF:-} ]] || cp "$HALFMOON_APT_CONF" "$folder/etc/apt/apt.conf.d/99halfmoon"
  cp /etc/resolv.conf "$folder/etc/resolv.conf"
}

# in_chroot FOLDER COMMAND...: with nothing of this shell's environment.
in_chroot() {
  local folder=$1
  shift
  env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 chroot "$folder" "$@"
}

# mount_chroot FOLDER: gives it /proc and /dev until unmount_chroot, which belongs into a trap on EXIT.
chroot_mounts=()
mount_chroot() {
  local m
  for m in proc dev dev/pts; do
    if mountpoint -q "$1/$m"; then continue; fi
    if [[ $m == proc ]]; then mount -t proc proc "$1/proc"; else mount --bind "/$m" "$1/$m"; fi
    chroot_mounts=("$1/$m" "${chroot_mounts[@]}")
  done
}
unmount_chroot() {
  local m
  for m in "${chroot_mounts[@]}"; do umount -l "$m" || true; done
}

# Parallel compilers: HALFMOON_JOBS, or one per core with 2 GiB each (a file with LibTorch's headers
# needs up to 1.5 GiB).
jobs_for_build() {
  if [[ -n ${HALFMOON_JOBS:-} ]]; then echo "$HALFMOON_JOBS"; return; fi
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ { print int($2 / 2097152) }' /proc/meminfo)
  ((memory >= 1)) || memory=1
  echo $((cores < memory ? cores : memory))
}

# build_release TESTS(ON|OFF) TARGET...: configures and builds build/release.
# HALFMOON_WERROR=ON: warnings are errors. Not by default: a user's compiler may know warnings that ours does not.
build_release() {
  local tests=$1
  shift
  local jobs
  jobs=$(jobs_for_build)
  say "building with $jobs jobs in build/release"
  # Presets are looked up in the current folder.
  local log
  log=$(cd "$HALFMOON_ROOT" && cmake --preset release -DHALFMOON_BUILD_TESTS="$tests" \
    -DHALFMOON_BUILD_BENCHMARKS="$tests" -DHALFMOON_WERROR="${HALFMOON_WERROR:-OFF}" 2>&1) || { echo "$log" >&2; die "configuring failed"; }
  cmake --build "$HALFMOON_ROOT/build/release" -j "$jobs" --target "$@"
}
