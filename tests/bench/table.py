# SPDX-License-Identifier: GPL-2.0-only
"""The table on the terminal and results.json, from {mode: {metric: (minimum, median, samples)}}."""
import json

import metrics

COLUMNS = (("dais", "Dais hosted"), ("dais_autonomous", "autonomous"), ("xen", "Xen"), ("kvm", "KVM"),
           ("native", "no hyperv."), ("bare", "bare VMRUN"))
DAIS = (metrics.HOSTED, metrics.AUTONOMOUS)
OF_LINUX = ("native", "dais", "dais_autonomous", "xen", "kvm")
OFF = "_defences_off"


def median(modes, mode, metric):
    figure = modes.get(mode, {}).get(metric)
    return figure[1] if figure else None


def row_of(modes, metric, title, unit, suffix, **more):
    figures = {c: median(modes, c + suffix, metric) for c, _ in COLUMNS}
    return {"metric": metric, "title": title, "unit": unit, **figures, **more}


def operation_rows(modes):
    for operation in metrics.OPERATIONS:
        metric, title = operation[:2]
        row = row_of(modes, metric, title, metrics.INSTRUCTIONS, "")
        for column, _ in COLUMNS:
            figure = modes.get(column, {}).get(metric)
            row[column + "_minimum"] = figure[0] if figure else None
            off = median(modes, column + OFF, metric)
            if off is not None:
                row[column + OFF] = off
        yield {**row, "reach": metrics.reach(operation, metrics.HOSTED),
               "reach_autonomous": metrics.reach(operation, metrics.AUTONOMOUS)}


def disk_rows(modes):
    for metric, title, ratio in metrics.DISK:
        yield {**row_of(modes, metric, title, metrics.INSTRUCTIONS, "_disk"), "metric": "nvme-" + metric,
               "reach_ratio_to_native": ratio}
        yield {**row_of(modes, metric + "-exits", "- entries into guests for each", "entries", "_disk"),
               "metric": f"nvme-{metric}-exits"}


def cpus_rows(modes):
    """mode "cpus-N-COLUMN": {metric: [instructions of each CPU]}"""
    for cpus in sorted({m.split("-")[1] for m in modes if m.startswith("cpus-")}, key=int):
        found = {c: modes.get(f"cpus-{cpus}-{c}", {}) for c in DAIS}
        for metric in dict.fromkeys(m for c in DAIS for m in found[c]):
            yield {"metric": f"cpus-{cpus}-{metric}", "title": f"{metrics.title(metric)}, {cpus} CPUs",
                   "unit": metrics.INSTRUCTIONS, **{f"{c}_by_cpu": median(found, c, metric) for c in DAIS}}


def entries(modes):
    """results.json's list."""
    rows = list(operation_rows(modes))
    for metric, title, percent in metrics.LINUX:
        rows.append({**row_of(modes, metric, title, metrics.INSTRUCTIONS, "_linux"), "metric": "linux-" + metric,
                     "reach_percent_over_native": percent})
    for metric, title, unit, reach in metrics.SIZES:
        rows.append(row_of(modes, metric, title, unit, "_size", reach=reach,
                           reach_percent_over_native=metrics.CREATE_PERCENT if metric == "create" else None))
    rows += disk_rows(modes)
    rows += cpus_rows(modes)
    for mode, figures in modes.items():
        if mode.startswith("scale"):
            rows += [{"metric": f"{mode}-{m}", "title": metrics.title(m), "unit": metrics.INSTRUCTIONS, "dais": f[1]}
                     for m, f in figures.items()]
    return rows


def number(value):
    return "–" if value is None else f"{value:,}"


def ratio(value, to):
    return f"{value / to:.1f}×" if value and to else ""


def over(row, column):
    """Per cent over native, or None."""
    value, native = row.get(column), row.get("native")
    if row["unit"] != metrics.INSTRUCTIONS:
        return None
    return 100 * (value / native - 1) if value and native and column != "native" else None


def verdicts(row):
    """[(column, the reach as text, whether Dais is within)]"""
    found = []
    for column, reach in ((metrics.HOSTED, row.get("reach")), (metrics.AUTONOMOUS, row.get("reach_autonomous"))):
        if reach and row.get(column) is not None:
            found.append((column, f"≤ {reach:,}", row[column] <= reach))
    percent, times = row.get("reach_percent_over_native"), row.get("reach_ratio_to_native")
    for column in DAIS:
        if percent and over(row, column) is not None:
            found.append((column, f"≤ +{percent} %", over(row, column) <= percent))
        if times and row.get("native") and row.get(column):
            found.append((column, f"≤ {times:.2f}×", row[column] <= times * row["native"]))
    return found


def verdict(row):
    """The reach and whether Dais is within."""
    found = verdicts(row)
    same = len({(text, met) for _, text, met in found}) == 1
    texts = []
    for column, text, met in found[:1] if same else found:
        who = "" if same else ", autonomous" if column == metrics.AUTONOMOUS else ", hosted"
        texts.append(f"{text}{who}: {'met' if met else 'MISSED'}")
    return "; ".join(texts)


def operations_text(rows):
    named = {o[0] for o in metrics.OPERATIONS}
    yield f"{'instructions per operation, median':<49}" + " ".join(f"{title:>11}" for _, title in COLUMNS) + \
        f"{'Xen/D.':>8}{'KVM/D.':>8}  reach"
    for row in rows:
        if row["metric"] in named:
            cells = " ".join(f"{number(row.get(c)):>11}" for c, _ in COLUMNS)
            alike = not row["metric"].startswith("touch")  # an exit only for KVM
            ratios = "".join(f"{ratio(row.get(c), row.get('dais')) if alike else '':>8}" for c in ("xen", "kvm"))
            yield f"{row['title']:<49}{cells}{ratios}  {verdict(row)}".rstrip()


def off_text(rows):
    columns = [c + OFF for c in ("dais", "dais_autonomous", "xen", "kvm")]
    found = [r for r in rows if any(r.get(c) for c in columns)]
    if found:
        yield f"{'the same without defences against speculation':<49}" + \
            " ".join(f"{t:>11}" for t in ("Dais hosted", "autonomous", "Xen", "KVM"))
    for row in found:
        yield f"{row['title']:<49}" + " ".join(f"{number(row.get(c)):>11}" for c in columns)


def linux_text(rows, prefix, title):
    found = [r for r in rows if r["metric"].startswith(prefix) and any(r.get(c) is not None for c in OF_LINUX)]
    if found:
        yield f"{title:<38}" + "".join(f"{c:>24}" for c in OF_LINUX)
    for row in found:
        cells = ""
        for column in OF_LINUX:
            percent = over(row, column)
            cells += f"{number(row.get(column)):>15}" + (" " * 9 if percent is None else f"{percent:>+8.2f}%")
        yield f"{row['title']:<38}{cells}  {verdict(row)}"


def sizes_text(rows):
    named, columns = {s[0] for s in metrics.SIZES}, ("dais", "xen", "kvm", "native")
    yield f"{'sizes, starts':<50}" + "".join(f"{c:>15}" for c in columns)
    for row in rows:
        if row["metric"] in named and any(row.get(c) is not None for c in columns):
            cells = "".join(f"{number(row.get(c)):>15}" for c in columns)
            yield f"{row['title']:<50}{cells} {row['unit']}  {verdict(row)}"


def cpus_text(rows):
    found = [r for r in rows if r["metric"].startswith("cpus-")]
    if found:
        yield f"{'several CPUs, instructions of each':<60}{'Dais hosted':<34}autonomous"
    for row in found:
        cells = (" + ".join(f"{n:,}" for n in row.get(f"{c}_by_cpu") or ()) for c in DAIS)
        yield f"{row['title']:<60}" + "".join(f"{cell:<34}" for cell in cells).rstrip()


def scale_text(rows):
    found = [r for r in rows if r["metric"].startswith("scale")]
    if found:
        yield "Dais at scale, one CPU: the operations of an autonomous guest beside others; create and destroy"
    for row in found:
        yield f"  {row['metric']:<50}{number(row['dais']):>16}"


def sections(rows):
    """[[lines]] of the whole table."""
    every = (operations_text(rows), off_text(rows), linux_text(rows, "linux-", "a Linux guest, one vCPU"),
             linux_text(rows, "nvme-", "a guest's own disk"), sizes_text(rows), cpus_text(rows), scale_text(rows))
    return [text for text in map(list, every) if text]


def show(rows, skipped):
    for text in sections(rows):
        print("", *text, sep="\n")
    for reason in skipped:
        print(f"skipped: {reason}")


def write(path, rows, profiles, about):
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"about": about, "results": rows, "profiles": profiles}, f, indent=1, ensure_ascii=False)
        f.write("\n")
