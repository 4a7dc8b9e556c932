#!/bin/bash
# Runs the host's commands one at a time. Each line from the port is "ID SECONDS COMMAND", the answer is
# "ID STATUS OUTPUT"; COMMAND and OUTPUT (stdout and stderr together, the last MiB) are base64. SECONDS 0 only asks
# whether somebody is here.
. /run/kmm/log.sh
exec 3<>"$(port_named commands)"
# Nobody ever writes there: reading it waits. A `sleep` instead is a tenth of an emulated processor.
[ -p /run/kmm/never ] || mkfifo /run/kmm/never
exec 4<>/run/kmm/never
cd /
while :; do
  if read -r id seconds command <&3; then
    if [ "$seconds" = 0 ]; then
      printf '%s 0 \n' "$id" >&3
      continue
    fi
    printf %s "$command" | base64 -d >/run/kmm/command
    timeout -k 2 "$seconds" sh /run/kmm/command >/run/kmm/output 2>&1 </dev/null 3<&- 4<&-
    status=$?
    printf '%s %s %s\n' "$id" "$status" "$(tail -c 1048576 /run/kmm/output | base64 -w 0)" >&3
  else
    # Nobody is connected.
    read -r -t 0.3 <&4
  fi
done
