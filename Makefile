# SPDX-License-Identifier: GPL-2.0-only
# Dais. `make help` says what there is.

BUILD ?= build
OUT   := $(abspath $(BUILD))
JOBS  ?= $(shell nproc)
export BUILD := $(OUT)

# The settings of `make run`, handed to scripts/run untouched by make.
RUN_SETTINGS := EXEC EXTRA CPUS MEM PLATFORM MODEL MACHINE ICOUNT QEMU TIMEOUT CONF CMDLINE ESP \
	DAIS_ELF QEMU_ARGS BOCHS BOCHS_ARGS CONSOLE_LOG
unexport $(RUN_SETTINGS)
# Nor to other makes: Kbuild wants a clean environment.
MAKEOVERRIDES :=

# Shared by all build directories: half a gigabyte.
KERNEL  := $(abspath build)/kernel
HEADERS := $(KERNEL)/headers

.PHONY: all help deb setup core loader mgmt run image test test-long test-install install-files debian unit units system \
	run-debian-files bench bench-quick clean \
	update-kernel run-files FORCE
.DELETE_ON_ERROR:
.SECONDARY:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules --no-print-directory

all: core loader mgmt $(OUT)/esp.img

help:
	@sed -n 's/^#: \?//p' $(MAKEFILE_LIST)

#: make                 build everything into build/
#: make run             boot Dais in QEMU; the control domain's shell; Ctrl-A X ends it
#: make run EXEC='cmd'  run cmd in the control domain, print its output, exit with its status
#:                      (125: the machine failed). More settings, for both:
#:                      EXTRA=dir CPUS=4 MEM=2048 PLATFORM=qemu-svm|qemu-kvm|native|bochs-svm|bochs-vmx
#:                      MODEL=haswell_4770|… MACHINE=q35|pc ICOUNT=1 TIMEOUT=600 CONF='key = value; …'
#:                      CMDLINE='…' ESP=dir QEMU_ARGS='…' BOCHS_ARGS='…;…' TEST_FAULT=name CONSOLE_LOG=file
#: make run IMAGE=debian  a Debian server's disk in QEMU (root, no password; the packages: mount /dev/vdb1 /mnt);
#:                      with EXEC='cmd': installs the packages there, once, and runs cmd under Dais
#: make image           build/dais.img, a disk image for a USB stick or qemu -drive
#: make deb             build/deb/*.deb: packages for Debian 12, with what lintian says of them
#: make test            unit tests, then system tests;  make test ONLY=name: the matching ones;
#:                      PLATFORM=bochs-svm|bochs-vmx MODEL=…: the system tests there
#: make test-long       the same with the long system tests, the scheduler's long simulation and test-install
#: make test-install    a Debian server: install the packages, boot under Dais, upgrade, purge; Secure Boot
#: make unit            unit tests only
#: make bench           what Dais costs beside Xen, KVM and no hypervisor: table, build/bench/results.json, picture
#: make bench-quick     Dais's operations alone, against tests/bench/figures.json; a part of make test
#: make setup           install missing Debian packages, fetch the kernel into build/
#: make update-kernel   forget the fetched kernel; the next build takes the newest
#: make clean           remove what was built (the fetched kernel and Bochs stay)

# --- Set-up -------------------------------------------------------------

setup: $(OUT)/setup.stamp $(KERNEL)/version

$(OUT)/setup.stamp: scripts/setup
	@mkdir -p $(OUT)
	@scripts/setup
	@touch $@

$(KERNEL)/version: scripts/fetch-kernel | $(OUT)/setup.stamp
	@scripts/fetch-kernel $(KERNEL)
	@touch $@

update-kernel:
	rm -rf $(KERNEL)

# --- The core: build/dais.elf ----------------------------------------------

# Indirect branches through thunks (retpolines), and none that the compiler makes of a switch: a guest may have trained the CPU.
CORE_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-pie -mcmodel=kernel -fno-inline-functions -mno-red-zone \
	-mgeneral-regs-only -fno-omit-frame-pointer -fno-stack-protector -fno-strict-aliasing \
	-fno-asynchronous-unwind-tables -fcf-protection=none -mindirect-branch=thunk -fno-jump-tables -flto \
	-Wall -Wextra -Werror -I. -Ikernel/abi

CORE_C   := $(sort $(shell find arch kernel drivers -name '*.c' 2>/dev/null))
CORE_ASM := $(sort $(shell find arch kernel drivers -name '*.asm' 2>/dev/null))
CORE_OBJ := $(patsubst %,$(OUT)/obj/%.o,$(CORE_ASM) $(CORE_C))

# A test build stands another fault in the place of tests/faults/none.c.
FAULT_OBJ = $(patsubst %,$(OUT)/obj/%.o,$(wildcard tests/faults/$(1).c))
FAULT_ELF := $(if $(TEST_FAULT),$(OUT)/dais-fault-$(TEST_FAULT).elf)

core: $(OUT)/dais.elf $(FAULT_ELF)

$(OUT)/obj/%.c.o: %.c $(OUT)/flags.stamp | $(OUT)/setup.stamp
	@mkdir -p $(@D)
	@echo "  CC    $<"
	@gcc $(CORE_CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/obj/%.asm.o: %.asm | $(OUT)/setup.stamp
	@mkdir -p $(@D)
	@echo "  NASM  $<"
	@nasm -f elf64 -g -F dwarf -I./ -MD $(@:.o=.d) -MP -o $@ $<

# Rebuild what embeds the version, or was compiled with other flags.
$(OUT)/flags.stamp: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(CORE_CFLAGS))' | cmp -s - $@ || \
		echo '$(subst ','\'',$(CORE_CFLAGS))' >$@
FORCE:

LINK = gcc $(CORE_CFLAGS) -flto-partition=one -nostdlib -static -no-pie -Wl,-z,max-page-size=4096 -Wl,-z,noexecstack \
	-Wl,--orphan-handling=error -Wl,--build-id=none -T linker.ld

# All C is compiled as one, and for nobody else, when it is linked (-flto): the way of an exit leads through five files.
# Two passes: the symbol table is last in .rodata, so no text address moves.
define link
@echo "  LD    $@"
@scripts/ksyms </dev/null >$@.1.asm && nasm -f elf64 -o $@.1.o $@.1.asm
@$(LINK) -o $@.1 $(filter %.o,$^) $@.1.o
@nm -n $@.1 | scripts/ksyms >$@.2.asm && nasm -f elf64 -o $@.2.o $@.2.asm
@$(LINK) -o $@ $(filter %.o,$^) $@.2.o
@rm -f $@.1 $@.[12].o $@.[12].asm
endef

$(OUT)/dais.elf: $(CORE_OBJ) $(call FAULT_OBJ,none) linker.ld scripts/ksyms
	$(link)

$(OUT)/dais-fault-%.elf: $(CORE_OBJ) $(OUT)/obj/tests/faults/%.c.o linker.ld scripts/ksyms
	$(link)

# Test builds without a protection: another function stands in the place of one that drivers/iommu/iommu.c calls or has.
UNSAFE := unconfined unflushed
UNSAFE_OBJ := $(UNSAFE:%=$(OUT)/obj/tests/faults/%-iommu.c.o)
%/unconfined-iommu.c.o: DEFINE := nested_root=test_root
%/unflushed-iommu.c.o: DEFINE := iommu_flush=iommu_flush_in_vain
$(UNSAFE_OBJ): drivers/iommu/iommu.c $(OUT)/flags.stamp | $(OUT)/setup.stamp
	@mkdir -p $(@D)
	@echo "  CC    $< for a test"
	@gcc $(CORE_CFLAGS) -D$(DEFINE) -MMD -MP -c -o $@ $<

$(UNSAFE:%=$(OUT)/dais-fault-%.elf): $(OUT)/dais-fault-%.elf: $(filter-out %/drivers/iommu/iommu.c.o,$(CORE_OBJ)) \
		$(OUT)/obj/tests/faults/%-iommu.c.o $(OUT)/obj/tests/faults/%.c.o linker.ld scripts/ksyms
	$(link)

-include $(CORE_OBJ:.o=.d) $(wildcard $(OUT)/obj/tests/faults/*.d)

# --- The loader: build/BOOTX64.EFI -------------------------------------------

EFI_CFLAGS := -std=gnu11 -O2 -g -ffreestanding -fpic -fshort-wchar -mno-red-zone -maccumulate-outgoing-args \
	-fno-stack-protector -fno-strict-aliasing -fcf-protection=none -mgeneral-regs-only \
	-Wall -Wextra -Werror -I. -Ikernel/abi -isystem /usr/include/efi -isystem /usr/include/efi/x86_64 \
	-DGNU_EFI_USE_MS_ABI
EFI_OBJ := $(patsubst %,$(OUT)/efi/%.o,$(wildcard boot/*.c boot/*.asm))

loader: $(OUT)/BOOTX64.EFI

$(OUT)/efi/%.c.o: %.c | $(OUT)/setup.stamp
	@mkdir -p $(@D)
	@echo "  EFICC $<"
	@gcc $(EFI_CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/efi/%.asm.o: %.asm | $(OUT)/setup.stamp
	@mkdir -p $(@D)
	@echo "  NASM  $<"
	@nasm -f elf64 -I./ -MD $(@:.o=.d) -MP -o $@ $<

$(OUT)/BOOTX64.EFI: $(EFI_OBJ)
	@echo "  EFI   $@"
	@ld -nostdlib -znocombreloc -shared -Bsymbolic --no-undefined -T /usr/lib/elf_x86_64_efi.lds \
		/usr/lib/crt0-efi-x86_64.o $(EFI_OBJ) -o $@.so -L/usr/lib -lefi -lgnuefi
	@objcopy -j .text -j .sdata -j .data -j .rodata -j .dynamic -j .dynsym -j '.rel*' -j .rela \
		-j .reloc --target efi-app-x86_64 --subsystem=10 $@.so $@

-include $(EFI_OBJ:.o=.d)

# The loader's reader of dais.conf as a program of Linux, for dais-boot.
$(OUT)/conf-check: scripts/conf-check.c boot/config.c boot/text.c $(wildcard boot/*.h) | $(OUT)/setup.stamp
	@gcc $(CFLAGS) $(CPPFLAGS) -std=gnu11 -O2 -Wall -Wextra -Werror -I. -Ikernel/abi $(LDFLAGS) -o $@ $(filter %.c,$^)

# --- The control domain --------------------------------------------------------

mgmt: $(KERNEL)/version
	@mkdir -p $(OUT)/mgmt
	@if [ -f mgmt/Makefile ]; then $(MAKE) -C mgmt OUT=$(OUT)/mgmt KDIR=$(HEADERS); fi

INITRD_FILES := scripts/mkinitrd $(wildcard mgmt/initrd/*)

$(OUT)/guest.img: $(INITRD_FILES) $(KERNEL)/version | $(OUT)/setup.stamp
	@echo "  CPIO  $@"
	@scripts/mkinitrd guest $@ $(KERNEL)

# mgmt is a phony goal of its own Makefile: what it made decides by its dates.
$(OUT)/initrd.img: $(OUT)/guest.img $(INITRD_FILES) $(KERNEL)/version mgmt FORCE
	@if [ ! -f $@ ] || [ -n "$$(find $(OUT)/mgmt $(OUT)/guest.img $(INITRD_FILES) \
		$(KERNEL)/version -newer $@ -type f | head -1)" ]; then \
		echo "  CPIO  $@"; \
		scripts/mkinitrd control $@ $(KERNEL) $(OUT)/mgmt $(OUT)/guest.img; fi

$(OUT)/esp.img: scripts/mkesp core loader $(OUT)/initrd.img boot/dais.conf
	@scripts/mkesp $@ $(OUT)/BOOTX64.EFI boot/dais.conf $(OUT)/dais.elf $(KERNEL)/vmlinuz $(OUT)/initrd.img

image: all
	@scripts/mkimage $(OUT)/dais.img $(OUT)/esp.img
	@echo "Wrote $(OUT)/dais.img: dd it to a USB stick, or boot it by qemu -drive."

# The tree as git has it (and what is new in it), with its packaging where the tools look for it.
deb:
	@DAIS_EXTRA_PACKAGES='debhelper dh-dkms lintian fakeroot' scripts/setup
	@scripts/mkdeb $(OUT)/deb

# --- Running ------------------------------------------------------------------

# A recipe's failure would make `make` exit with 2 whatever the status was, so
# `make run` replaces itself by scripts/run, through a make extension.
ifneq ($(filter run,$(MAKECMDGOALS)),)
-load $(OUT)/makexec.so
$(OUT)/makexec.so: scripts/makexec.c | $(OUT)/setup.stamp
	@gcc -shared -fPIC -O2 -Wall -Wextra -Werror -o $@ $< >&2
endif

# Linux alone needs no hypervisor. Several runs may start at once: one builds at a time.
run-files:
	@mkdir -p $(OUT)
	@flock $(OUT)/lock $(MAKE) -s -j$(JOBS) TEST_FAULT='$(TEST_FAULT)' \
		$(if $(filter native,$(PLATFORM)),$(OUT)/initrd.img,all) >&2

run-debian-files:
	@mkdir -p $(OUT)
	@flock $(OUT)/lock $(MAKE) -s debian >&2

run: $(if $(filter debian,$(IMAGE)),run-debian-files,run-files)
	$(if $(findstring n,$(firstword -$(MAKEFLAGS))),,$(exec-into scripts/run$(addprefix -,$(IMAGE)),$(RUN_SETTINGS) BUILD,\
		$(if $(TEST_FAULT),DAIS_ELF=$(FAULT_ELF))))

# --- Tests ----------------------------------------------------------------------

# Each tests/unit/test_X.c is a program; comment lines in it name what it is
# made of: links: sources, flags: further flags.
UNIT_CFLAGS := -std=gnu11 -g -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	-fno-omit-frame-pointer -Wall -Wextra -Werror -I. -Ikernel/abi
UNITS := $(patsubst tests/unit/%.c,$(OUT)/unit/%,$(sort $(wildcard tests/unit/test_*.c)))
named = $(shell sed -n 's|^/\* $(1): \(.*\) \*/$$|\1|p' $<)

$(OUT)/unit/%: tests/unit/%.c | $(OUT)/setup.stamp
	@mkdir -p $(@D)
	@echo "  UNIT  $<"
	@gcc $(UNIT_CFLAGS) $(call named,flags) -MM -MP -MT $@ $< $(call named,links) >$@.d
	@gcc $(UNIT_CFLAGS) $(call named,flags) -o $@ $< $(call named,links) -lcmocka $(call named,libs)

-include $(wildcard $(OUT)/unit/*.d)
# A source that is gone since: what was made of it is made anew.
$(addsuffix /%.c,arch boot drivers kernel mgmt tests): ;

units: $(if $(ONLY),$(foreach u,$(UNITS),$(if $(findstring $(ONLY),$(u)),$(u))),$(UNITS))

test: all
	@PLATFORM='$(PLATFORM)' MODEL='$(MODEL)' scripts/test unit system

test-long: all $(OUT)/sched/long
	@$(OUT)/sched/long
	@PLATFORM='$(PLATFORM)' MODEL='$(MODEL)' scripts/test unit system-long install

# On a Debian disk of its own; some packages come from Debian's mirror.
debian: deb
	@DAIS_EXTRA_PACKAGES='mmdebstrap fakeroot openssh-client qemu-utils e2fsprogs' scripts/setup
	@scripts/mkdebian $(OUT)/debian

install-files: all debian $(OUT)/conf-check
	@DAIS_EXTRA_PACKAGES='sbsigntool swtpm openssl' scripts/setup

test-install: $(OUT)/setup.stamp
	@scripts/test install

unit: $(OUT)/setup.stamp
	@scripts/test unit

system: all
	@PLATFORM='$(PLATFORM)' MODEL='$(MODEL)' scripts/test system

#: make bench-sched     the scheduler: its long simulation, then on the booted system under -icount shares,
#:                      caps, reservations, wake-ups, switches, idling, locks (fetches QEMU 10 into build/);
#:                      SECONDS=10 for each share, ONLY='part…' of those that tests/sched/run names
bench-sched: all $(OUT)/sched/long
	@tests/sched/run $(or $(SECONDS),10) $(ONLY)

$(OUT)/sched/long: $(wildcard tests/sched/*.[ch] kernel/sched/*.[ch]) kernel/sched.h kernel/types.h | $(OUT)/setup.stamp
	@mkdir -p $(@D)
	@gcc -std=gnu11 -g -O2 -Wall -Wextra -Werror -DMAX_CPUS=1024 -I. -Ikernel/abi -o $@ $(filter %.c,$^)


bench: all
	@tests/bench/run

bench-quick: all
	@tests/bench/run --quick

clean:
	find $(OUT) -mindepth 1 -maxdepth 1 ! -name kernel ! -name 'bochs*' ! -name 'qemu*' -exec rm -rf {} +
