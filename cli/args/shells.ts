/**
 * Completion scripts; each asks the plugin itself, so that it knows the cluster's Modules and nodes, and goes on with
 * names of files where it knows nothing.
 */
export const shells = {
  // Bash breaks words at ":" and "=" too, and replaces what stands behind the last of them.
  bash: `_kubectl_kmod() {
  local line="\${COMP_LINE:0:COMP_POINT}" words word kept IFS=$' \\t\\n'
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  word="\${words[\${#words[@]}-1]}"
  kept="\${word%"\${word##*[:=]}"}"
  COMPREPLY=()
  while IFS=$'\\t' read -r word _; do
    [[ $word == :* ]] || COMPREPLY+=("\${word#"$kept"}")
  done < <(kubectl-kmod __complete "\${words[@]:1}" 2>/dev/null)
}
complete -o default -F _kubectl_kmod kubectl-kmod
`,
  // In what _describe takes, ":" stands before the help.
  zsh: `#compdef kubectl-kmod
_kubectl_kmod() {
  local line
  local -a found
  for line in "\${(@f)$(kubectl-kmod __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ $line == :* ]] || found+=("\${\${line//:/\\\\:}/$'\\t'/:}")
  done
  (( $#found )) && _describe 'kubectl-kmod' found || _files
}
compdef _kubectl_kmod kubectl-kmod
`,
  fish: `function __kubectl_kmod_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l found (kubectl-kmod __complete $words[2..-1] 2>/dev/null | string match -v ':*')
  if set -q found[1]
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c kubectl-kmod -f -a '(__kubectl_kmod_complete)'
`,
} as const
export type Shell = keyof typeof shells
