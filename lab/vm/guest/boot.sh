#!/bin/sh
# Runs once at each boot, before any service: file systems, network, kernel modules and parameters.
set -u
mkdir -p /dev/pts /dev/shm
mount -t devpts -o mode=0620,gid=5 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /tmp
mount --make-rshared /
modprobe -a virtio_net virtio_console overlay br_netfilter

cp /run/kmm/hostname /etc/hostname
hostname -F /etc/hostname
cp /run/kmm/machine-id /etc/machine-id
echo 'nameserver 10.0.2.3' >/etc/resolv.conf
echo "127.0.0.1 localhost $(cat /etc/hostname)" >/etc/hosts

# 10.0.2.15 is this machine in QEMU's user network, 10.0.2.2 the way out. The node's own address lies in the lab's
# network: the host forwards the kubelet's port from there.
ip link set lo up
ip address add "$(cat /run/kmm/address)/32" dev lo
ip address add 10.0.2.15/24 dev eth0
ip link set eth0 up
ip route add default via 10.0.2.2 src 10.0.2.15
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables

# Pods go out under this machine's address. Nothing waits for it: the first pod comes much later.
pods=$(cat /run/kmm/pod-network)
iptables -w -t nat -A POSTROUTING -s "$pods" ! -d "$pods" -j MASQUERADE &
