#!/bin/sh
# Runs a virtual machine for as long as it is wanted.   run.sh POWER QEMU ARGUMENTS...
# POWER is a file with one word. When QEMU has ended:
#   restart   it is started again
#   off       it is started again when there is another word; `restart` is right however far it is on its way off
#   NUMBER    it is started again and the number lowered: the guest restarted by itself, or its kernel panicked
#   on, 0     this program ends too: the guest did not come up
# Always a new QEMU: an emulator that has run a kernel before runs the next one several times slower.
set -u
power=$1
shift
# An emulated machine is the slowest of a cluster and what all others wait for, so it goes before them. Kernels that
# share the processor among sessions look at the session's share alone.
renice -n -5 -p $$ >/dev/null 2>&1
{ echo -5 >/proc/self/autogroup; } 2>/dev/null
while :; do
  read -r wanted <"$power"
  case $wanted in
    off)
      sleep 0.2
      continue
      ;;
    restart) echo on >"$power" ;;
  esac
  setpriv --pdeathsig KILL "$@"
  status=$?
  read -r wanted <"$power"
  case $wanted in
    off | restart) ;;
    on | 0)
      echo "QEMU ended with exit code $status"
      exit 1
      ;;
    *) echo $((wanted - 1)) >"$power" ;;
  esac
done
