import { expect, test } from 'vitest'
import { baseRegistries } from './baseRegistries.ts'

const args = [
  { name: 'BASE', value: 'given.example:5000/b:1' },
  { name: 'EMPTY', value: '' },
]

test.each<[string, string, string[]]>([
  ['one image', 'FROM reg.example/a:1', ['reg.example']],
  [
    'a port, a digest, a platform',
    `FROM --platform=linux/arm64 reg.example:5000/a@sha256:${'0'.repeat(64)}`,
    ['reg.example:5000'],
  ],
  ['the default registry, under its name for clients', 'FROM ubuntu', ['index.docker.io']],
  [
    'stages are no images',
    'FROM a.example/a AS Builder\nFROM builder\nFROM scratch\nCOPY --from=0 a b\nCOPY --from=builder a b',
    ['a.example'],
  ],
  [
    'each registry once',
    'from a.example/a\nfrom b.example/b as x\nfrom a.example/c',
    ['a.example', 'b.example'],
  ],
  ['an image that is copied from', 'FROM scratch\nCOPY --chown=0 --from=c.example/c /a /b', ['c.example']],
  ['an argument that is given', 'ARG BASE=default.example/a\nFROM ${BASE}', ['given.example:5000']],
  ['one with a default', 'ARG OTHER="default.example/a:1"\nFROM $OTHER', ['default.example']],
  ['a default in the reference', 'ARG HOST\nFROM ${HOST:-c.example}/a', ['c.example']],
  [
    'a line that goes on, and comments',
    '# FROM no.example/a\nFROM \\\n  # hm\n  yes.example/a',
    ['yes.example'],
  ],
  ['Windows lines', 'FROM reg.example/a\r\nRUN x\r\n', ['reg.example']],
  ['what nobody can tell', 'FROM ${UNKNOWN}\nFROM ${EMPTY}\nFROM a.example/UPPER', []],
  ['no text', '', []],
])('%s', (_name, dockerfile, expected) => {
  expect(baseRegistries(dockerfile, args)).toEqual(expected)
})
