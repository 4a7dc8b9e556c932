import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { guestFile, parseShowDepends } from './initrd.ts'

describe('parseShowDepends', () => {
  it('keeps the load order, names each file once and leaves out what is built in', () => {
    const output = [
      'insmod /k/lib/modules/6.1/kernel/drivers/virtio/virtio.ko ',
      'insmod /k/lib/modules/6.1/kernel/drivers/virtio/virtio_ring.ko ',
      'insmod /k/lib/modules/6.1/kernel/drivers/virtio/virtio_pci.ko disable_legacy=1',
      'insmod /k/lib/modules/6.1/kernel/drivers/virtio/virtio.ko ',
      'builtin crc32c',
      'insmod /k/lib/modules/6.1/kernel/fs/ext4/ext4.ko ',
      '',
    ].join('\n')
    expect(parseShowDepends(output)).toEqual([
      '/k/lib/modules/6.1/kernel/drivers/virtio/virtio.ko',
      '/k/lib/modules/6.1/kernel/drivers/virtio/virtio_ring.ko',
      '/k/lib/modules/6.1/kernel/drivers/virtio/virtio_pci.ko',
      '/k/lib/modules/6.1/kernel/fs/ext4/ext4.ko',
    ])
  })
})

describe('scripts', () => {
  const scripts = [
    ...readdirSync(join(import.meta.dirname, 'guest'))
      .filter((name) => name.endsWith('.sh'))
      .map((name) => guestFile(name)),
    join(import.meta.dirname, 'run.sh'),
  ]
  it.each(scripts)('%s is valid shell', (script) => {
    expect(() => execFileSync('sh', ['-n', script])).not.toThrow()
  })
})
