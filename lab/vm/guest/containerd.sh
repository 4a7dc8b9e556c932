#!/bin/sh
. /run/kmm/log.sh
log_to containerd
# One thread at a time and less garbage collection: an idle node takes half the host's time that way.
export GOMAXPROCS=1 GOGC=400
exec containerd --config /run/kmm/containerd.toml
