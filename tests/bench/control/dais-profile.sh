# SPDX-License-Identifier: GPL-2.0-only
. /extra/control/dais.sh
payload dais
payload dais_autonomous --autonomous
