import { expect, test } from 'vitest'
import type { ModuleView } from '../../activities/contract.ts'
import { decideModule, type ModuleStep } from './decide.ts'

const view = (module: ModuleView['module'], change: Partial<ModuleView> = {}): ModuleView => ({
  module,
  remains: [],
  outdated: false,
  summary: '',
  ...change,
})
const remains = ['node n1: the module is not unloaded yet']

test.each<[string, ModuleView, ModuleStep]>([
  ['gone: nothing', view('gone', { outdated: true }), 'done'],
  ['unreadable: said', view('unreadable', { outdated: true }), 'summarize'],
  ['unreadable and said: left alone', view('unreadable'), 'done'],
  ['without its finalizer: that first', view('unguarded', { outdated: true }), 'guard'],
  ['outdated: written', view('alive', { outdated: true }), 'summarize'],
  ['a retry is taken before anything is written', view('alive', { retry: 'all', outdated: true }), 'retry'],
  ['then a rebuild', view('alive', { rebuild: 'all', outdated: true }), 'rebuild'],
  ['a retry before it', view('alive', { retry: 'all', rebuild: 'all' }), 'retry'],
  ['a cancel is taken before a retry', view('alive', { cancel: 'all', retry: 'all' }), 'cancel'],
  [
    'a retry of an unload that failed is taken while the Module is being deleted',
    view('deleting', { retry: 'all', remains, outdated: true }),
    'retry',
  ],
  ['nothing is built for it any more', view('deleting', { rebuild: 'all', cancel: 'all', remains }), 'wait'],
  ['a retry keeps nothing that has nothing left', view('deleting', { retry: 'all' }), 'release'],
  ['up to date: nothing', view('alive'), 'done'],
  [
    'deleting, nothing left: released, whatever its status says',
    view('deleting', { outdated: true }),
    'release',
  ],
  ['deleting, something left: said', view('deleting', { remains, outdated: true }), 'summarize'],
  ['deleting, something left and said: waited for', view('deleting', { remains }), 'wait'],
])('%s', (_name, seen, step) => {
  expect(decideModule(seen)).toBe(step)
})
