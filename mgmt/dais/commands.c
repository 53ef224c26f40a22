/* SPDX-License-Identifier: GPL-2.0-only */
/* The list of commands and what --help says. */
#include "dais.h"

#define SCHED_OPTIONS_HELP \
"  --weight N          an autonomous guest's share of the CPU, 1 to 10000\n" \
"                      (default: 100)\n" \
"  --cap PERCENT       of a CPU that each of its vCPUs may use, 1 to 99; 0: no cap\n" \
"  --reserve BUDGET/PERIOD  what each of its vCPUs gets for certain, and no more,\n" \
"                      like 2ms/10ms; none\n" \
"  --slice TIME        100us to 100ms (default: 4ms): the shorter, the sooner it\n" \
"                      runs after a wake-up\n" \
"  --cpus LIST         the CPUs that it may run on, like 1-3 or 0,2\n" \
"  --core-sched on|off  shares a core's threads with no other guest\n"

#define GUEST_OPTIONS \
"  --name NAME         its name (default: guest-PID)\n" \
"  --kernel FILE       Linux bzImage, or an ELF kernel with a PVH note or a\n" \
"                      Multiboot 1 header\n" \
"  --initrd FILE       initial RAM disk (or first module)\n" \
"  --cmdline TEXT      kernel command line; console=ttyS0 is added for Linux\n" \
"                      when it names no console\n" \
"  --module 'FILE ARGS'  further module (PVH, Multiboot); may be repeated\n" \
"  --vcpus N           1 to 512 (default: 1)\n" \
"  --memory SIZE       256M, 2G, ... (default: 256M; without unit: MiB)\n" \
SCHED_OPTIONS_HELP \
"  --pci FUNCTION,...  PCI functions that it is to own, as 0000:00:04.0; with\n" \
"                      =noreset behind one that cannot be reset; none: an empty bus\n" \
"  --config FILE       guest file, see dais(1); flags go before what it says\n"

const struct command commands[] = {
	{ "check", "can Dais run on this machine?",
	  "Usage: dais check [--json]\n"
	  "Looks, on any Linux, at what Dais needs or would like: each line is ok, missing\n"
	  "or can't tell, says what that means and what to switch on. As root, after\n"
	  "modprobe msr, it sees most.\n"
	  "Exit code: 0 Dais can run; 1 something that it needs is missing; 6 can't tell.\n"
	  "Examples:\n"
	  "  dais check\n"
	  "  dais check --json | jq -r '.lines[] | select(.state != \"ok\") | .name'\n", cmd_check },
	{ "info", "show the machine, Dais and its memory",
	  "Usage: dais info [--json]\n"
	  "Shows Dais's version, the CPU and its features in use, defences against\n"
	  "speculation, CPUs, memory and the protection from devices (DMA).\n"
	  "Examples:\n"
	  "  dais info\n"
	  "  dais info --json | jq .memory_free\n", cmd_info },
	{ "list", "list the guests",
	  "Usage: dais list [--json]\n"
	  "Lists all guests: id, name, state, vCPUs, memory, kind, age and, for a dead\n"
	  "one, why it died. A dead guest stays until dais destroy.\n"
	  "Examples:\n"
	  "  dais list\n"
	  "  dais list --json | jq -r '.[] | select(.state == \"dead\") | .name'\n", cmd_list },
	{ "create", "create a guest that lives on by itself, and start it",
	  "Usage: dais create [OPTION]...\n"
	  "Creates an autonomous guest and leaves it running; prints its name.\n"
	  GUEST_OPTIONS
	  "  --no-reboot         a reboot ends the guest\n"
	  "  --paused            create it, don't start it (dais start does)\n"
	  "  --json              print the name as JSON\n"
	  "Examples:\n"
	  "  dais create --name web --kernel /boot/vmlinuz --initrd /boot/guest.img --memory 512M\n"
	  "  dais create --config /etc/dais/web.conf --vcpus 4\n", cmd_create },
	{ "start", "start a guest created with --paused, or one that is dead",
	  "Usage: dais start NAME\n"
	  "Starts a guest that was created with --paused; makes a dead one again from the\n"
	  "settings it was created with.\n"
	  "Example:\n"
	  "  dais start web\n", cmd_start },
	{ "run", "create a guest, attach its console, end with it",
	  "Usage: dais run [OPTION]...\n"
	  "Creates a guest, passes its console to the standard streams, and ends with it.\n"
	  "Ctrl-] leaves the console (on a terminal); the guest then goes on.\n"
	  GUEST_OPTIONS
	  "  --autonomous        Dais schedules it, not this control domain\n"
	  "  --no-reboot         a reboot ends the guest\n"
	  "Exit code: 0 the guest powered off; 1 error; 2 wrong usage; 3 it died of a\n"
	  "fault; 4 it was destroyed; 5 its monitor failed or was killed.\n"
	  "Examples:\n"
	  "  dais run --kernel /boot/vmlinuz --initrd /boot/guest.img --vcpus 2\n"
	  "  dais run --kernel /boot/vmlinuz --initrd /boot/guest.img --memory 256M \\\n"
	  "           --cmdline 'quiet run=\"nproc; uname -r\"'\n", cmd_run },
	{ "pause", "stop a guest's vCPUs for a while",
	  "Usage: dais pause NAME...\n"
	  "When it returns, no vCPU of the guest runs.\n"
	  "Example:\n"
	  "  dais pause web\n", cmd_pause },
	{ "resume", "let a paused guest go on",
	  "Usage: dais resume NAME...\n"
	  "Example:\n"
	  "  dais resume web\n", cmd_resume },
	{ "stop", "press a guest's power button and wait",
	  "Usage: dais stop [--timeout SECONDS] [--force] NAME...\n"
	  "Presses the guest's power button and waits (60 s) until it has powered off.\n"
	  "  --timeout SECONDS   how long to wait\n"
	  "  --force             then switch it off; a paused one at once\n"
	  "Examples:\n"
	  "  dais stop web\n"
	  "  dais stop --timeout 10 --force web db\n", cmd_stop },
	{ "destroy", "switch a guest off and forget it",
	  "Usage: dais destroy NAME...\n"
	  "Ends the guest at once, dead or alive, and gives its memory back.\n"
	  "Example:\n"
	  "  dais destroy web\n", cmd_destroy },
	{ "console", "attach a guest's console",
	  "Usage: dais console [--history | --release] NAME\n"
	  "Passes the guest's console to the standard streams, beginning with what nobody\n"
	  "has read yet. Ctrl-] leaves it. One at a time. An autonomous guest whose\n"
	  "monitor was killed gets a new one, also while this command runs.\n"
	  "  --history   print what the guest printed lately, also after its death\n"
	  "  --release   end the monitor of an autonomous guest; Dais then keeps the last\n"
	  "              32 KiB of its output until dais attach or dais console\n"
	  "Examples:\n"
	  "  dais console web\n"
	  "  dais console --history web | tail\n", cmd_console },
	{ "attach", "give an autonomous guest a new monitor",
	  "Usage: dais attach NAME...\n"
	  "Starts a monitor for an autonomous guest whose own was killed or released. The\n"
	  "guest does not notice: what it printed meanwhile (the last 32 KiB) is there.\n"
	  "Examples:\n"
	  "  dais attach web\n"
	  "  dais list --json | jq -r '.[] | select(.kind == \"autonomous\") | .name' |\n"
	  "      xargs -r dais attach\n", cmd_attach },
	{ "log", "show Dais's own log",
	  "Usage: dais log [-f | --follow] [LEVEL]\n"
	  "Prints Dais's log ring; with a LEVEL from 0 to 3 sets what is logged instead.\n"
	  "  -f, --follow   go on with what comes\n"
	  "Examples:\n"
	  "  dais log\n"
	  "  dais log 3\n", cmd_log },
	{ "stat", "show counters of Dais or of one guest",
	  "Usage: dais stat [--json] [NAME]\n"
	  "Without a name: Dais's counters of frames, objects and heap, and a check of all\n"
	  "its invariants. With one: the guest's memory and its vCPUs' time and exits.\n"
	  "Examples:\n"
	  "  dais stat\n"
	  "  dais stat --json web\n", cmd_stat },
	{ "top", "watch the guests",
	  "Usage: dais top [-b] [-n COUNT] [-d SECONDS]\n"
	  "Shows the guests by their use of the CPU, anew every 2 seconds; q ends. Of\n"
	  "autonomous ones also: WAIT, the share of time that vCPUs were ready but did not\n"
	  "run (what the guest sees as steal); moves between CPUs; MISSED, the periods in\n"
	  "which a reservation came too late, since the guest began.\n"
	  "  -b, --batch          plain text, for files and pipes\n"
	  "  -n, --count COUNT    end after so many\n"
	  "  -d, --delay SECONDS  between two\n"
	  "Examples:\n"
	  "  dais top\n"
	  "  dais top -b -n 2 -d 10 >load.txt\n", cmd_top },
	{ "sched", "show or set how an autonomous guest is scheduled",
	  "Usage: dais sched [OPTION]... NAME\n"
	  "Without options shows, for each vCPU, what it is set to. With some, sets them at\n"
	  "once, until the guest ends; the guest file has the same settings for its start.\n"
	  SCHED_OPTIONS_HELP
	  "  --vcpu N            only this vCPU\n"
	  "  --json              show it as JSON\n"
	  "A cap and a reservation exclude each other: the later one holds. A reservation\n"
	  "that no CPU can promise is refused.\n"
	  "Examples:\n"
	  "  dais sched web\n"
	  "  dais sched --weight 400 --cpus 1-3 web\n"
	  "  dais sched --vcpu 0 --reserve 2ms/10ms control-loop\n", cmd_sched },
	{ "trace", "record and show exits and hypercalls, or who runs when",
	  "Usage: dais trace [on | off | show]\n"
	  "       dais trace --sched FILE [--seconds N]\n"
	  "Switches the recording of exits, hypercalls, switches and interrupts; shows what\n"
	  "the ring holds, by time.\n"
	  "  --sched FILE    record which vCPU runs where and which waits, into a file for\n"
	  "                  Perfetto (https://ui.perfetto.dev), Chrome (chrome://tracing) or\n"
	  "                  speedscope; -: the standard output\n"
	  "  --seconds N     for so long (default: 2), or until Ctrl-C\n"
	  "Examples:\n"
	  "  dais trace on\n"
	  "  dais trace show | tail -50\n"
	  "  dais trace --sched /tmp/sched.json --seconds 5\n", cmd_trace },
	{ "pci", "show PCI functions; set them apart for guests",
	  "Usage: dais pci [list] [--json]\n"
	  "       dais pci assign FUNCTION...\n"
	  "       dais pci return FUNCTION...\n"
	  "       dais pci attach GUEST FUNCTION...\n"
	  "       dais pci detach GUEST FUNCTION... [--force]\n"
	  "Lists the machine's PCI functions: group (what cannot be kept apart goes to one\n"
	  "guest), driver, owner, accesses that the IOMMU refused, and what keeps one from\n"
	  "a guest. assign takes functions from their drivers in the control domain, ready\n"
	  "for a guest's --pci; return gives them back. A guest's --pci does both itself.\n"
	  "attach gives functions to a guest that runs, and has a PCI bus (--pci none: an\n"
	  "empty one); detach asks the guest to let go, waits, and gives them back to their\n"
	  "drivers; --force takes them away.\n"
	  "Examples:\n"
	  "  dais pci\n"
	  "  dais pci assign 0000:00:04.0\n"
	  "  dais pci attach db 0000:00:04.0\n"
	  "  dais create --name db --kernel /boot/vmlinuz --initrd /boot/guest.img \\\n"
	  "              --pci 0000:00:04.0\n", cmd_pci },
	{ "version", "show versions",
	  "Usage: dais version [--json]\n"
	  "Shows the versions of this command and of the Dais it runs on.\n"
	  "Example:\n"
	  "  dais version\n", cmd_version },
	{ .name = NULL },
};
