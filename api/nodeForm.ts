import { cleanLine, cutText } from './text/cleanText.ts'

/** What a kubelet reports of its node, as far as we use it. */
export interface NodeInfo {
  readonly kernelVersion?: string
  readonly bootID?: string
  readonly architecture?: string
  readonly osImage?: string
}

/** What of it is used; of a report that breaks the form, nothing but the text about the system. */
export interface ValidNodeInfo {
  readonly kernel: string
  readonly bootId: string
  readonly architecture: string
  readonly osImage: string
  /** Which field of `status.nodeInfo` breaks the form. */
  readonly invalid?: NodeInfoField
}

export type NodeInfoField = keyof typeof forms

/** Characters of a system's name; it is shown and compared, and becomes part of nothing. */
const longestOsImage = 256

/** It is a folder's name and a word of commands: neither `..` nor an option. */
const kernelForm = /^[A-Za-z0-9][A-Za-z0-9._+~-]{0,63}$/u

/** Whoever has the kubelet's credentials writes these: they become names, labels, paths and words of commands. */
const forms = {
  kernelVersion: kernelForm,
  bootID: /^[A-Za-z0-9._-]{1,128}$/u,
  architecture: /^[a-z0-9_]{1,32}$/u,
} as const

/** Is this a kernel release as `uname -r` says it, of 64 characters at most as the kernel itself has it? */
export function isKernelRelease(text: string): boolean {
  return kernelForm.test(text)
}

/** May a Node have this name? */
export function isNodeName(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/u.test(text)
}

/**
 * The report of a kubelet, bounded. An empty field is one that it has not reported yet. With one field that breaks the
 * form the whole report is worth nothing: no kernel, so that nothing is done on the node.
 */
export function validNodeInfo(info: NodeInfo = {}): ValidNodeInfo {
  const { kernelVersion = '', bootID = '', architecture = '' } = info
  const osImage = cleanLine(cutText(info.osImage ?? '', longestOsImage)).trim()
  const given: Record<NodeInfoField, unknown> = { kernelVersion, bootID, architecture }
  const invalid = (Object.keys(forms) as NodeInfoField[]).find((field) => {
    const text = given[field]
    return text !== '' && !(typeof text === 'string' && forms[field].test(text))
  })
  if (invalid !== undefined) return { kernel: '', bootId: '', architecture: '', osImage, invalid }
  return { kernel: kernelVersion, bootId: bootID, architecture, osImage }
}
