#!/bin/sh
# Makes the world of a lab node and holds it: namespaces of its own for mounts, processes, network, host name and
# cgroups. When this process dies, the kernel takes away all that lives in them: programs, pods and mounts.
#   isolate.sh CGROUP HOLD-SCRIPT ARGUMENTS...   (the arguments go to the second script)
set -eu
cgroup=$1
shift

# Everything in the node is accounted below one cgroup per hierarchy, which becomes the root of its namespace.
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  mkdir -p "/sys/fs/cgroup/$cgroup"
  echo $$ >"/sys/fs/cgroup/$cgroup/cgroup.procs"
else
  awk '$3 == "cgroup" { print $2 }' /proc/mounts | while read -r hierarchy; do
    mkdir -p "$hierarchy/$cgroup"
    if [ -e "$hierarchy/cpuset.cpus" ]; then
      cat "$hierarchy/cpuset.cpus" >"$hierarchy/$cgroup/cpuset.cpus"
      cat "$hierarchy/cpuset.mems" >"$hierarchy/$cgroup/cpuset.mems"
    fi
    echo $$ >"$hierarchy/$cgroup/cgroup.procs"
  done
fi
exec unshare --mount --pid --fork --kill-child --mount-proc --net --uts --cgroup "$@"
