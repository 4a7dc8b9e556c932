/** Everything a process needs to run our activities over a real cluster. */
export { createClusterCache, type CacheChange, type ClusterCache } from './cluster/cache.ts'
export type { KernelActivities, KernelSubject, ModuleActivities, ModuleSubject } from './contract.ts'
export type { Dependencies } from './dependencies.ts'
export { createKernelActivities } from './kernelActivities.ts'
export { createModuleActivities } from './moduleActivities.ts'
