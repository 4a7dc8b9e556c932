import { storedModule, type ClusterSnapshot } from '../../api/facts.ts'
import type { Module } from '../../api/module.ts'
import type { ModuleRef } from '../../api/names.ts'
import type { StoredModule } from '../../api/readModule.ts'
import type { Gap } from '../cluster/read.ts'
import type { SeenKernel, SeenNode } from '../cluster/views.ts'
import type { Right } from '../kube/errors.ts'

/** Everything that the API server alone can tell of a Module; what was not looked at is in `gaps`. */
export interface WhyFacts {
  readonly ref: ModuleRef
  readonly cluster: ClusterSnapshot
  /** Milliseconds since 1970. */
  readonly now: number
  readonly gaps: ReadonlyMap<Gap['what'], Right>
  /** Absent when it was not looked at. */
  readonly namespace?: { readonly podSecurity: string | undefined; readonly ending: boolean } | undefined
  readonly operator?: OperatorFacts | undefined
  /** Does the Secret or ServiceAccount of that name exist? Absent when it was not looked at. */
  readonly secrets: ReadonlyMap<string, boolean>
  readonly serviceAccounts: ReadonlyMap<string, boolean>
}

/** The operator's configuration where it is not valid. */
export interface InvalidConfiguration {
  readonly configMap: string
  readonly faults: readonly string[]
}

/** The Lease of the replica that watches. `holder` is empty when it was given up. */
export interface OperatorFacts {
  readonly namespace: string
  readonly invalidConfiguration?: InvalidConfiguration | undefined
  /** Policies that guard what the operator believes and are not in force; absent when they were not looked at. */
  readonly missingPolicies?: readonly string[] | undefined
  readonly lease:
    | { readonly holder: string; readonly renewedAt: string; readonly seconds: number }
    | undefined
}

/** The facts with the Module in them. */
export interface ModuleFacts extends WhyFacts {
  readonly stored: StoredModule
  /** Absent when it cannot be read. */
  readonly module: Module | undefined
  /** The node that is asked about; all of them without it. */
  readonly node: string | undefined
}
export interface KernelFacts extends ModuleFacts {
  readonly seen: SeenKernel
}
export interface NodeFindingFacts extends KernelFacts {
  readonly planned: SeenNode
}

/** Undefined when the Module is gone. */
export function moduleFacts(facts: WhyFacts, node: string | undefined): ModuleFacts | undefined {
  const stored = storedModule(facts.cluster, facts.ref)
  return stored && { ...facts, stored, module: facts.cluster.module(facts.ref), node }
}
