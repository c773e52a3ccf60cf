#!/bin/bash
# EMR runs this when the cluster ends, for at most a minute. The agent's ordered stop rolls up and sends its last
# period; what systemd and the supervisor said goes beside its log, where EMR's log pusher finds it.
set -u
as_root=()
((EUID == 0)) || as_root=(sudo -n --)
${as_root[@]+"${as_root[@]}"} timeout -k 1 50 systemctl stop tidemark-sparkconf.timer tidemark.service
# shellcheck disable=SC2016 # expanded by the inner shell, which is root
${as_root[@]+"${as_root[@]}"} timeout 5 bash -c \
  'journalctl -q --no-pager -n 5000 -u tidemark.service -u tidemark-sparkconf.service >/var/log/tidemark/journal-at-the-end.log'
exit 0
