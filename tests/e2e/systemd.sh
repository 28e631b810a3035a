#!/bin/sh
# systemd.sh FOLDER: a real systemd with units of our own, below FOLDER, as the one that a system bus leads to. Everything that it
# puts into /run is seen from within the mount namespace alone that this is to be called in: unshare --mount tests/e2e/systemd.sh …
#
# It is a user's manager, which wants no machine for itself, with the units that make it own its name on the bus.
set -eu
folder=$1
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/dbus "$folder/units"
mkdir -m 700 "$folder/runtime"
cd "$folder/units"

unit() { cat >"$1"; }
unit basic.target <<-END
	[Unit]
	Requires=dbus.socket
	After=dbus.socket
END
unit dbus.socket <<-END
	[Socket]
	ListenStream=/run/dbus/system_bus_socket
END
unit dbus.service <<-END
	[Unit]
	Requires=dbus.socket
	[Service]
	Type=notify
	NotifyAccess=main
	ExecStart=/usr/bin/dbus-daemon --session --address=systemd: --nofork --nopidfile
END
unit bad.service <<-END
	[Service]
	Type=oneshot
	ExecStart=/bin/false
END

export XDG_RUNTIME_DIR="$folder/runtime" SYSTEMD_UNIT_PATH="$folder/units"
export DBUS_SESSION_BUS_ADDRESS=unix:path=/run/dbus/system_bus_socket
exec /lib/systemd/systemd --user --unit=basic.target --log-target=console
