# SPDX-License-Identifier: GPL-2.0-only
# bash completion for dais; source it, or copy it to /usr/share/bash-completion/completions/dais
_dais_guests()
{
	dais list 2>/dev/null | awk 'NR > 1 { print $2 }'
}

_dais()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local guest_options='--name --kernel --initrd --cmdline --module --vcpus --memory --pci --config --no-reboot --help'
	local sched_options='--weight --cap --reserve --slice --cpus --core-sched'
	local words

	if [ "$COMP_CWORD" -eq 1 ]; then
		words='check info list create start run pause resume stop destroy console attach log stat top sched trace pci version help --help'
		COMPREPLY=($(compgen -W "$words" -- "$cur"))
		return
	fi
	case $prev in
	--kernel | --initrd | --module | --config | --sched)
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "$cur"))
		return
		;;
	--name | --cmdline | --vcpus | --memory | --weight | --cap | --reserve | --slice | --cpus | --vcpu | --pci | --timeout | --count | --delay | --seconds | -n | -d)
		return
		;;
	esac
	case ${COMP_WORDS[1]} in
	run) words="$guest_options $sched_options --autonomous" ;;
	create) words="$guest_options $sched_options --paused --json" ;;
	sched) words="$sched_options --vcpu --json --help $(_dais_guests)" ;;
	start | pause | resume | destroy | attach) words="--help $(_dais_guests)" ;;
	stop) words="--timeout --force --help $(_dais_guests)" ;;
	console) words="--history --release --help $(_dais_guests)" ;;
	stat) words="--json --help $(_dais_guests)" ;;
	check | info | list | version) words='--json --help' ;;
	log) words='--follow --help 0 1 2 3' ;;
	top) words='--batch --count --delay --help' ;;
	trace) words='on off show --sched --seconds --help' ;;
	pci)
		words='list assign return attach detach --force --json --help'
		case $prev in attach | detach) words=$(_dais_guests) ;; esac
		;;
	esac
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _dais dais
