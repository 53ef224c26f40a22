# SPDX-License-Identifier: GPL-2.0-only
"""The firmware's boot variables as a JSON file: the part of efibootmgr that dais-boot uses."""
import argparse
import json
import os

PATH = os.path.join(os.environ["STUB_DIR"], "nvram.json")


def main():
    p = argparse.ArgumentParser()
    for name in ("quiet", "create-only", "delete-bootnum"):
        p.add_argument("--" + name, action="store_true")
    for name in ("disk", "part", "label", "loader", "bootnum", "bootnext", "bootorder"):
        p.add_argument("--" + name)
    o = p.parse_args()
    with open(PATH, encoding="utf-8") as f:
        v = json.load(f)
    if o.create_only:
        n = next(f"{i:04X}" for i in range(0x10000) if f"{i:04X}" not in v["entries"])
        v["entries"][n] = [o.label, o.loader, o.disk, o.part]
    elif o.delete_bootnum:
        del v["entries"][o.bootnum]
        v["order"] = [x for x in v["order"] if x != o.bootnum]
        if v.get("next") == o.bootnum:
            del v["next"]
    elif o.bootnext:
        assert o.bootnext in v["entries"]
        v["next"] = o.bootnext
    elif o.bootorder is not None:
        v["order"] = [x for x in o.bootorder.split(",") if x]
        assert all(x in v["entries"] for x in v["order"]) and v["order"]
    else:
        if "next" in v:
            print("BootNext: " + v["next"])
        print("BootCurrent: 0000\nTimeout: 0 seconds\nBootOrder: " + ",".join(v["order"]))
        for n, (label, loader, *_) in sorted(v["entries"].items()):
            print(f"Boot{n}* {label}\tHD(1,GPT,0)/File({loader})")
        return
    with open(PATH + ".new", "w", encoding="utf-8") as f:
        json.dump(v, f)
    os.replace(PATH + ".new", PATH)


main()
