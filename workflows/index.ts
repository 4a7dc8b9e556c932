/** Everything Temporal can start by name, and the messages it understands. */
export type { KernelRunInput } from './moduleKernel/input.ts'
export { moduleKernel } from './moduleKernel/workflow.ts'
export { module, type ModuleRunInput } from './module/workflow.ts'
