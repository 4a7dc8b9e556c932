import { expect, test } from 'vitest'
import { LogTail } from './logTail.ts'
import { masker } from './masking/masker.ts'
import { readBuildLog } from './readBuildLog.ts'

const pod = { namespace: 'n', name: 'p', uid: 'u' }
const containers = ['kaniko']
const plain = (line: string) => line
const mask = { renew: async () => undefined }
const never = new AbortController().signal

/** A kubelet that sends these lines, one list for each request; what it breaks off with is an Error. */
function logs(...answers: readonly (readonly (string | Error)[])[]) {
  const left = [...answers]
  let asked = 0
  async function* followPodLog() {
    asked++
    for (const line of left.shift() ?? []) {
      if (line instanceof Error) throw line
      yield [{ text: line, ends: true }]
    }
  }
  return { kube: { followPodLog }, asked: () => asked }
}

const broken = new Error('socket hang up')

test('a log that ends with its pod is read once', async () => {
  const { kube, asked } = logs(['a', 'b'], ['again'])
  const log = new LogTail(plain)
  const pace = { lag: 60_000, again: 60_000, behind: 60_000 }
  await readBuildLog({ kube, pod, containers, log, mask, ending: Promise.resolve(), signal: never, pace })
  expect(log.text()).toBe('a\nb')
  expect(asked()).toBe(1)
})

test.each<[string, readonly (string | Error)[]]>([
  ['with an error', ['a', broken]],
  ['without a word', ['a']],
])('one that breaks off %s while the pod runs is read again from its beginning', async (_how, first) => {
  const pod1 = Promise.withResolvers<void>()
  const { kube, asked } = logs(first, ['a', 'b', 'error: c'])
  const log = new LogTail(plain)
  const pace = { lag: 60_000, again: 10, behind: 60_000 }
  const read = readBuildLog({ kube, pod, containers, log, mask, ending: pod1.promise, signal: never, pace })
  await expect.poll(() => log.text()).toBe('a\nb\nerror: c')
  pod1.resolve()
  await read
  expect(asked()).toBeGreaterThan(1)
  expect(log.errorLines()).toBe('error: c')
})

test('one that broke off before the end is read once more then, whatever comes of it', async () => {
  const { kube, asked } = logs(['a', broken], ['a', 'the end'])
  const log = new LogTail(plain)
  await readBuildLog({ kube, pod, containers, log, mask, ending: Promise.resolve(), signal: never })
  expect(log.text()).toBe('a\nthe end')

  const gone = logs(['a', broken], [broken])
  const kept = new LogTail(plain)
  await readBuildLog({
    kube: gone.kube,
    pod,
    containers,
    log: kept,
    mask,
    ending: Promise.resolve(),
    signal: never,
  })
  expect(kept.text()).toBe('a\n(the log broke off: socket hang up)')
  expect([asked(), gone.asked()]).toEqual([2, 2])
})

test('a pod that is followed no more ends it', async () => {
  const over = new AbortController()
  const { kube, asked } = logs(['a', broken])
  const ending = Promise.reject(new Error('cancelled'))
  over.abort()
  await readBuildLog({ kube, pod, containers, log: new LogTail(plain), mask, ending, signal: over.signal })
  await expect(ending).rejects.toThrow('cancelled')
  expect(asked()).toBe(1)
})

test('of a log that is too long the end is read when the pod has ended', async () => {
  const end = Promise.withResolvers<void>()
  const selections: (number | undefined)[] = []
  let sent = 0
  const closed = Promise.withResolvers<void>()
  async function* followPodLog(_: unknown, { tailLines }: { readonly tailLines?: number }) {
    selections.push(tailLines)
    if (tailLines !== undefined) {
      yield [{ text: 'error: the end', ends: true }]
      return
    }
    try {
      for (;;) yield [{ text: `line ${sent++}`, ends: true }]
    } finally {
      closed.resolve()
    }
  }
  const log = new LogTail(plain)
  const kube = { followPodLog }
  const read = readBuildLog({
    kube,
    pod,
    containers,
    log,
    mask,
    ending: end.promise,
    signal: never,
    most: 10_000,
  })
  await closed.promise
  expect(sent).toBeLessThan(10_000 / 64 + 2)
  end.resolve()
  await read
  expect(log.text()).toBe('(the log is too long to be read whole: this is its end)\nerror: the end')
  expect(selections).toEqual([undefined, 1000])
})

test('one that is still far from its end when its pod has ended is left, and its end read', async () => {
  async function* followPodLog(_: unknown, { tailLines }: { readonly tailLines?: number }) {
    if (tailLines === undefined) for (;;) yield [{ text: 'more', ends: true }]
    yield [{ text: 'the end', ends: true }]
  }
  const log = new LogTail(plain)
  const pace = { lag: 60_000, again: 60_000, behind: 0 }
  const ending = Promise.resolve()
  await readBuildLog({ kube: { followPodLog }, pod, containers, log, mask, ending, signal: never, pace })
  expect(log.text().split('\n').at(-1)).toBe('the end')
})

test('a line that breaks off in the middle stays a line of its own', async () => {
  async function* followPodLog() {
    yield [{ text: 'half a ', ends: false }]
    throw broken
  }
  const log = new LogTail(masker())
  const ending = Promise.resolve()
  await readBuildLog({ kube: { followPodLog }, pod, containers, log, mask, ending, signal: never })
  expect(log.text()).toBe('half a \n(the log broke off: socket hang up)')
})
