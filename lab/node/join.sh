#!/bin/sh
# Runs a program in a cgroup, as the cgroup's path is below each hierarchy seen here.   join.sh CGROUP PROGRAM ...
set -eu
cgroup=$1
shift
awk '$3 ~ /^cgroup2?$/ { print $2 }' /proc/mounts | while read -r hierarchy; do
  if [ -d "$hierarchy/$cgroup" ]; then echo $$ >"$hierarchy/$cgroup/cgroup.procs"; fi
done
exec "$@"
