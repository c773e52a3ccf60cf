#!/bin/bash
# EMR runs this when the cluster ends, for at most a minute. The agent's ordered stop rolls up and sends its last
# period; what systemd and the supervisor said goes beside its log, where EMR's log pusher finds it.
set -u
as_root=()
((EUID == 0)) || as_root=(sudo -n --)
${as_root[@]+"${as_root[@]}"} timeout -k 1 50 systemctl stop tidemark-sparkconf.timer tidemark.service
# The agent's user may put links of its own into that folder: a new file takes the name, nothing is written through it.
# shellcheck disable=SC2016 # expanded by the inner shell, which is root
${as_root[@]+"${as_root[@]}"} timeout 5 bash -c 'cd /var/log/tidemark && new=$(mktemp .journal-XXXXXX) &&
  journalctl -q --no-pager -n 5000 -u tidemark.service -u tidemark-sparkconf.service >"$new" &&
  chmod 0644 "$new" && mv -fT "$new" journal-at-the-end.log'
exit 0
