# SPDX-License-Identifier: GPL-2.0-only
"""The table on the terminal and results.json, from {mode: {metric: (minimum, median, samples)}}."""
import json

import metrics

COLUMNS = (("dais", "Dais hosted"), ("dais_autonomous", "autonomous"), ("xen", "Xen"), ("kvm", "KVM"),
           ("native", "no hyperv."), ("bare", "bare VMRUN"))


def entries(modes):
    """results.json's list."""
    rows = []
    for operation in metrics.OPERATIONS:
        metric, title = operation[:2]
        row = {"metric": metric, "title": title, "unit": metrics.INSTRUCTIONS}
        for column, _ in COLUMNS:
            figure = modes.get(column, {}).get(metric)
            row[column] = figure[1] if figure else None
            row[column + "_minimum"] = figure[0] if figure else None
            off = modes.get(column + "_defences_off", {}).get(metric)
            if off:
                row[column + "_defences_off"] = off[1]
        row["reach"] = metrics.reach(operation, metrics.HOSTED)
        row["reach_autonomous"] = metrics.reach(operation, metrics.AUTONOMOUS)
        rows.append(row)
    for metric, title, percent in metrics.LINUX:
        row = {"metric": "linux-" + metric, "title": title, "unit": metrics.INSTRUCTIONS, "reach_percent_over_native": percent}
        for column, _ in COLUMNS:
            figure = modes.get(column + "_linux", {}).get(metric)
            row[column] = figure[1] if figure else None
        rows.append(row)
    for metric, title, unit, reach in metrics.SIZES:
        row = {"metric": metric, "title": title, "unit": unit, "reach": reach}
        for column, _ in COLUMNS:
            figure = modes.get(column + "_size", {}).get(metric)
            row[column] = figure[1] if figure else None
        rows.append(row)
    for mode, figures in modes.items():
        if mode and mode.startswith("scale"):
            rows += [{"metric": f"{mode}-{m}", "title": m, "unit": metrics.INSTRUCTIONS, "dais": f[1]} for m, f in figures.items()]
    return rows


def number(value):
    return "–" if value is None else f"{value:,}"


def ratio(value, to):
    return f"{value / to:.1f}×" if value and to else ""


def verdict(row):
    """The reach and whether Dais is within."""
    text = []
    for column, reach in (("dais", row.get("reach")), ("dais_autonomous", row.get("reach_autonomous"))):
        if reach and row.get(column) is not None:
            text.append(f"≤ {reach:,}: {'met' if row[column] <= reach else 'MISSED'}")
    return "; ".join(dict.fromkeys(text))


def print_rows(rows, columns):
    for row in rows:
        cells = [f"{number(row.get(c)):>11}" for c in columns]
        ratios = f"{ratio(row.get('xen'), row.get('dais')):>8}{ratio(row.get('kvm'), row.get('dais')):>8}"
        print(f"{row['title']:<45}" + " ".join(cells) + ratios + "  " + verdict(row))


def print_linux(rows, columns):
    for row in rows:
        cells = []
        for column in columns:
            value, native = row.get(column), row.get("native")
            over = f" {100 * (value / native - 1):+.1f}%" if value and native and column != "native" else ""
            cells.append(f"{number(value):>15}{over:>9}")
        reach = row.get("reach_percent_over_native")
        print(f"{row['title']:<30}" + " ".join(cells) + (f"  reach: +{reach} %" if reach else ""))


def show(rows, skipped):
    columns = [c for c, _ in COLUMNS]
    head = " ".join(f"{title:>11}" for _, title in COLUMNS)
    print(f"\n{'instructions per operation, median':<45}{head}{'Xen/D.':>8}{'KVM/D.':>8}  reach")
    print_rows([r for r in rows if r["metric"] in {o[0] for o in metrics.OPERATIONS}], columns)
    off = [c + "_defences_off" for c in ("dais", "dais_autonomous", "xen", "kvm")]
    if any(r.get(c) for r in rows for c in off):
        print(f"\n{'the same without defences against speculation':<45}")
        for row in rows:
            if any(row.get(c) for c in off):
                print(f"{row['title']:<45}" + " ".join(f"{number(row.get(c)):>11}" for c in off))
    linux = [r for r in rows if r["metric"].startswith("linux-")]
    if any(r.get("dais") for r in linux):
        columns = ["native", "dais", "xen", "kvm"]
        print(f"\n{'a Linux guest, one vCPU':<30}" + " ".join(f"{c:>15}{'':>9}" for c in columns))
        print_linux(linux, columns)
    sizes = {s[0] for s in metrics.SIZES}
    columns = ["dais", "xen", "kvm", "native"]
    print(f"\n{'sizes, starts':<50}" + "".join(f"{c:>15}" for c in columns))
    for row in rows:
        if row["metric"] in sizes and any(row.get(c) is not None for c in columns):
            print(f"{row['title']:<50}" + "".join(f"{number(row.get(c)):>15}" for c in columns) + f" {row['unit']}  {verdict(row)}")
    scale = [r for r in rows if r["metric"].startswith("scale")]
    if scale:
        print("\nDais at scale, one CPU")
    for row in scale:
        print(f"  {row['metric']:<50}{number(row['dais']):>16}")
    for reason in skipped:
        print(f"skipped: {reason}")


def write(path, rows, about):
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"about": about, "results": rows}, f, indent=1, ensure_ascii=False)
        f.write("\n")
