import type { ModuleView } from '../../activities/contract.ts'

/** What the Module as a whole needs next. */
export type ModuleStep = 'guard' | 'release' | 'cancel' | 'retry' | 'rebuild' | 'summarize' | 'wait' | 'done'

/**
 * The rules, in order: nothing is created before the finalizer is on; the finalizer goes when nothing is left on
 * any node and no pod remains; a cancel, then a retry, then a rebuild, that a person asks for is taken (of a Module that
 * is being deleted only the retry, of an unload that failed: it builds nothing any more); counters and conditions
 * follow the nodes and kernels, and say what is wrong with a Module that cannot be read.
 */
export function decideModule(view: ModuleView): ModuleStep {
  switch (view.module) {
    case 'gone':
      return 'done'
    case 'unguarded':
      return 'guard'
    case 'deleting':
      if (view.remains.length === 0) return 'release'
      if (view.retry !== undefined) return 'retry'
      return view.outdated ? 'summarize' : 'wait'
    case 'alive':
      if (view.cancel !== undefined) return 'cancel'
      if (view.retry !== undefined) return 'retry'
      if (view.rebuild !== undefined) return 'rebuild'
      return view.outdated ? 'summarize' : 'done'
    case 'unreadable':
      return view.outdated ? 'summarize' : 'done'
  }
}
