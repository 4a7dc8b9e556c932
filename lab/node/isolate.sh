#!/bin/sh
# Makes the world of a lab node and holds it: namespaces of its own for mounts, processes, network, host name and
# cgroups. When this process dies, the kernel takes away all that lives in them: programs, pods and mounts.
#   isolate.sh CGROUP COMMAND ARGUMENTS...   (the command is the first process of the node)
set -eu
cgroup=$1
shift
scripts=$(dirname "$0")

# Everything in the node is accounted below one cgroup per hierarchy, which becomes the root of its namespace. Cgroups
# of version 2 give controllers only to groups without processes: the node's own processes are in a group below.
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  mkdir -p "/sys/fs/cgroup/$cgroup/lab"
else
  awk '$3 == "cgroup" { print $2 }' /proc/mounts | while read -r hierarchy; do
    for group in "$cgroup" "$cgroup/lab"; do
      mkdir -p "$hierarchy/$group"
      if [ -e "$hierarchy/cpuset.cpus" ]; then
        cat "$hierarchy/cpuset.cpus" >"$hierarchy/$group/cpuset.cpus"
        cat "$hierarchy/cpuset.mems" >"$hierarchy/$group/cpuset.mems"
      fi
    done
  done
fi
exec sh "$scripts/join.sh" "$cgroup/lab" unshare --mount --pid --fork --kill-child --mount-proc --net --uts \
  sh "$scripts/join.sh" "$cgroup" unshare --cgroup "$@"
