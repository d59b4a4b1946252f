"""completion: what makes bash and zsh complete `git memorylab`, as a command of git's.

Both shells' completions of git call a function by the name of the subcommand. What there is to be completed is asked
of the command line itself, in click's own way.
"""

# In git's words: __git calls git with the -C and --git-dir of the line that is completed, __gitcomp_nl filters.
BASH = r"""# bash completion of `git memorylab`. It needs git's own: eval "$(git memorylab completion bash)"

_git_memorylab ()
{
	local at=${__git_cmd_idx:-1} IFS=$'\n' type value line found=
	local given=("${words[@]:at}")
	while read -r line; do
		type=${line%%,*} value=${line#*,}
		case "$type" in
		plain)
			found+="$value"$'\n'
			;;
		file)
			# Nothing of ours: bash then completes file names, as git has asked it to.
			return
			;;
		dir)
			compopt -o dirnames 2>/dev/null
			return
			;;
		esac
	done < <(
		unset COMP_WORDS COMP_CWORD # bash's own array would not be handed on
		export COMP_WORDS="${given[*]}" COMP_CWORD=$((cword - at)) _GIT_MEMORYLAB_COMPLETE=bash_complete
		__git memorylab
	)
	__gitcomp_nl "$found" "" "${cur##--*=}"
}

if declare -F __git_complete >/dev/null; then
	__git_complete git-memorylab _git_memorylab
fi
"""

# The second line is what zsh says of the command where it lists those of git.
ZSH = r"""#compdef git-memorylab
#description a memory for autoresearch loops

_git-memorylab () {
	local -a plain described fields at
	local line type key said
	(( $+opt_args[-C] )) && at=(-C "${(Q)opt_args[-C]}")
	for line in "${(@f)$(
		export COMP_WORDS="${(pj:\n:)words}" COMP_CWORD=$((CURRENT - 1)) _GIT_MEMORYLAB_COMPLETE=zsh_complete
		git $at memorylab 2>/dev/null
	)}"; do
		fields+=("$line")
	done
	for type key said in "${fields[@]}"; do
		case $type in
		plain)
			if [[ $said == _ ]]; then
				plain+=("$key")
			else
				described+=("$key:$said")
			fi
			;;
		dir) _path_files -/ ;;
		file) _path_files -f ;;
		esac
	done
	[[ -n $PREFIX && $PREFIX == --*=* ]] && compset -P '*='
	(( $#described )) && _describe -V unsorted described
	(( $#plain )) && compadd -V unsorted -a plain
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
	_git-memorylab "$@"
elif (( $+functions[compdef] )); then
	compdef _git-memorylab git-memorylab
fi
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH}
