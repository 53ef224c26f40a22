# SPDX-License-Identifier: GPL-2.0-only
"""Guests in /etc/dais/guests.d: what systemd does with them on the server of tests/install/run."""
import os
import time

from server import BUILD, TOP

FILE = """kernel = "/srv/vmlinuz"
initrd = "/srv/guest.img"
memory = "96M"
cmdline = "quiet %s"
restart = %s
"""
STEADY = r"run=\"echo %s is up; sleep 1000000\""
# its reboot is a triple fault, of which a guest dies
CRASHING = r"reboot=t run=\"echo %s is up; reboot -f\""
GUESTS = {"10-db": (STEADY, "true"), "20-web": (STEADY, "false"), "30-frail": (CRASHING, "true"), "40-frail": (CRASHING, "false")}
STEADY_ONES = "10-db", "20-web"


def unit(name):
    return "'dais-guest@" + name.replace("-", r"\x2d") + ".service'"


def property_of(test, name, what):
    return test.ask(f"systemctl show --value -p {what} {unit(name)}")[1]


def ups(test, name):
    """How often, in this start of the server, the journal has the line that the guest prints."""
    out = test.ask(f"journalctl -b -o cat -u {unit(name)} | grep -c '^{name} is up'")[1]
    return int(out) if out.isdigit() else 0


def until(test, seconds, condition):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(2)
    return True


def journal(test):
    return test.ask("journalctl -b -o cat -u 'dais-guest@*' | tail -60")[1]


def are_up(test, text):
    for name in STEADY_ONES:
        good = until(test, 300, lambda n=name: ups(test, n) == 1)
        test.check(good and property_of(test, name, "ActiveState") == "active", f"guest {name} {text}, its console is in the journal",
                   journal(test))
    started = [int(property_of(test, n, "ActiveEnterTimestampMonotonic") or 0) for n in STEADY_ONES]
    test.check(0 < started[0] <= started[1], "in the order of their names", started)


def start(test):
    """By hand, in the first start under Dais; the next start has them by itself."""
    test.server.copy(os.path.join(BUILD, "guest.img"), os.path.join(TOP, "build/kernel/vmlinuz"), to="/srv/")
    for name, (cmdline, restart) in GUESTS.items():
        test.ask(f"cat >/etc/dais/guests.d/{name}.conf <<'END'\n{FILE % (cmdline % name, restart)}END")
    test.ask("systemctl daemon-reload; systemctl start dais-guests.target")
    are_up(test, "is started by systemctl start dais-guests.target")
    good = until(test, 300, lambda: property_of(test, "40-frail", "ActiveState") == "failed")
    test.check(good and property_of(test, "40-frail", "NRestarts") == "0" and property_of(test, "40-frail", "ExecMainStatus") == "3",
               "a guest that crashes has failed, with status 3", property_of(test, "40-frail", "ExecMainStatus"), journal(test))
    good = until(test, 300, lambda: property_of(test, "30-frail", "ActiveState") == "failed")
    times = ups(test, "30-frail")
    test.check(good and times == 5, "and is restarted when its file says so, until it has crashed five times", f"{times} starts", journal(test))
    test.ask("rm /etc/dais/guests.d/*-frail.conf; systemctl daemon-reload; systemctl reset-failed")


def by_themselves(test):
    """After a reboot: it has stopped them and started them again."""
    are_up(test, "has started with the machine")
    stopped_in_order(test, "-b -1", "the shutdown")


def stopped_in_order(test, journal_of, what):
    out = test.ask(f"journalctl {journal_of} -o cat _PID=1 | grep -E '^(Stopping|Stopped) dais-guest@' | tail -4")[1].replace(r"\x2d", "-")
    found = [line.split(" - ")[0] for line in out.splitlines()]
    expected = [f"{step} dais-guest@{name}.service" for name in reversed(STEADY_ONES) for step in ("Stopping", "Stopped")]
    test.check(found == expected, f"{what} stopped the guests in the opposite order", out)
    out = test.ask(f"journalctl {journal_of} -o cat -u 'dais-guest@*'")[1]
    test.check(out.count("reboot: Power down") == len(STEADY_ONES), "by their power buttons", out)
