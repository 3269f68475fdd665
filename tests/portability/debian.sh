#!/bin/sh
# The README's two commands on a bare Debian: what a machine has that nothing was ever installed on.
#   tests/portability/debian.sh 12|13 [FOLDER [COMMAND...]]
# As root. FOLDER (default: a new one below /tmp) keeps the bare system from call to call; the clone of
# this repository's HEAD in it is fresh each time. Without COMMAND: ./labhost run experiments/table3.toml,
# then ./test.sh. Ends with the minutes that each took; exit code 0 when all of them passed.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
release=${1:-}
case $release in
  12) suite=bookworm ;;
  13) suite=trixie ;;
  *) echo "usage: tests/portability/debian.sh 12|13 [FOLDER [COMMAND...]]" >&2; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || { echo "debian.sh: expected to be run as root (debootstrap, chroot)" >&2; exit 2; }
shift
work=${1:-$(mktemp -d /tmp/labhost-debian-$release.XXXXXX)}
[ $# = 0 ] || shift
root=$work/debian-$release
say() { printf 'debian.sh: %s\n' "$*" >&2; }

make_bare() {
  command -v debootstrap >/dev/null ||
    apt-get install -y --no-install-recommends debootstrap >/dev/null
  # From where this machine gets its own packages.
  mirror=$(apt-get indextargets --format '$(REPO_URI)' "Created-By: Packages" 2>/dev/null |
    grep -m 1 '/debian/*$' || echo http://deb.debian.org/debian)
  say "making a bare Debian $release in $root"
  mkdir -p "$work"
  debootstrap --variant=minbase "$suite" "$root.part" "$mirror" >"$work/debootstrap.log" 2>&1 ||
    { tail -n 5 "$work/debootstrap.log" >&2; exit 1; }
  cp /etc/resolv.conf /etc/hosts "$root.part/etc/"
  chroot "$root.part" sh -c 'apt-get update -qq &&
    apt-get install -y -qq --no-install-recommends ca-certificates git >/dev/null'
  mv "$root.part" "$root"
}

inside() {
  chroot "$root" env -i HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    LANG=C.UTF-8 TERM=dumb sh -c 'cd /src && exec "$@"' sh "$@"
}

timed() {
  started=$(date +%s)
  if inside "$@" >"$work/output.log" 2>&1; then verdict=passed; else verdict=FAILED; fi
  minutes=$((($(date +%s) - started + 30) / 60))
  tail -n 25 "$work/output.log"
  say "Debian $release, commit $commit: $* $verdict, $minutes min"
  [ "$verdict" = passed ]
}

[ -e "$root/etc/debian_version" ] || make_bare
rm -rf "$root/src"
git clone -q "$top" "$root/src"
commit=$(git -C "$root/src" rev-parse --short HEAD)
unmount() { for folder in dev sys proc; do umount "$root/$folder" 2>/dev/null || true; done; }
trap unmount EXIT
trap 'exit 1' INT TERM
for folder in proc sys dev; do mount --bind "/$folder" "$root/$folder"; done
if [ $# -gt 0 ]; then
  timed "$@"
else
  timed ./labhost run experiments/table3.toml
  timed ./test.sh
fi
