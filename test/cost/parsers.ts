import { LogTail } from '../../activities/build/logTail.ts'
import { baseRegistries } from '../../activities/build/baseRegistries.ts'
import { buildOutcome } from '../../activities/build/buildOutcome.ts'
import { masker } from '../../activities/build/masking/masker.ts'
import { SecretIndex } from '../../activities/build/masking/secretIndex.ts'
import { linePieces } from '../../activities/kube/lines.ts'
import { loaderOutcome } from '../../activities/node/loaderOutcome.ts'
import { pullVerdict } from '../../activities/pullCheck/pullVerdict.ts'
import { credentialsFor } from '../../activities/registry/credentials.ts'
import { traitsOf } from '../../activities/registry/manifest.ts'
import type { Repository } from '../../activities/registry/repository.ts'
import { parseChallenges } from '../../activities/registry/authentication.ts'
import { signFailure } from '../../activities/sign/signFailure.ts'
import { distributionOf } from '../../api/buildOrigin.ts'
import { resolveMapping } from '../../api/mapping.ts'
import { validNodeInfo } from '../../api/nodeForm.ts'
import { saysProgramMissing } from '../../api/objectFacts.ts'
import { oneLine } from '../../api/oneLine.ts'
import { cleanText } from '../../api/text/cleanText.ts'
import { markdownText } from '../../api/text/markdown.ts'
import { redactedText } from '../../api/text/redact.ts'
import { shellWord } from '../../api/text/shellWord.ts'
import { testModule } from '../../api/testModule.ts'

/** A function that reads text from outside: what it does with a text, and the texts that are worst for it. */
export interface Parser {
  readonly name: string
  readonly read: (text: string) => unknown
  /** Each is repeated until a text is as long as it is to be. */
  readonly units: readonly string[]
  /** Steps for each character that are enough. */
  readonly perCharacter: number
}

const ended = { kind: 'failed', finishedAt: '', exitCode: 1 } as const
const encode = (text: string) => Buffer.from(text).toString('base64')
const lines = ['x', '\n', 'error: \n', ' ']

/** One line for each function that reads what comes from outside. */
export const parsers: readonly Parser[] = [
  {
    name: 'build log',
    read: readLog,
    units: [...lines, 'a://', '://a@', '\u001b[', '\u001b]8;;', 's3cr3t'],
    perCharacter: 100,
  },
  {
    name: 'values of Secrets',
    read: indexed,
    units: ['x', '\n', 'key=a\n', 'key   ', '["a",'],
    perCharacter: 400,
  },
  {
    name: 'log of its own Secret',
    read: readOwnLog,
    units: ['a', 'abcd\n'],
    perCharacter: 400,
  },
  {
    name: 'end of a build',
    read: buildEnd,
    units: [...lines, 'a.c:1:', 'error building image: ', 'failed to execute command: '],
    perCharacter: 60,
  },
  {
    name: 'result of a loader',
    read: (message) => loaderOutcome({ ...ended, message }),
    units: [...lines, '[', '{"a":'],
    perCharacter: 10,
  },
  {
    name: 'cp of an image',
    read: (message) =>
      loaderOutcome({ ...ended, container: 'image-extractor', reason: 'StartError', message }),
    units: lines,
    perCharacter: 10,
  },
  {
    name: 'result of a signer',
    read: (message) => signFailure({ ...ended, container: 'signer', message }),
    units: [...lines, '['],
    perCharacter: 10,
  },
  {
    name: 'fault of a container runtime',
    read: saysProgramMissing,
    units: ['executable file ', 'not found'],
    perCharacter: 10,
  },
  {
    name: 'fault of a pull',
    read: pullFault,
    units: [...lines, 'failed to resolve image ', ': not found'],
    perCharacter: 10,
  },
  {
    name: 'Dockerfile',
    read: (text) => baseRegistries(text, []),
    units: [
      ...lines,
      'FROM a\n',
      'ARG A=$A\n',
      'FROM ${A:-',
      'FROM ${A:-${A:-${A:-a}}}\n',
      'COPY --a ',
      '\\ ',
      '\\\n',
    ],
    perCharacter: 60,
  },
  {
    name: 'Dockerfile that expands',
    read: (text) => baseRegistries(`ARG A=${text}\n${`FROM ${'${A}'.repeat(99)}\n`.repeat(99)}`, []),
    units: ['a'],
    perCharacter: 10,
  },
  {
    name: 'docker configuration',
    read: (text) =>
      credentialsFor({ '.dockerconfigjson': encode(text) }, { registry: 'r.example', repository: 'a' }),
    units: [...lines, '{"auths":'],
    perCharacter: 10,
  },
  {
    name: 'key of a docker configuration',
    read: (text) =>
      credentialsFor(
        { '.dockercfg': encode(JSON.stringify({ [`r${text}.example`]: {} })) },
        { registry: 'r.example', repository: 'a' },
      ),
    units: ['/', '*', '*a', ':1', '.'],
    perCharacter: 10,
  },
  {
    name: 'image index',
    read: (text) => traitsOf(repository, { digest: '', body: Buffer.from(`{"manifests":[${text}{}]}`) }),
    units: ['{"platform":{"os":"linux","architecture":"a"}},', '{},'],
    perCharacter: 60,
  },
  {
    name: 'kernel release',
    read: (kernel) => resolveMapping(testModule({ mapping: { regexp: '^(.+)-[a-z]+$' } }), kernel),
    units: ['6.1.0-'],
    perCharacter: 200,
  },
  {
    name: 'challenges of a registry',
    read: parseChallenges,
    units: [...lines, 'Bearer realm="', 'a=', 'a ', '\\', ','],
    perCharacter: 60,
  },
  { name: 'system of a node', read: (osImage) => validNodeInfo({ osImage }), units: lines, perCharacter: 10 },
  { name: 'distribution of a node', read: distributionOf, units: [...lines, ' (a', '1.'], perCharacter: 30 },
  {
    name: 'text for status, terminals and logs',
    read: cleanText,
    units: [...lines, '\u001b[', '\u001b]', '\u009b', '\r', '\ud800'],
    perCharacter: 100,
  },
  {
    name: 'text of a support bundle',
    read: redactedText,
    units: [...lines, 'a://', 'a://b:c@', '@', '--build-arg A=', 'password='],
    perCharacter: 100,
  },
  { name: 'word of a command', read: shellWord, units: [...lines, "'", '$('], perCharacter: 20 },
  { name: 'text of a page', read: markdownText, units: [...lines, '*', '[a](', '# '], perCharacter: 60 },
  { name: 'message of a server', read: oneLine, units: lines, perCharacter: 10 },
]

const repository = { registry: new URL('https://r.example') } as unknown as Repository

async function readLog(text: string): Promise<void> {
  const index = new SecretIndex()
  await index.add({ key: encode('s3cr3t-value') })
  await readWith(index, text)
}

async function readWith(index: SecretIndex, text: string): Promise<void> {
  const log = new LogTail(masker(index))
  for await (const pieces of linePieces(streamOf(text), 16_384)) {
    for (const piece of pieces) log.add(piece.text, piece.ends)
  }
  log.marked()
}

async function* streamOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}

async function indexed(text: string): Promise<SecretIndex> {
  const index = new SecretIndex()
  await index.add({ key: encode(text) })
  return index
}

async function readOwnLog(text: string): Promise<void> {
  await readWith(await indexed(text), text)
}

function buildEnd(text: string): void {
  const log = new LogTail((line) => line)
  for (const line of text.split('\n')) log.add(line)
  buildOutcome('p', { ...ended, message: text }, {}, log)
}

function pullFault(message: string): unknown {
  return pullVerdict(
    {
      status: {
        containerStatuses: [{ name: 'image', state: { waiting: { reason: 'ErrImagePull', message } } }],
      },
    } as never,
    'r.example/a',
  )
}
