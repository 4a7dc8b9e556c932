import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { crdSchema, kubernetesTypeNames } from './crdSchema.ts'
import { generatedFiles } from './generate.ts'
import { structuralSchema } from './openApiTypes.ts'

test.each([...generatedFiles()].map(([file, text]) => [basename(file), file, text]))(
  '%s is what `npm run generate` writes',
  (_name, file, text) => {
    expect(readFileSync(file, 'utf8')).toBe(text)
  },
)

describe('crdSchema', () => {
  test.each<[string, z.ZodType, object]>([
    [
      'a loose object drops unknown fields',
      z.looseObject({ a: z.string().optional() }),
      { type: 'object', properties: { a: { type: 'string' } } },
    ],
    [
      'free keys',
      z.record(z.string(), z.string()),
      { type: 'object', additionalProperties: { type: 'string' } },
    ],
    ['int64', z.int(), { type: 'integer', format: 'int64' }],
    ['int32 with a bound of its own', z.int32().min(0), { type: 'integer', format: 'int32', minimum: 0 }],
    ['a time', z.iso.datetime({ offset: true }), { type: 'string', format: 'date-time' }],
    [
      'meta is carried over',
      z.array(z.string()).meta({ 'x-kubernetes-list-type': 'set' }),
      { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    ],
  ])('%s', (_name, schema, expected) => {
    expect(crdSchema(schema, {})).toEqual(expected)
  })

  const typed = z.looseObject({ key: z.string() }).meta({
    description: 'ours',
    'x-kubernetes-type': 'T',
    'x-kubernetes-validations': [{ rule: 'true' }],
  })

  test('a type of Kubernetes has its structure, with our words and rules', () => {
    expect(
      crdSchema(z.looseObject({ t: typed.optional() }), {
        T: { type: 'object', properties: { k: { type: 'string' } } },
      }),
    ).toEqual({
      type: 'object',
      properties: {
        t: {
          description: 'ours',
          type: 'object',
          properties: { k: { type: 'string' } },
          'x-kubernetes-validations': [{ rule: 'true' }],
        },
      },
    })
    expect(kubernetesTypeNames(z.array(typed))).toEqual(['T'])
  })

  test('a type that was not extracted is named', () => {
    expect(() => crdSchema(typed, {})).toThrow('kubernetesTypes.json lacks T')
  })
})

describe('structuralSchema', () => {
  const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` })
  const schemas = {
    Port: {
      type: 'object',
      description: 'a port',
      required: ['name'],
      properties: {
        name: { type: 'string', default: '' },
        protocol: { type: 'string', default: 'TCP', enum: ['TCP', 'UDP'] },
        target: reference('io.k8s.apimachinery.pkg.util.intstr.IntOrString'),
        size: { default: {}, allOf: [reference('io.k8s.apimachinery.pkg.api.resource.Quantity')] },
        any: reference('io.k8s.apimachinery.pkg.runtime.RawExtension'),
        labels: { type: 'object', additionalProperties: { type: 'string', default: '' } },
        list: {
          type: 'array',
          items: reference('Item'),
          'x-kubernetes-list-type': 'atomic',
          'x-kubernetes-patch-strategy': 'merge',
        },
      },
    },
    Item: { type: 'string' },
  }

  test('references are replaced; texts, enums and zero defaults left out', () => {
    expect(structuralSchema(schemas, 'Port')).toEqual({
      type: 'object',
      required: ['name'],
      properties: {
        name: { type: 'string' },
        protocol: { type: 'string', default: 'TCP' },
        target: { 'x-kubernetes-int-or-string': true },
        size: { 'x-kubernetes-int-or-string': true },
        any: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        labels: { type: 'object', additionalProperties: { type: 'string' } },
        list: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'atomic' },
      },
    })
  })

  test('an unknown type is named', () => {
    expect(() => structuralSchema(schemas, 'Nothing')).toThrow('has no type Nothing')
  })
})
