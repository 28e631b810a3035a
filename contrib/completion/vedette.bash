# bash completion for vedette(8)
_vedette()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
	local flags='--config --listen --data-dir --web-dir --check-config --dump-config --explain --test-rules --version --help'

	case $prev in
	--config | --check-config | --dump-config) COMPREPLY=($(compgen -f -- "$cur")) ;;
	--data-dir | --web-dir) COMPREPLY=($(compgen -d -- "$cur")) ;;
	token) COMPREPLY=($(compgen -W 'add list revoke' -- "$cur")) ;;
	--listen | --explain | --test-rules | test-channel | add | revoke) ;;
	*)
		if [[ ${COMP_WORDS[COMP_CWORD-2]} == add ]]; then
			COMPREPLY=($(compgen -W 'viewer operator' -- "$cur"))
		else
			COMPREPLY=($(compgen -W "$flags token test-channel" -- "$cur"))
		fi
		;;
	esac
}
complete -F _vedette vedette
