# SPDX-License-Identifier: GPL-2.0-only
# In the host's Linux, whichever hypervisor it manages (busybox sh). Output for tests/bench/run: lines
# "MODE name" say what the "BENCH …", "LINUX …" and "STOPWATCH …" lines that follow belong to.
cd /extra
GUEST_MIB=128
say() { echo "MODE $*"; }
