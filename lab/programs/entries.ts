import type { Download, Lookup, ProgramSpec } from './types.ts'

/** A line of the table that keeps its name as a literal type. */
export type Named<Name extends string> = ProgramSpec & { readonly name: Name }

/** A program searched under `names`; `args` are its version probe's. */
export const executable = (
  names: readonly string[],
  args: string,
  accept: RegExp,
  wanted: string,
): Lookup => ({
  kind: 'executable',
  names,
  probe: { args: args.split(' '), accept, wanted },
})

/** A release file on GitHub with its published SHA-256. */
export const github = (path: string, digest: string, unpack: Download['unpack']): Download => ({
  url: `https://github.com/${path}`,
  algorithm: 'sha256',
  digest,
  unpack,
})

/** A tar.gz of which `paths` are taken, less `strip` leading folders. */
export const members = (strip: number, ...paths: string[]): Download['unpack'] => ({
  kind: 'tar.gz',
  members: paths,
  strip,
})
