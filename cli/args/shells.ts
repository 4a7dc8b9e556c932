/** Completion scripts; each asks the plugin itself, so that it knows the cluster's Modules and nodes. */
export const shells = {
  bash: `_kubectl_kmod() {
  local IFS=$'\\n'
  COMPREPLY=($(kubectl-kmod __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | grep -v '^:' | cut -f1))
}
complete -o default -F _kubectl_kmod kubectl-kmod
`,
  zsh: `#compdef kubectl-kmod
_kubectl_kmod() {
  local -a found
  found=("\${(@f)$(kubectl-kmod __complete "\${(@)words[2,CURRENT]}" 2>/dev/null | grep -v '^:' | tr '\\t' ':')}")
  _describe 'kubectl-kmod' found
}
compdef _kubectl_kmod kubectl-kmod
`,
  fish: `function __kubectl_kmod_complete
  set -l words (commandline -opc) (commandline -ct)
  kubectl-kmod __complete $words[2..-1] 2>/dev/null | string match -v ':*'
end
complete -c kubectl-kmod -f -a '(__kubectl_kmod_complete)'
`,
} as const
export type Shell = keyof typeof shells
