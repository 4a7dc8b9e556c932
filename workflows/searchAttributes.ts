import { defineSearchAttributeKey } from '@temporalio/common'

/** Typed keys of `api/searchAttributes.ts`. */
export const searchAttributes = {
  cluster: defineSearchAttributeKey('KmmCluster', 'KEYWORD'),
  namespace: defineSearchAttributeKey('KmmNamespace', 'KEYWORD'),
  module: defineSearchAttributeKey('KmmModule', 'KEYWORD'),
  kernel: defineSearchAttributeKey('KmmKernel', 'KEYWORD'),
  phase: defineSearchAttributeKey('KmmPhase', 'KEYWORD'),
  held: defineSearchAttributeKey('KmmHeld', 'BOOL'),
}
