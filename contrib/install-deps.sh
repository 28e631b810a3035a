#!/bin/sh
# install-deps.sh SET: installs what is missing of a set, through apt where there is apt; otherwise says what is missing
# and exits 69. Sets: build (compile and embed the dashboard), check (build, and every test), bench (check, and the peers
# that we measure ourselves against). Each row asks for the thing itself, not for its package, so that a node or a clang
# from elsewhere is as good as Debian's; with everything there, it takes a fraction of a second.
set -u

case ${1-} in
build) sets="build" ;;
check) sets="build check" ;;
bench) sets="build check bench" ;;
*) echo "usage: $0 build|check|bench" >&2; exit 64 ;;
esac

# set   Debian package           what must succeed when it is there
table='
build  gcc                       command -v gcc
build  libc6-dev                 header stdio.h
build  make                      command -v make
build  pkg-config                command -v pkg-config
build  libmicrohttpd-dev         library libmicrohttpd
build  libwslay-dev              header wslay/wslay.h
build  nettle-dev                library nettle
build  libcjson-dev              library libcjson
build  libstatgrab-dev           library libstatgrab
build  libconfuse-dev            library libconfuse
build  libsqlite3-dev            library sqlite3
build  zlib1g-dev                library zlib
build  libcurl4-gnutls-dev       library libcurl
build  libsystemd-dev            library libsystemd
build  libhiredis-dev            library hiredis
build  nodejs                    node_at_least 18
build  npm                       command -v npm
build  ca-certificates           test -e /etc/ssl/certs/ca-certificates.crt
check  clang                     command -v clang
check  g++                       command -v g++
check  libclang-rt-14-dev        clang_runtime
check  libcmocka-dev             library cmocka
check  valgrind                  command -v valgrind
check  libc6-dbg                 test -d /usr/lib/debug/.build-id
check  chromium                  command -v chromium
check  redis-server              command -v redis-server
check  prometheus-node-exporter  command -v prometheus-node-exporter
check  python3-socketio          python_module socketio
check  python3-aiohttp           python_module aiohttp
check  python3-requests          python_module requests
check  python3-websocket         python_module websocket
check  systemd                   test -x /lib/systemd/systemd
check  dbus                      command -v dbus-daemon
bench  netdata                   command -v netdata
bench  glances                   command -v glances
bench  python3-bottle            python_module bottle
'

library() { pkg-config --exists "$1"; }
header() { test -n "$(find /usr/include /usr/local/include -path "*/$1" -print -quit)"; }
node_at_least() { node -e "process.exit(parseInt(process.versions.node) < $1 ? 1 : 0)"; }
clang_runtime() { test -e "$(clang -print-runtime-dir)/libclang_rt.fuzzer-$(uname -m).a" ||
	test -e "$(clang -print-resource-dir)/lib/linux/libclang_rt.fuzzer-$(uname -m).a"; }
# Not whatever python3 comes first in PATH: the tests run the system's, for which these packages are.
python_module() { /usr/bin/python3 -c "import importlib.util as u; exit(not u.find_spec('$1'))"; }

missing() {
	for set in $sets; do
		echo "$table" | while read -r in package test; do
			[ "$in" = "$set" ] || continue
			eval "$test" >/dev/null 2>&1 </dev/null || echo "$package"
		done
	done
}

# What is installed must not run here, now or after the next boot: a test starts its own Redis on a port of its own, and
# a host that someone builds on is not ours to put services on. invoke-rc.d and deb-systemd-invoke both ask this file.
policy=/usr/sbin/policy-rc.d
guard() { [ -e $policy ] || { printf '#!/bin/sh\n# install-deps.sh\nexit 101\n' | $sudo tee $policy && $sudo chmod 755 $policy; } >/dev/null; }
unguard() { ! grep -qs '^# install-deps.sh$' $policy || $sudo rm -f $policy; }

disable() {
	for service in redis-server prometheus-node-exporter netdata glances; do
		case " $list" in *" $service "*) $sudo systemctl disable $service ;; esac
	done >/dev/null 2>&1
}

install() {
	trap unguard EXIT
	trap 'exit 130' INT TERM HUP
	guard
	$sudo apt-get -q update # may fail for a source that we do not need: then let the installation speak
	$sudo env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
		apt-get -q -y -o DPkg::Lock::Timeout=600 install --no-install-recommends $list || return
	disable
}

list=$(missing | sort -u | tr '\n' ' ')
[ -n "$list" ] || exit 0

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
if ! command -v apt-get >/dev/null || { [ -n "$sudo" ] && ! command -v sudo >/dev/null; }; then
	echo "Missing for '$1', by their names in Debian: $list" >&2
	echo "Please install them and try again." >&2
	exit 69
fi
echo "Installing: $list"
install || { echo "apt-get could not install: $list" >&2; exit 69; }

list=$(missing | sort -u | tr '\n' ' ')
[ -z "$list" ] || { echo "Installed, yet not found or too old: $list" >&2; exit 69; }
