#!/usr/bin/env bash
# Makes sure that the tools named as arguments are here: node ffmpeg chromium firefox gcc
# gstreamer obs.
# What is missing is installed with apt-get, as root or through sudo, saying what
# and why. A Node that is too old for the front end's tools is left alone: a newer
# one goes into .tools/node, which comes first in PATH here and in the Makefile.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PWD/.tools/node/node_modules/.bin:$PATH
log=.tools/install.log
mkdir -p .tools

say() { echo "==> $*"; }
die() { echo "make: $*" >&2; exit 1; }

root=()
[ "$(id -u)" = 0 ] || root=(sudo)

apt_get() {
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -q -y -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" >>"$log" 2>&1
}

# apt WHY PACKAGE...: installs packages; the lists are fetched when that is needed.
apt() {
  local why=$1 try; shift
  command -v apt-get >/dev/null || die "please install $* ($why); this machine has no apt-get"
  say "Installing $* with apt-get: $why"
  if [ ${#root[@]} -gt 0 ]; then
    command -v sudo >/dev/null || die "please install $* as root; this user cannot, there is no sudo"
    sudo -v || die "please install $* as root; sudo refuses"
  fi
  for try in 1 2 3; do
    if [ "$try" -gt 1 ] || ! apt-cache show --no-all-versions "$@" >/dev/null 2>&1; then apt_get update || true; fi
    if apt_get install --no-install-recommends "$@"; then return; fi
    sleep $((try * 2))
  done
  tail -n 20 "$log" >&2
  die "apt-get could not install $* ($log has it all)"
}

# new_enough: the first node in PATH suits Vite 8 (20.19 or later, 22.12 or later).
new_enough() {
  command -v node >/dev/null && command -v npm >/dev/null || return 1
  node -e 'const [a, b] = process.versions.node.split(".").map(Number);
    process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)'
}

need_node() {
  if new_enough; then return; fi
  if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
    apt "Node builds the front end" nodejs npm
    hash -r
    if new_enough; then return; fi
  fi
  say "Installing Node 22 into .tools/node with npm: the front end's tools need 20.19 or later, here is $(node --version)"
  rm -rf .tools/node
  npm install --prefix .tools/node --no-audit --no-fund --loglevel=error node@22 npm@11 >>"$log" 2>&1 ||
    { tail -n 20 "$log" >&2; die "npm could not install Node 22 ($log has it all)"; }
  hash -r
  new_enough || die "the Node in .tools/node does not run ($log has it all)"
}

need_ffmpeg() { command -v ffmpeg >/dev/null || apt "it makes the picture shown while a broadcast is interrupted, and transcodes" ffmpeg; }

need_chromium() { [ -x /usr/bin/chromium ] || apt "the browser tests drive it" chromium; }

need_firefox() { command -v firefox-esr >/dev/null || command -v firefox >/dev/null || apt "one browser test drives it" firefox-esr; }

need_gcc() { command -v gcc >/dev/null || apt "Go's race detector, used by the tests only, is built with it" gcc libc6-dev; }

need_gstreamer() {
  if gst-inspect-1.0 --exists webrtcbin 2>/dev/null && gst-inspect-1.0 --exists rtspclientsink && gst-inspect-1.0 --exists hlsdemux2 &&
    gst-inspect-1.0 --exists x264enc && gst-inspect-1.0 --exists nicesrc && gst-inspect-1.0 --exists avdec_h264; then return; fi
  apt "the tests broadcast and watch with GStreamer" gstreamer1.0-tools gstreamer1.0-plugins-{base,good,bad,ugly} gstreamer1.0-libav \
    gstreamer1.0-rtsp gstreamer1.0-nice python3-gi gir1.2-gst-plugins-base-1.0 gir1.2-gst-plugins-bad-1.0
}

need_obs() {
  if command -v obs >/dev/null && command -v xvfb-run >/dev/null; then return; fi
  apt "make test-obs broadcasts with OBS Studio" obs-studio obs-plugins xvfb xauth libgl1-mesa-dri dbus-x11
}

command -v go >/dev/null || die "Go is missing: install Go 1.26 or later in PATH or in /usr/local/go"
for tool in "$@"; do "need_$tool"; done
