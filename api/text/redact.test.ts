import fc from 'fast-check'
import { expect, test } from 'vitest'
import { redactedArguments, redactedText, withoutUserInfo } from './redact.ts'

test.each([
  ['clone https://me:pw@git.example/x', 'clone https://(left out)@git.example/x'],
  ['https://user:pa@ss@host/x', 'https://(left out)@host/x'],
  ['https://user:pa@ss@host', 'https://(left out)@host'],
  ['https://host/a@b ssh+git://t@h:22', 'https://host/a@b ssh+git://(left out)@h:22'],
  ['https://host:5000/x', 'https://host:5000/x'],
  ['://a@b', '://a@b'],
  [
    'run --build-arg TOKEN=abc --build-arg=B=c d',
    'run --build-arg TOKEN=(left out) --build-arg=B=(left out) d',
  ],
  [`--build-arg 'A=b c' d`, `--build-arg 'A=(left out)' d`],
])('%s', (text, expected) => {
  expect(redactedText(text)).toBe(expected)
})

test('no part of a password is left, whatever it is', () => {
  const password = fc.stringMatching(/^[A-Za-z0-9@:!$&()*+,;=~._-]{1,30}$/u).map((text) => `s3cr${text}t@`)
  fc.assert(
    fc.property(password, (secret) => {
      expect(withoutUserInfo(`git clone https://u:${secret}host.example/x y`)).toBe(
        'git clone https://(left out)@host.example/x y',
      )
    }),
  )
})

test.each<[string, string[], string[]]>([
  ['a build argument', ['--build-arg', 'TOKEN=abc', 'x'], ['--build-arg', 'TOKEN=(left out)', 'x']],
  ['in one', ['--build-arg=TOKEN=abc'], ['--build-arg=TOKEN=(left out)']],
  ['a name that sounds secret', ['--token=abc', 'api_key=d'], ['--token=(left out)', 'api_key=(left out)']],
  ['a value of its own', ['--password', 'abc'], ['--password', '(left out)']],
  ['what is none', ['--destination=r.example/a:1', '-v'], ['--destination=r.example/a:1', '-v']],
])('arguments: %s', (_name, given, expected) => {
  expect(redactedArguments(given)).toEqual(expected)
})

test('parameters of modules keep their names', () => {
  expect(redactedArguments(['debug=1', 'key=abc', '-v'], true)).toEqual([
    'debug=(left out)',
    'key=(left out)',
    '-v',
  ])
})
