/** The search attributes a Temporal namespace needs for us: name and type as `temporal operator` takes them. */
export const searchAttributeTypes = {
  KmmCluster: 'Keyword',
  KmmNamespace: 'Keyword',
  KmmModule: 'Keyword',
  KmmKernel: 'Keyword',
  KmmPhase: 'Keyword',
  KmmHeld: 'Bool',
} as const
