/** `worker.firmwareHostPath` of the tests: not a directory in which the kernel looks by itself. */
export const firmwareHostPath = '/var/lib/acme-firmware'
