import { on } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import type { Measured } from './cost.worker.ts'
import { parsers } from './parsers.ts'

const mib = 1024 * 1024
/** Of a thread that holds more the process ends it with an error. */
const memoryMb = 512

/** Every parser with each of its units, measured in a thread of its own. */
async function measureAll(): Promise<Measured[]> {
  const worker = new Worker(new URL('cost.worker.ts', import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: memoryMb },
  })
  const failed = new AbortController()
  worker.once('error', (error) => failed.abort(error))
  const measured: Measured[] = []
  try {
    for await (const [message] of on(worker, 'message', { signal: failed.signal })) {
      if (message === undefined) return measured
      measured.push(message as Measured)
    }
    return measured
  } catch (error) {
    throw failed.signal.aborted ? failed.signal.reason : error
  } finally {
    await worker.terminate()
  }
}

const measured = await measureAll()

describe.each(parsers)('$name', ({ name, perCharacter }) => {
  const its = measured
    .filter((one) => one.name === name)
    .map((one) => Object.assign(one, { repeated: JSON.stringify(one.unit) }))
  test.each(its)('$repeated, repeated: twice the text is twice the work', ({ half, whole }) => {
    expect(whole.steps).toBeLessThanOrEqual(2.2 * half.steps + 10_000)
    expect(whole.steps).toBeLessThanOrEqual(perCharacter * mib)
  })
})

/**
 * What a regular expression of JavaScript does inside is not counted. Those that are given long texts from outside are
 * listed here once each was seen to be linear (`recheck` 4.5 finds what is not): no two repetitions in a row take the
 * same character, and what may begin anywhere has no repetition that something else must follow.
 */
const reviewed: readonly string[] = [
  // Lines of build logs.
  String.raw`/^(?:time="[^"]*" level=(?:info|debug) |(?:INFO|DEBU)\[\d+\] )/`,
  String.raw`/\b(error|fatal|cannot|failed|no such file|not found|denied|undefined reference)\b|: \*\*\* /i`,
  // Node's own: the first part does not begin, as its beginnings were taken out before.
  String.raw`/(?:\u001B\][\s\S]*?(?:\u0007|\u001B\u005C|\u009C))|[\u001B\u009B][[\]()#;?]*(?:\d{1,4}(?:[;:]\d{0,4})*)?[\dA-PR-TZcf-nq-uy=><~]/g`,
  // The last line of the executor, which takes the whole line when it begins.
  String.raw`/^(?:Error: )?(?:error (?:building image|pushing image|checking push permissions|resolving \w+).*)$/gm`,
  String.raw`/^error (?:pushing image|checking push permissions)/`,
  String.raw`/failed to execute command: /`,
  String.raw`/failed to execute command/`,
  String.raw`/parsing dockerfile|failed to get files used from context|resolving (?:dockerfile|base name|args)|could not parse reference|expanding meta ARGs/`,
  String.raw`/\b(?:GET|HEAD) "?https?:|failed to get filesystem from image|image not found on any/i`,
  // Messages of container runtimes.
  String.raw`/\bfailed to resolve (?:reference|image)\b/`,
  String.raw`/\bmanifest unknown\b|\bname unknown\b/`,
  String.raw`/^Back-off pulling image "[^"]*"$/`,
  String.raw`/no match for platform|no image found in (?:manifest list|image index) for/`,
  // Lines of Dockerfiles.
  String.raw`/\\[ \t]*\n/g`,
  String.raw`/\r?\n/y`,
  String.raw`/^ARG\s+(\w+)(?:=(.*))?$/i`,
  String.raw`/^(["'])(.*)\1$/`,
  String.raw`/^FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+(\S+))?/i`,
  String.raw`/^COPY\s+(?:--\S+\s+)*?--from=(\S+)/i`,
  // Headers of registries, of 16 KiB at most.
  String.raw`/([\w-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?/g`,
  // One character of a page, or a few at the beginning of a line.
  '/[\\\\`*_[\\]<>&#|~$]/gu',
  String.raw`/^[-+=]/u`,
  String.raw`/^\d{1,9}(?=[.)])/u`,
  String.raw`/www\./giu`,
  // Words of commands.
  String.raw`/^[A-Za-z0-9_@%+:,./-][A-Za-z0-9_@%+=:,./-]*$/u`,
  // The first number in the name of a node's system.
  String.raw`/\bv?(\d+(?:\.\d+)?(?: SP\d+)?)/`,
  // zod's, of keys that are numbers.
  String.raw`/^-?\d+(?:\.\d+)?$/`,
  String.raw`/[\p{Cc}\p{Zl}\p{Zp}]+/gu`,
]

test('regular expressions that are given long texts are known to be linear', () => {
  const used = new Set(measured.flatMap(({ whole }) => whole.expressions))
  expect([...used].filter((expression) => !reviewed.includes(expression)).toSorted()).toEqual([])
})
