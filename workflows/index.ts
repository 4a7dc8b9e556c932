/** Everything Temporal can start by name, and the messages it understands. */
export { moduleKernel, type KernelRunInput } from './moduleKernel/workflow.ts'
export { module, type ModuleRunInput } from './module/workflow.ts'
