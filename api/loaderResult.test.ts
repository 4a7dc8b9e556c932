import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { loaderReasons } from './loaderResult.ts'

const docs = readFileSync(new URL('../docs/troubleshooting.md', import.meta.url), 'utf8')

test.each(loaderReasons.filter((reason) => reason !== 'Obsolete'))('%s has a row in the docs', (reason) => {
  expect(docs).toContain(`\`${reason}\``)
})
