import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'

interface Schema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly additionalProperties?: unknown
}

const chart = join(import.meta.dirname, '../../deploy/chart')
const schema = JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8')) as Schema
const values = parse(readFileSync(join(chart, 'values.yaml'), 'utf8')) as object

/** Paths of all values that the schema names, but `global`, which Helm hands to every chart. */
function pathsOf({ properties = {} }: Schema, prefix = ''): string[] {
  return Object.entries(properties).flatMap(([name, property]) =>
    name === 'global' ? [] : [`${prefix}${name}`, ...pathsOf(property, `${prefix}${name}.`)],
  )
}

const valueAt = (path: string): unknown =>
  path.split('.').reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], values)

test('every value of the schema has its default in values.yaml', () => {
  expect(pathsOf(schema).filter((path) => valueAt(path) === undefined)).toEqual([])
})

test('an object with named values takes no others', () => {
  const objects = (at: Schema, path: string): [string, Schema][] => [
    [path, at],
    ...Object.entries(at.properties ?? {}).flatMap(([name, property]) =>
      objects(property, `${path}/${name}`),
    ),
  ]
  const open = objects(schema, '').filter(
    ([, { properties, additionalProperties }]) => properties !== undefined && additionalProperties !== false,
  )
  expect(open.map(([path]) => path)).toEqual([])
})

test('the chart has the version of the project', () => {
  const { version, appVersion } = parse(readFileSync(join(chart, 'Chart.yaml'), 'utf8')) as Record<
    string,
    string
  >
  const project = JSON.parse(readFileSync(join(chart, '../../package.json'), 'utf8')) as { version: string }
  expect([version, appVersion]).toEqual([project.version, project.version])
})
