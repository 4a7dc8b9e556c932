import { describe, expect, test } from 'vitest'
import type { PodState } from '../../api/facts.ts'
import { buildOutcome, interruptedOutcome } from './buildOutcome.ts'
import { LogTail } from './logTail.ts'

type Failed = Extract<PodState, { kind: 'failed' }>
const node = { name: 'n1', uid: 'node-1' }
const finishedAt = '2026-01-01T00:00:00Z'
const failed = (change: Partial<Failed> = {}): Failed => ({
  kind: 'failed',
  container: 'kaniko',
  exitCode: 1,
  reason: 'Error',
  message: '',
  finishedAt,
  ...change,
})

/** What kaniko writes in every build, before whatever ends it. */
const beginning = [
  'INFO[0000] Retrieving image manifest reg.example/base:1',
  'INFO[0000] Retrieving image reg.example/base:1 from registry reg.example',
  'INFO[0001] Built cross stage deps: map[]',
]

function outcome(lines: readonly string[], state: Parameters<typeof buildOutcome>[1] = failed()) {
  const log = new LogTail((line) => line)
  for (const line of [...beginning, ...lines]) log.add(line)
  return buildOutcome('fpga-build-1', state, { node }, log)
}

const stage = 'error building image: error building stage:'
const failedCommand = `${stage} failed to execute command: waiting for process to exit: exit status 2`
const running = 'INFO[0002] Running: [/bin/sh -c make]'
const permissions =
  'error checking push permissions -- make sure you entered the correct tag name, and that you are authenticated correctly, and try again:'
const url = 'http://reg.example/v2/a/b'

/** Texts of kaniko 1.24.0, as it wrote them. */
describe.each<[string, readonly string[][]]>([
  [
    'CompileFailed',
    [
      [
        running,
        "fpga.c:3:1: error: unknown type name 'foo'",
        'make: *** [Makefile:2: all] Error 2',
        failedCommand,
      ],
      [running, 'fpga.c:3:10: fatal error: linux/nowhere.h: No such file or directory', failedCommand],
      [running, "fpga.S:12: Error: no such instruction: `foo'", failedCommand],
      [running, 'ERROR: modpost: "bar" [/src/fpga.ko] undefined!', failedCommand],
      [
        running,
        "/usr/bin/ld: x.o: in function `f': x.c:(.text+0x5): undefined reference to `g'",
        failedCommand,
      ],
      [running, 'error[E0425]: cannot find value `x` in this scope', failedCommand],
      [running, "gcc-12: error: unrecognized command-line option '-mfoo'", failedCommand],
    ],
  ],
  [
    'OutOfMemory',
    [
      [running, 'gcc: fatal error: Killed signal terminated program cc1', failedCommand],
      [`${stage} failed to execute command: waiting for process to exit: signal: killed`],
    ],
  ],
  [
    'BuildCommandFailed',
    [
      [running, 'make: *** /lib/modules/6.1.0/build: No such file or directory.  Stop.', failedCommand],
      [
        running,
        'probe.c:1:1: error: a test of configure, which goes on',
        running,
        'cp: error',
        failedCommand,
      ],
      [
        'curl: (22) The requested URL returned error: 401 unauthorized, MANIFEST_UNKNOWN',
        `${stage} failed to execute command: waiting for process to exit: exit status 22`,
      ],
      ['error pushing image: says a script, and kaniko goes on', failedCommand],
      [
        `${stage} failed to execute command: starting command: fork/exec /bin/none: no such file or directory`,
      ],
      [
        `${stage} failed to execute command: downloading remote source file: Get "http://127.0.0.1:5939/x": dial tcp 127.0.0.1:5939: connect: connection refused`,
      ],
    ],
  ],
  [
    'DockerfileError',
    [
      [
        'error building image: parsing dockerfile: dockerfile parse error on line 2: unknown instruction: FOO (did you mean FROM?)',
      ],
      ['error building image: parsing dockerfile: no build stage in current context'],
      [
        `${stage} failed to get files used from context: failed to get fileinfo for /workspace/missing: lstat /workspace/missing: no such file or directory`,
      ],
      ['error building image: could not parse reference: reg.example/x:$TAG'],
      [
        'Error: error resolving dockerfile path: please provide a valid path to a Dockerfile within the build context with --dockerfile',
        'Usage:',
        '  executor [flags]',
      ],
    ],
  ],
  [
    'BaseImagePull',
    [
      [
        `error building image: unable to complete operation after 3 attempts, last error: GET ${url}/manifests/1: MANIFEST_UNKNOWN: manifest unknown; map[Tag:1]`,
      ],
      [
        `error building image: unable to complete operation after 3 attempts, last error: GET ${url}/manifests/1: UNAUTHORIZED: authentication required`,
      ],
      [
        'error building image: unable to complete operation after 3 attempts, last error: Get "https://reg.example/v2/": dial tcp: lookup reg.example on 10.96.0.10:53: no such host',
      ],
      [
        'error building image: unable to complete operation after 3 attempts, last error: Get "https://reg.example/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority',
      ],
      [`${stage} failed to get filesystem from image: error reading layer: unexpected EOF`],
    ],
  ],
  [
    'PushRefused',
    [
      [
        `error pushing image: failed to push to destination reg.example/a/b:1: POST ${url}/blobs/uploads/: unexpected status code 405 Method Not Allowed: Method not allowed`,
        '',
      ],
      [
        `${permissions} checking push permission for "reg.example/a/b:1": POST ${url}/blobs/uploads/: UNAUTHORIZED: authentication required`,
      ],
      [
        `${permissions} getting tag for destination: repository must be between 2 and 255 characters in length: x`,
      ],
    ],
  ],
  ['BuildFailed', [['killed by something that says nothing'], []]],
])('%s', (reason, logs) => {
  test.each(logs.map((lines) => [lines]))('%j', (lines) => {
    expect(outcome(lines)).toMatchObject({ kind: 'failed', reason })
  })
})

describe('limits count before what the log says', () => {
  const lines = [`${stage} failed to execute command: waiting for process to exit: exit status 2`]
  test.each<[string, Partial<Failed>, string, string]>([
    ['out of memory', { reason: 'OOMKilled', exitCode: 137 }, 'OutOfMemory', 'build.resources.limits.memory'],
    ['killed, no reason', { exitCode: 137 }, 'OutOfMemory', 'exit status 137'],
    [
      'disk',
      {
        podReason: 'Evicted',
        podMessage: 'Container kaniko exceeded its local ephemeral storage limit "1Gi". ',
      },
      'OutOfDisk',
      'build.scratchSizeLimit',
    ],
    ['deadline', { podReason: 'DeadlineExceeded' }, 'DeadlineExceeded', 'build.deadlineSeconds'],
  ])('%s', (_name, change, reason, words) => {
    const found = outcome(lines, failed(change))
    expect(found).toMatchObject({ reason, message: expect.stringContaining(words) })
  })
})

test('a failure comes with exit status, error lines, log and the name of its pod', () => {
  const lines = ['cp: error: x', `${stage} failed to execute command: exit status 2`]
  expect(outcome(lines, failed({ exitCode: 2 }))).toEqual({
    kind: 'failed',
    reason: 'BuildCommandFailed',
    message: 'A command of the Dockerfile failed (exit status 2); see the log of pod fpga-build-1.',
    errorLines: lines.join('\n'),
    log: [...beginning, ...lines.map((line) => `>>> ${line}`)].join('\n'),
    node,
  })
})

test('success comes with the digest of the termination message', () => {
  const digest = `sha256:${'a'.repeat(64)}`
  const succeeded = (message: string) => ({ kind: 'succeeded', message, finishedAt }) as const
  expect(outcome([], succeeded(`${digest}\n`))).toMatchObject({ kind: 'succeeded', digest })
  expect(outcome([], succeeded(''))).toMatchObject({ kind: 'succeeded', digest: undefined })
})

test('what the cluster ended is told by the cluster, with the log as far as it came', () => {
  const log = new LogTail((line) => line)
  log.add('half a build')
  expect(interruptedOutcome({ reason: 'Evicted', message: 'low on memory' }, {}, log)).toEqual({
    kind: 'interrupted',
    reason: 'Evicted',
    message: 'low on memory',
    log: 'half a build',
  })
})
