#!/bin/sh
# Under emulation the kubelet takes longer to load than containerd to serve: they start at the same time.
. /run/kmm/log.sh
log_to kubelet
set --
while read -r argument; do set -- "$@" "$argument"; done </run/kmm/kubelet.args
# As in containerd.sh.
export GOMAXPROCS=1 GOGC=400
exec kubelet "$@"
