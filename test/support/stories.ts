import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, inject, test as base } from 'vitest'
import { namespaces } from '../../activities/kube/resources.ts'
import type { OperatorSettings } from '../../lab/operator.ts'
import { openGate, type Gate } from './gate.ts'
import { InstalledOperator } from './installedOperator.ts'
import { Operator, operatorLog } from './operator.ts'
import { watchPods } from './podHistory.ts'
import { Scenario } from './scenario.ts'
import type { TestLab } from './testLab.ts'

/** Begins a story in a new namespace; it ends with its test. `level`: of the namespace's Pod Security. */
export type OpenScenario = (name: string, level?: 'privileged' | 'restricted') => Promise<Scenario>

/** What a test gets beside vitest's own context. All of it ends with the test. */
export interface Story {
  readonly open: OpenScenario
  /** A closed gate of the test's own. */
  readonly gate: Gate
  /** Makes one more. */
  readonly openGate: () => Promise<Gate>
}

/** The operator that is at work while a story goes on. */
export interface OperatorAtWork {
  /** Starts it if a test has left it down. */
  start(): Promise<void>
  /** The end of its log. */
  log(lines?: number): string | Promise<string>
}

/** The operator of the whole tier, which no test may end. */
export const sharedOperator: OperatorAtWork = {
  start: async () => undefined,
  log: (lines) =>
    operatorLog(
      inject('operatorReplicas').map(({ logFile }) => logFile),
      lines,
    ),
}

/** An operator for a test file: started before its first test, stopped after its last. */
export function useOperator(lab: TestLab, settings: OperatorSettings = {}, name = 'operator'): Operator {
  const operator = new Operator(lab, settings, name)
  beforeAll(async () => await operator.start())
  afterAll(async () => await operator.stop())
  return operator
}

/** The operator installed in the lab's cluster for a test file: before its first test, until after its last. */
export function useInstalledOperator(lab: TestLab, settings: OperatorSettings = {}): InstalledOperator {
  const operator = useInstallation(lab, settings)
  beforeAll(async () => await operator.start())
  return operator
}

/** An operator that the tests of a file install themselves; it is uninstalled after the last. */
export function useInstallation(lab: TestLab, settings: OperatorSettings = {}): InstalledOperator {
  const operator = new InstalledOperator(() => ({
    state: lab.state,
    kube: lab.kube,
    dir: lab.folder.dir,
    installation: { image: lab.workerImage, replicas: 2, settings },
  }))
  afterAll(async () => await operator.uninstall())
  return operator
}

/**
 * `test` for stories in the lab. Stories do not see each other, so that they can be told at the same time. What a
 * person would look at first is printed when one fails.
 */
export function stories(lab: TestLab, operator: OperatorAtWork = sharedOperator) {
  return base.extend<Story>({
    open: async ({ onTestFinished }, use) => {
      await use(async (name, level = 'privileged') => {
        const namespace = `t-${name}-${randomBytes(2).toString('hex')}`
        const labels = { 'pod-security.kubernetes.io/enforce': level }
        const metadata = { name: namespace, labels }
        await lab.kube.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata })
        const scenario = new Scenario(lab, namespace, await watchPods(lab.kube, namespace))
        onTestFinished(async ({ task }) => {
          if (task.result?.state === 'fail') {
            console.error(await operator.log())
            await scenario.show()
          }
          await operator.start()
          await scenario.close()
        })
        return scenario
      })
    },
    openGate: async ({ onTestFinished }, use) => {
      await use(async () => {
        const gate = await openGate(lab.state.address)
        onTestFinished(() => gate.close())
        return gate
      })
    },
    gate: async ({ openGate: another }, use) => {
      await use(await another())
    },
  })
}
