#!/bin/busybox sh
# First program of the virtual machine, in its initrd: loads the modules the disk needs, unpacks the configuration
# drive to /run/kmm, and hands over to the disk's init. What fails here ends the machine: QEMU exits, and the lab
# shows these lines.
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox mount -t devtmpfs devtmpfs /dev
exec </dev/console >/dev/console 2>&1
echo 'kmm-vm: booting'
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys

fail() {
  /bin/busybox dmesg | /bin/busybox tail -n 8
  echo "kmm-vm: boot failed: $1"
  /bin/busybox poweroff -f
}

while read -r module; do
  /bin/busybox insmod "/modules/$module" || echo "kmm-vm: the module $module does not load"
done </modules.list

if /bin/busybox grep -qw kmm.probe /proc/cmdline; then
  echo 'kmm-vm: probe ok'
  /bin/busybox poweroff -f
fi

tries=0
until [ -b /dev/vda ] && [ -b /dev/vdb ]; do
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || fail 'the disks do not appear'
  /bin/busybox usleep 100000
done
/bin/busybox mount -t ext4 /dev/vda /root || fail 'the disk cannot be mounted'
/bin/busybox mount -t tmpfs -o mode=0755 tmpfs /root/run || fail 'the disk has no /run'
/bin/busybox mkdir -m 0700 /root/run/kmm
/bin/busybox tar -x -f /dev/vdb -C /root/run/kmm || fail 'the configuration drive cannot be read'
for folder in proc sys dev; do /bin/busybox mount -o move "/$folder" "/root/$folder"; done
exec /bin/busybox switch_root /root /bin/busybox init
