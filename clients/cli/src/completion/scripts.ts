const bash = `# Completion of vmesh for bash.
_vmesh() {
  local lines line current=\${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  lines=$("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) || return 0
  if [[ $lines == :file ]]; then
    compopt -o filenames
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -f -- "$current")
    return 0
  fi
  while IFS=$'\\t' read -r line _; do
    [[ -n $line ]] && COMPREPLY+=("$line")
  done <<<"$lines"
}
complete -F _vmesh vmesh
`;

const zsh = `#compdef vmesh
# Completion of vmesh for zsh.
_vmesh() {
  local -a lines described
  local line value summary
  lines=("\${(@f)$(\${words[1]} __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ \${lines[1]} == :file ]]; then
    _files
    return
  fi
  for line in $lines; do
    value=\${line%%$'\\t'*}
    summary=\${line#*$'\\t'}
    described+=("\${value//:/\\\\:}:$summary")
  done
  [[ $PREFIX == --*=* ]] && compset -P '*='
  _describe vmesh described
}
compdef _vmesh vmesh
`;

const fish = `# Completion of vmesh for fish.
function __vmesh_complete
  set -l words (commandline -opc)
  set -l current (commandline -ct)
  set -l lines ($words[1] __complete -- $words[2..-1] "$current" 2>/dev/null)
  if test "$lines[1]" = :file
    __fish_complete_path "$current"
    return
  end
  set -l option (string match -r '^--[a-z-]+=' -- "$current")
  for line in $lines
    echo "$option$line"
  end
end
complete -c vmesh -f -a '(__vmesh_complete)'
`;

/** What a shell has to load, by its name. All ask \`vmesh __complete\` for words, so that they know no verb themselves. */
export const completionScripts: Readonly<Record<string, string>> = { bash, zsh, fish };
