# Installs, upgrades, removes and purges the package, as the first process of a
# small Debian: chroot ROOT /bin/sh /install.sh ARCH
set -eux
one=/packages/rota_1.0.0-1_$1.deb
two=/packages/rota_1.0.1-1_$1.deb

fail() { echo "FAILED: $*"; exit 1; }
await() {
	n=0
	until "$@"; do
		n=$((n + 1))
		[ $n -lt 1200 ] || fail "waited in vain: $*"
		sleep 0.1
	done
} 2>/dev/null
apt() { apt-get -qq -y -o Dpkg::Use-Pty=0 "$@" </dev/null; }
# all files, and what is known of users, but what dpkg and apt note down themselves
files() {
	find / -xdev \( -path /proc -o -path /run -o -path /tmp -o -path /packages -o -path /var/lib/dpkg -o -path /var/cache -o -path /var/log -o -path /var/lib/apt \) -prune \
		-o -path '/etc/*-' -o ! -path '/*.log' ! -path '/*.txt' ! -path /main.pid -print | sort
	cat /etc/group /etc/passwd
}
nothing_left() {
	files >/after.txt
	diff /before.txt /after.txt || fail "a purge leaves something"
	[ ! -e /run/rota ] || fail "a purge leaves /run/rota"
	if dpkg-query -W rota 2>/dev/null; then fail "dpkg still knows rota"; fi
}
enabled() { [ -L /etc/systemd/system/multi-user.target.wants/rota.service ]; }

: "== without a service manager, and not allowed to start anything"
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod +x /usr/sbin/policy-rc.d
files >/before.txt
apt install $one
rota version | grep '^rota 1.0.0 '
enabled
[ "$(stat -c '%U:%G %a' /etc/rota/jobs.toml)" = "root:rota 640" ]
[ "$(stat -c '%U:%G %a' /etc/rota/secrets)" = "root:root 700" ]
rota check --config /etc/rota/jobs.toml
apt install --reinstall $one
enabled
apt remove rota
[ -e /etc/rota/jobs.toml ]
apt install $one
apt purge rota
nothing_left

: "== with a service manager, and not allowed to start anything"
mkdir -p /run/systemd/system
cp /systemctl /usr/bin/systemctl
files >/before.txt
apt install $one
apt install --reinstall $one
if grep -E '(^| )(re)?start ' /systemctl.log; then fail "policy-rc.d was not asked"; fi
apt purge rota
nothing_left

: "== from a crontab to a service, as the README says"
rm /usr/sbin/policy-rc.d
files >/before.txt
cat >/etc/crontab <<'CRONTAB'
SHELL=/bin/sh
17 5 * * 1-5 root /usr/bin/true --weekly-report
CRONTAB
sh /readme.sh | tee /readme.log
grep -q 'true' /readme.log || fail "rota list shows no task of the crontab"
grep '^--quiet --system start rota.service$' /systemctl.log

: "== a forked run goes on while the package is upgraded"
cat >>/etc/rota/jobs.toml <<'TASK'

[tasks.long]
mode = "forked"
command = "echo $$ >/tmp/long.pid; until [ -e /tmp/go ]; do sleep 0.1; done; echo through"
TASK
cp -p /etc/rota/jobs.toml /tmp/jobs.toml
systemctl reload rota
rota run long
await test -s /tmp/long.pid
kill -0 "$(cat /tmp/long.pid)"
old=$(cat /main.pid)
apt install $two
[ "$(cat /main.pid)" != "$old" ] || fail "the daemon was not restarted"
rota version | grep '^rota 1.0.1 '
rota status | grep '1\.0\.1'
kill -0 "$(cat /tmp/long.pid)" || fail "the upgrade ended a forked run"
rota ps | grep long
cmp /etc/rota/jobs.toml /tmp/jobs.toml || fail "the upgrade changed jobs.toml"
touch /tmp/go
ok() { rota history long | grep -q ' ok'; }
await ok
rota logs long | grep '^through$'

: "== disabled by the administrator it stays so"
rm /etc/systemd/system/multi-user.target.wants/rota.service
apt install --reinstall $two
if enabled; then fail "the package enables what was disabled"; fi

: "== removed with a forked run, which goes on; state is kept"
rm /tmp/go /tmp/long.pid
rota run long
await test -s /tmp/long.pid
daemon=$(cat /main.pid)
apt remove rota
[ ! -e /usr/bin/rota ]
if kill -0 "$daemon" 2>/dev/null; then fail "the daemon runs on"; fi
kill -0 "$(cat /tmp/long.pid)" || fail "the removal ended a forked run"
[ -e /var/lib/rota/rota.db ] || fail "the removal took the state"
apt purge rota
kill -0 "$(cat /tmp/long.pid)"
touch /tmp/go
ended() { ! kill -0 "$(cat /tmp/long.pid)" 2>/dev/null; }
await ended
rm /etc/crontab
nothing_left
: "== all done"
