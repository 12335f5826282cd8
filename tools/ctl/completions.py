# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: The Volt authors
"""Makes completions for bash, zsh and fish of what the programs' --help prints, which are their
tables of options.

usage: completions.py VOLT VOLT_CTL FOLDER [VERB=PROGRAM...]
"""

import pathlib
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import helptext  # noqa: E402

VOLT, CTL = sys.argv[1:3]
FOLDER = pathlib.Path(sys.argv[3])
LICENCE = "# SPDX-License-Identifier: Apache-2.0\n# SPDX-FileCopyrightText: The Volt authors\n"


def short(said):
    """The first clause, without what a shell takes for its own."""
    return re.sub(r"[^\w ,./-]", "", re.split(r"[;:(]|\. ", said)[0]).strip()


def options(*command):
    """[(name, kind of its value or "", first clause of the help)] and the whole text"""
    found, text = helptext.options(*command)
    return [(name, value, short(said)) for name, value, said in found], text


MAIN, USAGE = options(VOLT)
OTHERS = {verb: options(program)[0] for verb, program in
          (word.split("=", 1) for word in sys.argv[4:])}  # with arguments of their own kind
VERBS = [verb for line in re.findall(r"^ +volt ([a-z|]+)", USAGE, re.MULTILINE)
         for verb in line.split("|")]
NAMED = [verb for verb in VERBS if subprocess.run(
    [CTL, verb, "--help"], capture_output=True, check=False).returncode == 0]
ARGS = {verb: options(CTL, verb)[0] for verb in NAMED}


def kind(name, value):
    """How a value is completed."""
    if name in ("plugin", "filter"):
        return "plugin"
    return "dir" if value.startswith("DIR") else "file" if value.startswith("FILE") else \
        "other" if value else ""


def bash():
    cases = "\n".join(f"\t{verb}) options='{' '.join('--' + row[0] for row in rows)}' ;;"
                      for verb, rows in ARGS.items())

    others = "\n".join(f"\t{verb}) verb= options='{' '.join('--' + row[0] for row in rows)}' ;;"
                       for verb, rows in OTHERS.items())

    def named(wanted):
        rows = MAIN + [row for rows in OTHERS.values() for row in rows]
        return "|".join(sorted({"--" + row[0] for row in rows if kind(*row[:2]) == wanted}))
    return f"""{LICENCE}
_volt() {{
	local current=${{COMP_WORDS[COMP_CWORD]}} last=${{COMP_WORDS[COMP_CWORD-1]}} options= names=
	local verb=${{COMP_WORDS[1]}}
	COMPREPLY=()
	case $verb in
{cases}
{others}
	doctor|snapshot) verb= options=--help ;;
	*) verb= options='{' '.join('--' + row[0] for row in MAIN)}' ;;
	esac
	case $last in
	{named('file')}) mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
	{named('dir')}) mapfile -t COMPREPLY < <(compgen -d -- "$current"); return ;;
	{named('plugin')}) mapfile -t COMPREPLY < <(compgen -W "$(volt --plugin help 2>/dev/null)" -- "$current"); return ;;
	{named('other')}|--timeout) return ;;
	esac
	if [ -n "$verb" ] && [ "$COMP_CWORD" -gt 1 ] && [ "$verb" != ps ]; then
		names=$(volt ps 2>/dev/null | awk 'NR > 1 {{ print $1 }}')
	elif [ "$COMP_CWORD" -eq 1 ]; then
		names='{' '.join(VERBS)}'
	fi
	mapfile -t COMPREPLY < <(compgen -W "$options $names" -- "$current")
}}
complete -o filenames -F _volt volt
"""


ZSH_KINDS = {"file": ":file:_files", "dir": ":directory:_files -/",
             "plugin": ":plugin:($(volt --plugin help 2>/dev/null))", "other": ":value:", "": ""}


def zsh_rows(rows):
    return " ".join(f"'*--{name}[{said}]{ZSH_KINDS[kind(name, value)]}'"
                    if kind(name, value) != "plugin" else
                    f"'*--{name}[{said}]:plugin:_volt_plugins'" for name, value, said in rows)


def zsh():
    cases = "\n".join(
        f"\t{verb}) _arguments {zsh_rows(rows)}{'' if verb == 'ps' else ' ' + chr(39) + '*:VM:_volt_names' + chr(39)} ;;"
        for verb, rows in ARGS.items())
    others = "\n".join(f"\t{verb}) _arguments {zsh_rows(rows)} '*:command:_files' ;;"
                       for verb, rows in OTHERS.items())
    return f"""#compdef volt
{LICENCE}
_volt_names() {{ compadd -- $(volt ps 2>/dev/null | awk 'NR > 1 {{ print $1 }}') }}
_volt_plugins() {{ compadd -- $(volt --plugin help 2>/dev/null) }}
_volt() {{
	if (( CURRENT == 2 )) && [[ $PREFIX != -* ]]; then
		compadd -- {' '.join(VERBS)}
		return
	fi
	local verb=$words[2]
	if (( CURRENT > 2 )) && [[ $verb != -* ]]; then
		shift words
		(( CURRENT-- ))
	fi
	case $verb in
{cases}
{others}
	doctor|snapshot) _arguments --help ;;
	*) _arguments {zsh_rows(MAIN)} ;;
	esac
}}
if [ "$funcstack[1]" = _volt ]; then
	_volt "$@"
else
	compdef _volt volt
fi
"""


FISH_KINDS = {"file": "-rF", "dir": "-x -a '(__fish_complete_directories)'",
              "plugin": "-x -a '(volt --plugin help 2>/dev/null)'", "other": "-x", "": ""}


def fish():
    named = " ".join(NAMED)
    others = f"{named} {' '.join(OTHERS)} doctor snapshot"
    lines = [LICENCE, "complete -c volt -f",
             f"complete -c volt -n __fish_is_first_arg -a '{' '.join(VERBS)}'"]
    for name, value, said in MAIN:
        lines.append(f"complete -c volt -n 'not __fish_seen_subcommand_from {others}' -l {name} "
                     f"{FISH_KINDS[kind(name, value)]} -d '{said}'")
    for verb, rows in ARGS.items():
        when = f"-n '__fish_seen_subcommand_from {verb}'"
        for name, value, said in rows:
            lines.append(f"complete -c volt {when} -l {name} "
                         f"{FISH_KINDS[kind(name, value)]} -d '{said}'")
        if verb != "ps":
            lines.append(f"complete -c volt {when} "
                         "-a \"(volt ps 2>/dev/null | awk 'NR > 1 { print \\$1 }')\"")
    for verb, rows in OTHERS.items():
        for name, value, said in rows:
            lines.append(f"complete -c volt -n '__fish_seen_subcommand_from {verb}' -l {name} "
                         f"{FISH_KINDS[kind(name, value)]} -d '{said}'")
    return "\n".join(lines) + "\n"


for file, text in (("volt", bash()), ("_volt", zsh()), ("volt.fish", fish())):
    (FOLDER / file).write_text(text)
