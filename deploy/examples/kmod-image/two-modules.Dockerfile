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

RUN printf '%s\n' > kmm_ci_a.c \
  '#include <linux/module.h>' \
  '' \
  'extern int kmm_ci_b_answer(void);' \
  '' \
  'static int __init kmm_ci_a_init(void)' \
  '{' \
  '  pr_info("kmm_ci_a: the answer is %d\n", kmm_ci_b_answer());' \
  '  return 0;' \
  '}' \
  '' \
  'static void __exit kmm_ci_a_exit(void)' \
  '{' \
  '}' \
  '' \
  'module_init(kmm_ci_a_init);' \
  'module_exit(kmm_ci_a_exit);' \
  'MODULE_DESCRIPTION("Needs kmm_ci_b");' \
  'MODULE_LICENSE("GPL");'

RUN printf '%s\n' > kmm_ci_b.c \
  '#include <linux/module.h>' \
  '' \
  'int kmm_ci_b_answer(void);' \
  '' \
  'int kmm_ci_b_answer(void)' \
  '{' \
  '  return 42;' \
  '}' \
  'EXPORT_SYMBOL_GPL(kmm_ci_b_answer);' \
  '' \
  'MODULE_DESCRIPTION("Is needed by kmm_ci_a");' \
  'MODULE_LICENSE("GPL");'

# The headers of the kernel we build for, not those of the machine that builds.
RUN printf 'obj-m := kmm_ci_a.o kmm_ci_b.o\n' > Makefile \
 && make -C "/lib/modules/${KERNEL_FULL_VERSION}/build" M="$PWD" modules

FROM ${BASE}
ARG KERNEL_FULL_VERSION

RUN command -v depmod || { apt-get update && apt-get install --yes kmod; }

COPY --from=builder /usr/src/kmm-kmod/kmm_ci_a.ko /opt/lib/modules/${KERNEL_FULL_VERSION}/
COPY --from=builder /usr/src/kmm-kmod/kmm_ci_b.ko /opt/lib/modules/${KERNEL_FULL_VERSION}/

# Without it modprobe finds no module by its name, and knows nothing of one that needs another.
RUN depmod -b /opt ${KERNEL_FULL_VERSION}
