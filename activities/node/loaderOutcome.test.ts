import { expect, test } from 'vitest'
import type { PodState } from '../../api/facts.ts'
import type { LoaderResult } from '../../api/loaderResult.ts'
import { loaderOutcome } from './loaderOutcome.ts'

type Ended = Extract<PodState, { kind: 'succeeded' | 'failed' }>
const finishedAt = '2026-01-01T00:00:00Z'
const result: LoaderResult = {
  action: 'Load',
  bootId: 'b1',
  kernel: 'k',
  command: ['modprobe', '-vd', '/opt', 'fpga'],
  exitStatus: 1,
  output: 'modprobe: ERROR',
  reason: 'KeyRejected',
  message: 'Key was rejected by service',
}
const line = JSON.stringify(result)
const failed = (change: Partial<Extract<Ended, { kind: 'failed' }>>): Ended => ({
  kind: 'failed',
  message: '',
  finishedAt,
  container: 'worker',
  exitCode: 1,
  reason: 'Error',
  ...change,
})
const missingTree = `cp: cannot stat '/opt/lib/modules/k/.': No such file or directory`

test.each<[string, Ended]>([
  ['of a pod that succeeded', { kind: 'succeeded', message: line, finishedAt }],
  ['of one that failed', failed({ message: line })],
  ['behind lines of the log', failed({ message: `modprobe: x\n${line}\n` })],
  ['of one that was evicted afterwards', failed({ message: line, podReason: 'Evicted' })],
])('the result %s', (_name, state) => {
  expect(loaderOutcome(state)).toEqual({ kind: 'result', result })
})

test.each<[string, Ended, string, string]>([
  [
    'an end without a result',
    { kind: 'succeeded', message: '', finishedAt },
    'NoLoaderResult',
    'without a result',
  ],
  [
    'JSON that is no result',
    { kind: 'succeeded', message: '{}', finishedAt },
    'NoLoaderResult',
    'without a result',
  ],
  [
    'no folder for the kernel (coreutils)',
    failed({ container: 'image-extractor', message: missingTree }),
    'NoModulesForKernel',
    "cannot stat '/opt/lib/modules/k/.'",
  ],
  [
    'no folder for the kernel (busybox)',
    failed({
      container: 'image-extractor',
      message: `cp: can't stat '/opt/lib/modules/k/.': No such file or directory\n`,
    }),
    'NoModulesForKernel',
    'exit status 1',
  ],
  [
    'no firmware in the image',
    failed({ container: 'firmware-extractor', message: `cp: cannot stat '/f/.': No such file or directory` }),
    'ExtractFailed',
    "cannot stat '/f/.'",
  ],
  [
    'no space',
    failed({ container: 'image-extractor', message: 'cp: write error: No space left on device' }),
    'ExtractFailed',
    'No space left',
  ],
  [
    'no cp in the image',
    failed({
      container: 'image-extractor',
      reason: 'StartError',
      exitCode: 128,
      message: 'exec: "cp": executable file not found in $PATH: unknown',
    }),
    'CpMissing',
    'executable file not found',
  ],
  [
    'no cp in the image, in the words of crun',
    failed({
      container: 'image-extractor',
      reason: 'StartError',
      exitCode: 128,
      message:
        'failed to create shim task: OCI runtime create failed: executable file `cp` not found in $PATH: No such file or directory: unknown',
    }),
    'CpMissing',
    'executable file `cp` not found',
  ],
  [
    'an extractor that cannot start for want of something else',
    failed({
      container: 'image-extractor',
      reason: 'StartError',
      exitCode: 128,
      message: 'OCI runtime create failed: mount: No such file or directory',
    }),
    'ExtractFailed',
    'mount',
  ],
  [
    'an extractor that cannot start for another reason',
    failed({ container: 'image-extractor', reason: 'StartError', exitCode: 128, message: 'mount failed' }),
    'ExtractFailed',
    'mount failed',
  ],
  ['out of memory', failed({ reason: 'OOMKilled', exitCode: 137, message: 'x' }), 'OOMKilled', 'x'],
  [
    'a command that cannot be read',
    failed({ message: 'config.json: bootId: Required' }),
    'Error',
    'bootId: Required',
  ],
  ['nothing at all', { kind: 'failed', message: '', finishedAt }, 'WorkerPodFailed', ''],
])('%s', (_name, state, reason, words) => {
  expect(loaderOutcome(state)).toEqual({ kind: 'none', reason, message: expect.stringContaining(words) })
})

test.each<[string, Ended, string, string]>([
  [
    'evicted',
    failed({ podReason: 'Evicted', podMessage: 'low on memory', message: 'x' }),
    'Evicted',
    'low on memory',
  ],
  [
    'evicted while extracting',
    failed({
      container: 'image-extractor',
      podReason: 'Evicted',
      podMessage: 'low on memory',
      message: missingTree,
    }),
    'Evicted',
    'low on memory',
  ],
  ['no room', failed({ podReason: 'OutOfcpu', podMessage: 'Node has no cpu' }), 'OutOfcpu', 'no cpu'],
  [
    'lost by a kubelet that was started anew',
    failed({ reason: 'ContainerStatusUnknown', exitCode: 137, message: 'could not be located' }),
    'ContainerStatusUnknown',
    'could not be located',
  ],
  [
    'an extractor whose sandbox was lost on a busy node',
    failed({
      container: 'image-extractor',
      reason: 'StartError',
      exitCode: 128,
      message:
        'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to create new parent process: namespace path: lstat /proc/0/ns/ipc: no such file or directory: unknown',
    }),
    'StartError',
    'namespace path',
  ],
])('ended by the cluster: %s', (_name, state, reason, words) => {
  expect(loaderOutcome(state)).toEqual({ kind: 'cluster', reason, message: expect.stringContaining(words) })
})

test('texts are cut', () => {
  const message = 'x'.repeat(5000)
  const lengthOf = (state: Ended) => {
    const outcome = loaderOutcome(state)
    return outcome.kind === 'result' ? 0 : outcome.message.length
  }
  expect(lengthOf(failed({ message }))).toBe(1000)
  expect(lengthOf(failed({ message, container: 'image-extractor' }))).toBeLessThan(600)
})
