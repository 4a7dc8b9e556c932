import type { NativeConnection } from '@temporalio/worker'
import { describe, expect, test } from 'vitest'
import { searchAttributeTypes } from '../../api/searchAttributes.ts'
import { grpcCodes } from './callFault.ts'
import { ensureNamespace } from './ensureNamespace.ts'
import { ensureSearchAttributes } from './searchAttributes.ts'

function grpcError(code: number, details: string): Error {
  return Object.assign(new Error(`${code} ${details}`), { code, details, metadata: {} })
}

const wire = { Keyword: 2, Bool: 5, Text: 1 } as const
const all = Object.fromEntries(Object.entries(searchAttributeTypes).map(([name, type]) => [name, wire[type]]))

/** A Temporal that knows these attributes; `list` and `add` may be refused. */
function services(known: Record<string, number>, refused: { list?: Error; add?: Error; count?: Error } = {}) {
  const added: string[] = []
  return {
    added,
    workflowService: {
      countWorkflowExecutions: async ({ query }: { query: string }) => {
        if (refused.count !== undefined) throw refused.count
        const names = [...query.matchAll(/(\w+) = /g)].map(([, name = '']) => name)
        if (names.every((name) => known[name] === all[name])) return {}
        throw grpcError(grpcCodes.invalidArgument, 'invalid query')
      },
    },
    operatorService: {
      listSearchAttributes: async () => {
        if (refused.list !== undefined) throw refused.list
        return { customAttributes: known }
      },
      addSearchAttributes: async ({ searchAttributes }: { searchAttributes: Record<string, number> }) => {
        if (refused.add !== undefined) throw refused.add
        added.push(...Object.keys(searchAttributes))
        return {}
      },
    },
  }
}
const ensure = async (fake: ReturnType<typeof services>) =>
  await ensureSearchAttributes(fake as unknown as NativeConnection, { namespace: 'kmm' })
const denied = grpcError(grpcCodes.permissionDenied, 'Request unauthorized.')

describe('search attributes', () => {
  test('all there: nothing is written', async () => {
    const fake = services(all)
    expect(await ensure(fake)).toBeUndefined()
    expect(fake.added).toEqual([])
  })

  test('only what is missing is created', async () => {
    const { KmmHeld: _held, ...others } = all
    const fake = services(others as Record<string, number>)
    expect(await ensure(fake)).toEqual({
      kind: 'searchAttributes',
      missing: { KmmHeld: 'Bool' },
      wrong: {},
      reason: undefined,
    })
    expect(fake.added).toEqual(['KmmHeld'])
  })

  test('another type is reported, and nothing is created', async () => {
    const fake = services({ ...all, KmmModule: wire.Text })
    expect(await ensure(fake)).toMatchObject({ wrong: { KmmModule: 'Keyword' } })
    expect(fake.added).toEqual([])
  })

  test('who may neither list nor create is told what is missing', async () => {
    const { KmmHeld: _held, KmmPhase: _phase, ...others } = all
    const fake = services(others as Record<string, number>, { list: denied, add: denied })
    expect(await ensure(fake)).toEqual({
      kind: 'searchAttributes',
      missing: { KmmPhase: 'Keyword', KmmHeld: 'Bool' },
      wrong: {},
      reason: 'Request unauthorized.',
    })
  })

  test('another replica was faster', async () => {
    const add = grpcError(grpcCodes.alreadyExists, 'exists')
    expect(await ensure(services({}, { add }))).toMatchObject({ reason: undefined })
  })

  test('who may not even ask is not authenticated', async () => {
    await expect(ensure(services(all, { count: denied }))).rejects.toMatchObject({
      fault: { kind: 'unauthenticated', reason: 'Request unauthorized.' },
    })
  })
})

describe('the namespace', () => {
  const missing = grpcError(grpcCodes.notFound, 'not found')
  const ensureIn = async (createNamespace: boolean, register: () => Promise<object>) =>
    await ensureNamespace(
      {
        workflowService: {
          describeNamespace: async () => await Promise.reject(missing),
          registerNamespace: register,
        },
      } as unknown as NativeConnection,
      { namespace: 'kmm', createNamespace },
    )

  test('is created only when that is wanted', async () => {
    expect(await ensureIn(false, async () => await Promise.reject(new Error('not to be called')))).toEqual({
      kind: 'namespaceNotFound',
    })
    expect(await ensureIn(true, async () => ({}))).toEqual({ kind: 'namespaceCreated' })
    const exists = grpcError(grpcCodes.alreadyExists, 'exists')
    expect(await ensureIn(true, async () => await Promise.reject(exists))).toEqual({
      kind: 'namespaceCreated',
    })
  })

  test('a refusal has the server’s reason', async () => {
    expect(await ensureIn(true, async () => await Promise.reject(denied))).toEqual({
      kind: 'namespaceRefused',
      reason: 'Request unauthorized.',
    })
  })
})
