#!/bin/sh
# First process of a lab node (see isolate.sh): sets up its mounts, says so, and collects orphans until killed.
#   hold.sh NAME STATE READY TREES...
# NAME: the node's host name. STATE: folder for all that is to be kept (containerd, kubelet, logs, cni, certs.d).
# READY: file to make when all is set up. TREES: folders to see in /lib/modules, each named like its kernel.
set -eu
name=$1 state=$2 ready=$3
shift 3

hostname "$name"
mount --make-rshared /
echo 1 >/proc/sys/net/ipv4/ip_forward

# The kernel parameters kubelet insists on, as files: it finds what it wants and leaves the machine's alone.
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -p /run/lab/sysctl
while read -r file value; do
  fake="/run/lab/sysctl/$(basename "$file")"
  echo "$value" >"$fake"
  if [ -e "$file" ]; then mount --bind "$fake" "$file"; fi
done <<'PARAMETERS'
/proc/sys/vm/overcommit_memory 1
/proc/sys/vm/panic_on_oom 0
/proc/sys/kernel/panic 10
/proc/sys/kernel/panic_on_oops 1
/proc/sys/kernel/keys/root_maxkeys 1000000
/proc/sys/kernel/keys/root_maxbytes 25000000
PARAMETERS

# /sys of this network, and the cgroup hierarchies from this node's root down.
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  mount -t sysfs sysfs /sys
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  # Controllers can be given on only by a group without processes: this one leaves it.
  echo $$ >/sys/fs/cgroup/lab/cgroup.procs
  for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
    echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control || true
  done
else
  hierarchies=$(awk '$3 == "cgroup" { print $2 }' /proc/mounts)
  options() { awk -v at="$1" '$3 == "cgroup" && $2 == at { print $4 }' /run/lab/mounts; }
  cp /proc/mounts /run/lab/mounts
  mount -t sysfs sysfs /sys
  mount -t tmpfs -o mode=0755 tmpfs /sys/fs/cgroup
  for hierarchy in $hierarchies; do
    controllers=$(options "$hierarchy" | tr , '\n' | grep -vxE 'rw|ro|nosuid|nodev|noexec|relatime|noatime' | paste -sd,)
    case $controllers in name=*) controllers=none,$controllers ;; esac
    mkdir -p "$hierarchy"
    mount -t cgroup -o "$controllers" cgroup "$hierarchy"
  done
fi

# From here on changes below a folder stay in the node and end with it; what is mounted below it is still seen.
private() {
  copy=/run/lab/private/$(echo "$1" | tr / _)
  mkdir -p "$copy/upper" "$copy/work" "$copy/machine"
  mount --rbind "$1" "$copy/machine"
  mount -t overlay overlay -o "lowerdir=$1,upperdir=$copy/upper,workdir=$copy/work" "$1"
  awk -v below="$copy/machine/" 'index($2, below) == 1 { print substr($2, length(below) + 1) }' /proc/mounts |
    while read -r mounted; do mount --rbind "$copy/machine/$mounted" "$1/$mounted"; done
}

# What is kept; sockets' paths must be short (107 characters).
private /var/lib
for folder in /var/lib/kubelet /run/lab/containerd /run/lab/cni /run/lab/certs.d /var/log; do
  mkdir -p "$state/$(basename "$folder")" "$folder"
  mount --bind "$state/$(basename "$folder")" "$folder"
done
: >/run/lab/resolv.conf

# The target kernels' modules and nothing else; a folder is not made on the machine when it has none.
if [ ! -d /lib/modules ]; then
  private "$(readlink -f /lib)"
  mkdir /lib/modules
fi
mount -t tmpfs -o mode=0755 tmpfs /lib/modules
for tree in "$@"; do
  at=/lib/modules/$(basename "$tree")
  mkdir "$at"
  mount --bind "$tree" "$at"
  mount -o remount,bind,ro "$at"
done

touch "$ready"
while :; do
  sleep 3600 &
  wait $!
done
