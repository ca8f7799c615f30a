# SPDX-License-Identifier: MIT
# What Debian 12 must have installed, for ./run and ./check. Sourced by both.

# to build and run the program
build_packages=(
  gcc libc6-dev binutils meson ninja-build pkg-config python3 gettext
  libglib2.0-dev libgtk-4-dev libadwaita-1-dev libsndfile1-dev libsoxr-dev portaudio19-dev libjansson-dev libunistring-dev libkissfft-dev libebur128-dev
  libyaml-dev zlib1g-dev libsoup-3.0-dev libsecret-1-dev ca-certificates
  libasound2-plugins desktop-file-utils adwaita-icon-theme librsvg2-common fonts-dejavu-core
)
# to test it: a display, a sound server, keys, tools that look at results, and older processors
test_packages=(
  xvfb openbox dbus-daemon gnome-keyring x11-utils pulseaudio pulseaudio-utils xdotool imagemagick python3-numpy valgrind appstream g++ libopenblas-dev qemu-user
)

# Installs those of its arguments that are missing; says what and why.
need_packages () {
  local missing=() package sudo=
  for package in "$@"; do
    dpkg-query -W -f '${Status}\n' "$package" 2>/dev/null | grep -q '^install ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  echo "Clipwright needs these packages of Debian, and installs them with apt: ${missing[*]}" >&2
  if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "That needs root and there is no sudo. As root: apt-get install --no-install-recommends ${missing[*]}" >&2
      return 1
    fi
    sudo=sudo
  fi
  $sudo apt-get update -q >&2
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >&2
}
