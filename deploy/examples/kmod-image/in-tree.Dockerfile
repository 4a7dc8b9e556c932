# A kernel module that needs one of the distribution's: crc7, which is not loaded by default. Its file is not copied
# into the image. The operator mounts the node's modules at /host/lib/modules, in the build and where the module is
# loaded: a link to them lets depmod and modprobe find what is needed.
#
#   kubectl create configmap my-kmod-dockerfile --from-file=dockerfile=in-tree.Dockerfile
#
# depmod writes down what it sees on the node that builds: let build and target nodes have one distribution and release
# (build.selector).
ARG BUILD_BASE=debian:bookworm
ARG BASE=debian:bookworm

FROM ${BUILD_BASE} AS builder
ARG KERNEL_FULL_VERSION

RUN [ -e "/lib/modules/${KERNEL_FULL_VERSION}/build" ] || { \
      apt-get update && apt-get install --yes gcc make "linux-headers-${KERNEL_FULL_VERSION}"; }

WORKDIR /usr/src/kmm-kmod

RUN printf '%s\n' > acme_crc.c \
  '#include <linux/crc7.h>' \
  '#include <linux/module.h>' \
  '' \
  'static int __init acme_crc_init(void)' \
  '{' \
  '  static const u8 text[] = "kmm";' \
  '' \
  '  pr_info("acme_crc: the sum is %u\n", crc7_be(0, text, sizeof(text)));' \
  '  return 0;' \
  '}' \
  '' \
  'static void __exit acme_crc_exit(void)' \
  '{' \
  '}' \
  '' \
  'module_init(acme_crc_init);' \
  'module_exit(acme_crc_exit);' \
  'MODULE_DESCRIPTION("Needs crc7 of the distribution");' \
  'MODULE_LICENSE("GPL");'

RUN printf 'obj-m := acme_crc.o\n' > Makefile \
 && make -C "/lib/modules/${KERNEL_FULL_VERSION}/build" M="$PWD" modules

FROM ${BASE}
ARG KERNEL_FULL_VERSION

RUN command -v depmod || { apt-get update && apt-get install --yes kmod; }

COPY --from=builder /usr/src/kmm-kmod/acme_crc.ko /opt/lib/modules/${KERNEL_FULL_VERSION}/

# The name of the link is free.
RUN ln -s /host/lib/modules/${KERNEL_FULL_VERSION} /opt/lib/modules/${KERNEL_FULL_VERSION}/host

RUN depmod -b /opt ${KERNEL_FULL_VERSION}
