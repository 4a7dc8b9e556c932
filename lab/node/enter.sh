#!/bin/sh
# Runs a program in a lab node, and in its cgroup.   enter.sh FIRST PROGRAM ARGUMENTS...
# FIRST: process id of the node's first process.
set -eu
first=$1
shift
exec nsenter --target "$first" --mount --net --uts --cgroup --pid sh "$(dirname "$0")/join.sh" lab "$@"
