# Two kernel modules of which one needs the other. For any kernel whose headers the base image holds or apt can install.
#
#   kubectl create configmap my-kmod-dockerfile --from-file=dockerfile=two-modules.Dockerfile
#
# A build has no context but this file, and kaniko knows no here-documents: the sources are written with printf. Your
# own would be fetched, with git or from an archive.
ARG BUILD_BASE=debian:bookworm
ARG BASE=debian:bookworm

FROM ${BUILD_BASE} AS builder
# Each stage that uses an argument declares it.
ARG KERNEL_FULL_VERSION

RUN [ -e "/lib/modules/${KERNEL_FULL_VERSION}/build" ] || { \
      apt-get update && apt-get install --yes gcc make "linux-headers-${KERNEL_FULL_VERSION}"; }

WORKDIR /usr/src/kmm-kmod

RUN printf '%s\n' > acme_driver.c \
  '#include <linux/module.h>' \
  '' \
  'extern int acme_core_answer(void);' \
  '' \
  'static int __init acme_driver_init(void)' \
  '{' \
  '  pr_info("acme_driver: the answer is %d\n", acme_core_answer());' \
  '  return 0;' \
  '}' \
  '' \
  'static void __exit acme_driver_exit(void)' \
  '{' \
  '}' \
  '' \
  'module_init(acme_driver_init);' \
  'module_exit(acme_driver_exit);' \
  'MODULE_DESCRIPTION("Needs acme_core");' \
  'MODULE_LICENSE("GPL");'

RUN printf '%s\n' > acme_core.c \
  '#include <linux/module.h>' \
  '' \
  'int acme_core_answer(void);' \
  '' \
  'int acme_core_answer(void)' \
  '{' \
  '  return 42;' \
  '}' \
  'EXPORT_SYMBOL_GPL(acme_core_answer);' \
  '' \
  'MODULE_DESCRIPTION("Is needed by acme_driver");' \
  'MODULE_LICENSE("GPL");'

# The headers of the kernel we build for, not those of the machine that builds.
RUN printf 'obj-m := acme_driver.o acme_core.o\n' > Makefile \
 && make -C "/lib/modules/${KERNEL_FULL_VERSION}/build" M="$PWD" modules

FROM ${BASE}
ARG KERNEL_FULL_VERSION

RUN command -v depmod || { apt-get update && apt-get install --yes kmod; }

COPY --from=builder /usr/src/kmm-kmod/acme_driver.ko /opt/lib/modules/${KERNEL_FULL_VERSION}/
COPY --from=builder /usr/src/kmm-kmod/acme_core.ko /opt/lib/modules/${KERNEL_FULL_VERSION}/

# Without it modprobe finds no module by its name, and knows nothing of one that needs another.
RUN depmod -b /opt ${KERNEL_FULL_VERSION}
