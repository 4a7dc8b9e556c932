import { writeFile } from 'node:fs/promises'
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker'
import { workflowsPath } from './workflowCode.ts'

/** Puts the workflows into one file, so that operators need not do it at each start:   node bundle.ts FILE */
const [file] = process.argv.slice(2)
if (file === undefined) throw new Error('usage: bundle.ts FILE')
const { code } = await bundleWorkflowCode({ workflowsPath, logger: new DefaultLogger('WARN') })
await writeFile(file, code)
