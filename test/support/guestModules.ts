/** Prefix of the trees in the image of `guestDockerfile`, as a user may write it. */
export const guestDirName = '/opt/acme/drivers/'

/** What makes guest_base ask for its firmware, and get it. */
export const guestFirmware = { firmwarePath: '/firmware', parameters: ['firmware=guest/fw.bin', 'times=2'] }

/** Asks for the firmware that its parameter names and shows what it got; another module can hold it. */
const base = `#include <linux/firmware.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/platform_device.h>

static char *firmware = "";
module_param(firmware, charp, 0444);
static uint times = 1;
module_param(times, uint, 0444);
static char found[64];
module_param_string(found, found, sizeof(found), 0444);

static struct platform_device *device;

int guest_base_value(void);
int guest_base_value(void) { return 1; }
EXPORT_SYMBOL_GPL(guest_base_value);

static int __init guest_base_init(void)
{
  const struct firmware *file;
  int failed = 0;

  device = platform_device_register_simple("guest_base", -1, NULL, 0);
  if (IS_ERR(device))
    return PTR_ERR(device);
  if (*firmware)
    failed = request_firmware_direct(&file, firmware, &device->dev);
  if (failed) {
    platform_device_unregister(device);
    return failed;
  }
  if (*firmware) {
    memcpy(found, file->data, min(file->size, sizeof(found) - 1));
    release_firmware(file);
  }
  return 0;
}

static void __exit guest_base_exit(void) { platform_device_unregister(device); }

module_init(guest_base_init);
module_exit(guest_base_exit);
MODULE_LICENSE("GPL");`

/** Needs guest_base. */
const user = `#include <linux/init.h>
#include <linux/module.h>
int guest_base_value(void);
static int __init guest_user_init(void) { return guest_base_value() == 1 ? 0 : -EINVAL; }
static void __exit guest_user_exit(void) {}
module_init(guest_user_init);
module_exit(guest_user_exit);
MODULE_LICENSE("GPL");`

/** Has the name of a module of the distribution, and says when it was loaded. */
const dummy = `#include <linux/init.h>
#include <linux/ktime.h>
#include <linux/module.h>
static ulong loaded_at;
module_param(loaded_at, ulong, 0444);
static int __init dummy_init(void) { loaded_at = ktime_get_ns(); return 0; }
static void __exit dummy_exit(void) {}
module_init(dummy_init);
module_exit(dummy_exit);
MODULE_LICENSE("GPL");`

const sources = { guest_base: base, guest_user: user, dummy }

/**
 * A Dockerfile for `guest_base`, `guest_user` and a `dummy` of our own, with firmware in /firmware, on the lab's
 * build base. The image holds cp with its libraries and nothing else to run.
 */
export function guestDockerfile(buildBase: string): string {
  const quote = (line: string) => `'${line}'`
  const files = Object.entries(sources).map(
    ([name, text]) => `RUN printf '%s\\n' > ${name}.c ${text.split('\n').map(quote).join(' ')}`,
  )
  const objects = Object.keys(sources).map((name) => `${name}.o`)
  return `FROM ${buildBase} AS builder
ARG KERNEL_FULL_VERSION
WORKDIR /src
${files.join('\n')}
RUN echo 'obj-m := ${objects.join(' ')}' > Makefile && make -C "/lib/modules/$KERNEL_FULL_VERSION/build" M=/src modules
RUN set -eu; tree="/image${guestDirName}lib/modules/$KERNEL_FULL_VERSION"; \\
    mkdir -p "$tree" /image/bin /image/firmware/guest; cp *.ko "$tree"; depmod -b /image${guestDirName} "$KERNEL_FULL_VERSION"; \\
    printf 'of the image' > /image/firmware/guest/fw.bin; printf more > /image/firmware/guest/more.bin; \\
    chmod 6755 /image/firmware/guest/more.bin; \\
    cp "$(command -v cp)" /image/bin/cp; \\
    for library in $(ldd /image/bin/cp | grep -o '/[^ ]*'); do cp -L --parents "$library" /image; done
FROM scratch
COPY --from=builder /image/ /
`
}
