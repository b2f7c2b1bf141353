#!/bin/sh
# A service manager for one unit, of which the test can read what it was asked. It
# runs the commands of the unit, and waits as Type=notify does until it answers.
# As KillMode=process says, only the daemon is told to stop.
set -eu
echo "$*" >>/systemctl.log
while [ $# -gt 0 ]; do
	case "$1" in -*) shift ;; *) break ;; esac
done
verb=$1
unit=/usr/lib/systemd/system/rota.service
line() { sed -n "s/^$1=//p" $unit; }
running() { [ -e /main.pid ] && kill -0 "$(cat /main.pid)" 2>/dev/null; }
await() {
	n=0
	until "$@"; do
		n=$((n + 1))
		[ $n -lt 1200 ] || { echo "waited in vain: $*"; cat /daemon.log; exit 1; }
		sleep 0.1
	done
}
answers() { rota ping >/dev/null 2>&1; }
gone() { ! running; }
case $verb in
daemon-reload) ;;
preset)
	mkdir -p /etc/systemd/system/multi-user.target.wants
	ln -sf $unit /etc/systemd/system/multi-user.target.wants/
	;;
is-enabled)
	[ -e /etc/systemd/system/multi-user.target.wants/rota.service ] && echo enabled
	;;
is-active) running ;;
start | restart | stop)
	if [ $verb != start ] && running; then
		kill -TERM "$(cat /main.pid)"
		await gone
	fi
	rm -f /main.pid
	if [ $verb != stop ]; then
		mkdir -p /run/rota /var/lib/rota
		chmod 0750 /var/lib/rota
		cd /
		# Its own parent is soon gone, so that whoever is process 1 takes its end.
		(
			NOTIFY_SOCKET=/notify setsid $(line ExecStart) >>/daemon.log 2>&1 </dev/null &
			echo $! >/main.pid
		)
		await answers
	fi
	;;
reload) $(line ExecReload) ;;
*) echo "systemctl does not know $verb"; exit 1 ;;
esac
