import { sha256 } from './names.ts'

/**
 * The release without one trailing "+", the form in which KMM matches mappings and fills templates (images:MAP-1).
 * Paths and build arguments keep the raw release, because that is what `uname -r` says on the node.
 */
export function trimmedKernel(raw: string): string {
  return raw.endsWith('+') ? raw.slice(0, -1) : raw
}

/** The release with every character outside `A-Za-z0-9._-` as `_`: safe in image tags and label values (images:MAP-4). */
export function normalizeKernel(raw: string): string {
  return raw.replaceAll(/[^A-Za-z0-9._-]/gu, '_')
}

/** Characters of a DNS label and of a label value. */
const dnsLabelLimit = 63

/**
 * The release as a DNS label: normalised, lower case, `_` and `.` as `-` (images:MAP-5), then 8 hex digits of the raw
 * release's hash, so that `6.1.0_1` and `6.1.0-1` stay two. At most 63 characters.
 */
export function dnsKernel(raw: string): string {
  const hash = sha256(raw).slice(0, 8)
  const readable = normalizeKernel(raw)
    .toLowerCase()
    .replaceAll(/[_.]/gu, '-')
    .replace(/^-+/u, '')
    .slice(0, dnsLabelLimit - hash.length - 1)
    .replace(/-+$/u, '')
  return readable === '' ? hash : `${readable}-${hash}`
}
