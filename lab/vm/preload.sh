#!/bin/sh
# preload.sh TREE ARCHIVES: imports the image archives of a folder into the containerd of a root filesystem, unpacked,
# with that root filesystem's own containerd. Runs in mount and process namespaces of its own, which take all of it
# away with them.
set -eu
tree=$1 archives=$2
mount -t proc proc "$tree/proc"
mount --rbind /dev "$tree/dev"
for folder in run tmp; do mount -t tmpfs tmpfs "$tree/$folder"; done
mkdir "$tree/run/archives"
mount --bind "$archives" "$tree/run/archives"
cat >"$tree/run/containerd.toml" <<'END'
version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
END
chroot "$tree" containerd --log-level warn --config /run/containerd.toml &
containerd=$!
until [ -S "$tree/run/containerd/containerd.sock" ]; do
  kill -0 "$containerd"
  sleep 0.1
done
ctr() { chroot "$tree" ctr --namespace k8s.io "$@"; }
blobs="$tree/var/lib/containerd/io.containerd.content.v1.content/blobs/sha256"
for archive in "$archives"/*.tar; do
  # crane's archives name no platform: take what is there.
  ctr images import --all-platforms --snapshotter overlayfs "/run/archives/${archive##*/}"
  # Unpacked, a layer is not needed packed: containerd fetches none of which it has the snapshot.
  tar -t -f "$archive" | sed -n 's/\.tar\.gz$//p' | while read -r layer; do
    ctr content rm "sha256:$layer"
    # Its collection of garbage may have been here before.
    rm -f "$blobs/$layer"
  done
done
kill "$containerd"
wait "$containerd"
