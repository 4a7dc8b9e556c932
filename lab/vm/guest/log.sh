# Sourced. Finds the machine's virtio ports by name, and sends a program's output to one: a file on the host.
port_named() {
  for port in /sys/class/virtio-ports/*; do
    if [ "$(cat "$port/name")" = "kmm.$1" ]; then echo "/dev/${port##*/}"; fi
  done
}

log_to() {
  target=$(port_named "$1")
  # A port has one holder: what is left of a former run may still have it.
  if (: >>"$target") 2>/dev/null; then exec >>"$target" 2>&1; else exec >>"/var/log/$1.log" 2>&1; fi
}
