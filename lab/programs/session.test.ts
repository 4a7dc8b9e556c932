import { expect, test } from 'vitest'
import { createGate, createQueue } from './gate.ts'
import { createAptBatch } from './session.ts'

test('all packages asked for by then are installed in one call after one refresh', async () => {
  const calls: string[] = []
  const gate = createGate()
  const first = gate.join()
  const batch = createAptBatch(gate.opened, {
    updateLists: () => Promise.resolve(void calls.push('update')),
    install: (packages) => Promise.resolve(void calls.push(`install ${packages.join(' ')}`)),
  })
  const early = batch.install('cpio')
  const late = batch.install('kmod')
  gate.seal()
  expect(calls).toEqual([])
  first()
  await Promise.all([early, late, batch.lists()])
  expect(calls).toEqual(['update', 'install cpio kmod'])
  await batch.install('chromium')
  expect(calls).toEqual(['update', 'install cpio kmod', 'install chromium'])
})

test('a gate opens when it is sealed and all have passed', async () => {
  const gate = createGate()
  const [one, two] = [gate.join(), gate.join()]
  let open = false
  void gate.opened.then(() => (open = true))
  one()
  two()
  await Promise.resolve()
  expect(open).toBe(false)
  gate.seal()
  await gate.opened
})

test('the queue runs one at a time, lowest rank first, also for one who comes again', async () => {
  const queue = createQueue(1)
  const order: string[] = []
  const work = (name: string) => () => Promise.resolve(void order.push(name))
  const twice = async (): Promise<void> => {
    await queue(1, work('kube-apiserver'))
    await queue(2, work('kubelet'))
  }
  await Promise.all([queue(9, work('kwok')), twice(), queue(5, work('temporal'))])
  expect(order).toEqual(['kube-apiserver', 'kubelet', 'temporal', 'kwok'])
})
