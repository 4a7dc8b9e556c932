#!/bin/sh
. /run/kmm/log.sh
log_to containerd
exec containerd --config /run/kmm/containerd.toml
