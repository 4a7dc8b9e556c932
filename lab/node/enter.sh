#!/bin/sh
# Runs a program in a lab node, and in its cgroups.   enter.sh HOLDER PROGRAM ARGUMENTS...
# HOLDER: process id of isolate.sh.
set -eu
holder=$1
shift
exec nsenter --target "$holder" --mount --net --uts --cgroup "--pid=/proc/$holder/ns/pid_for_children" \
  sh -c '
    for procs in /sys/fs/cgroup/lab/cgroup.procs /sys/fs/cgroup/*/cgroup.procs; do
      if [ -e "$procs" ]; then echo $$ >"$procs" || true; fi
    done
    exec "$@"' sh "$@"
