package command

import (
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"rota/internal/suggest"
)

func completionCommand(s *session) *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Category:  "About rota",
		Usage:     "print the completion script for a shell",
		ArgsUsage: "bash|zsh|fish",
		Description: `It asks rota for commands, flags, tasks, runs, queues and parameters each time.

  source <(rota completion bash)
  rota completion zsh >~/.zsh/functions/_rota
  rota completion fish >~/.config/fish/completions/rota.fish`,
		Action: func(c *cli.Context) error {
			shell := c.Args().First()
			script, found := shells[shell]
			known := slices.Sorted(maps.Keys(shells))
			switch near := suggest.Nearest(shell, known); {
			case found:
				_, err := io.WriteString(s.out, script)
				return err
			case shell == "":
				return misuse("completion", "completion needs the name of a shell: %s", strings.Join(known, ", "))
			case near != "":
				return fail(exitUsage, "did you mean "+near+"?", "no completion for %q", shell)
			}
			return misuse("completion", "no completion for %q: it is for %s", shell, strings.Join(known, ", "))
		},
	}
}

// shells are the scripts. Each hands the words up to the cursor to rota
// __complete, which answers with one word a line and, after a tab, what it is;
// ":files" leaves it to the shell.
var shells = map[string]string{
	// Bash splits words at = and @ as well, and replaces the last piece only: so the
	// pieces are joined, and what is before the last one is removed from the answer.
	"bash": `# bash completion for rota: source <(rota completion bash)
_rota() {
	local line=${COMP_LINE:0:COMP_POINT} words=() piece i word
	for ((i = 0; i <= COMP_CWORD; i++)); do
		piece=${COMP_WORDS[i]}
		if ((i > 0)) && [[ $line != [[:space:]]* ]]; then
			((i < COMP_CWORD)) || piece=$line
			words[-1]+=$piece
		else
			line=${line#"${line%%[![:space:]]*}"}
			((i < COMP_CWORD)) || piece=$line
			words+=("$piece")
		fi
		line=${line#"$piece"}
	done
	[[ $piece != [=@:]* ]] || piece=
	local before=${words[-1]%"$piece"}
	COMPREPLY=()
	while IFS=$'\t' read -r word _; do
		if [[ $word == :files ]]; then
			compopt -o default
			continue
		fi
		[[ $word != *= ]] || compopt -o nospace
		printf -v word %q "${word#"$before"}"
		COMPREPLY+=("$word")
	done < <(rota __complete "${words[@]:1}" 2>/dev/null)
}
complete -F _rota rota
`,
	"zsh": `#compdef rota
# zsh completion for rota: put it as _rota into a directory of $fpath
_rota() {
	local line word
	local -a list open
	for line in "${(@f)$(rota __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
		word=${line%%$'\t'*}
		case $word in
			'') ;;
			:files) _files ;;
			*=) open+=("$word") ;;
			*) list+=("${word//:/\\:}:${line#*$'\t'}") ;;
		esac
	done
	(( ! $#open )) || compadd -S '' -a open
	(( ! $#list )) || _describe rota list
}
if [[ $funcstack[1] == _rota ]]; then
	_rota "$@"
else
	compdef _rota rota
fi
`,
	"fish": `# fish completion for rota: put it as rota.fish into ~/.config/fish/completions
function __rota_complete
	set -l words (commandline -opc)
	set -l last (commandline -ct)
	set -l list (rota __complete $words[2..-1] "$last" 2>/dev/null)
	if test "$list[1]" = :files
		__fish_complete_path "$last"
	else if set -q list[1]
		printf '%s\n' $list
	end
end
complete -c rota -f -a '(__rota_complete)'
`,
}
