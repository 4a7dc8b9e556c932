#!/usr/bin/env node
import { readFile, writeFile } from 'node:fs/promises'
import { signCommandSchema, signPaths, type SignFailure } from '../api/signCommand.ts'
import { readCredentials } from './credentials.ts'
import { SignError } from './signError.ts'
import { signFiles } from './signFiles.ts'

/**
 * The program in a sign pod: `signer` does the one command of the pod. It prints a line per signed file, and ends
 * with 0, or with 1 and the reason as JSON in the termination log. No network, no shell; nothing of the key is printed.
 */
// As process 1 of a container there is no default action for SIGTERM.
process.on('SIGTERM', () => process.exit(143))

process.exitCode = await main()

async function main(): Promise<number> {
  try {
    const command = signCommandSchema.parse(JSON.parse(await readFile(signPaths.command, 'utf8')))
    const credentials = readCredentials(await readFile(signPaths.key), await readFile(signPaths.certificate))
    const { subject, fingerprint256 } = credentials.certificate
    const by = `${subject.replaceAll('\n', ', ')}, certificate SHA-256 ${fingerprint256}`
    console.log(`signing files of ${command.source} with the key of ${by}`)
    for (const file of await signFiles(command, credentials, signPaths)) console.log(`signed ${file}`)
    return 0
  } catch (error) {
    const failure: SignFailure =
      error instanceof SignError
        ? { reason: error.reason, message: error.message }
        : { reason: 'SignFailed', message: error instanceof Error ? error.message : String(error) }
    console.log(`error: ${failure.message}`)
    await writeFile('/dev/termination-log', JSON.stringify(failure))
    return 1
  }
}
