/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Dais's hypercalls, made from kernel/abi/dais/calls.def:
 *
 *	status = hc(vcpu_state, &ret, .vcpu = cap, .op = op, .length = 8);
 *
 * Arguments left out are zero.
 */
#ifndef DAIS_LINUX_HYPERCALL_H
#define DAIS_LINUX_HYPERCALL_H

#include <linux/string.h>
#include <linux/types.h>
#include <asm/alternative.h>
#include <asm/cpufeatures.h>
#include <dais/abi.h>

#define HC_MAX_ARGS 6

struct hc_ret {
	u64 value, value2;
};

/* X86_FEATURE_VMMCALL is set on AMD (and Hygon) only: Linux picks at load. */
static inline unsigned int hypercall(u64 nr, const u64 *arg, struct hc_ret *ret)
{
	register u64 r8 asm("r8") = arg[4];
	register u64 r9 asm("r9") = arg[5];
	u64 rax = DAIS_CALL_BASE | nr, rdi = arg[0], rsi = arg[1];

	asm volatile(ALTERNATIVE("vmcall", "vmmcall", X86_FEATURE_VMMCALL)
		     : "+a" (rax), "+D" (rdi), "+S" (rsi)
		     : "d" (arg[2]), "c" (arg[3]), "r" (r8), "r" (r9)
		     : "memory");
	ret->value = rdi;
	ret->value2 = rsi;
	return rax;
}

#define HC_LIST(...) __VA_ARGS__
#define CAP(name, type, rights) name
#define OPT(name, type, rights) name
#define VAL(name, max) name
#define DAIS_CALL(nr, name, list)							\
struct hc_args_##name {								\
	u64 HC_LIST list;							\
};										\
										\
static inline unsigned int hc_##name(struct hc_args_##name args, struct hc_ret *ret)	\
{										\
	u64 arg[HC_MAX_ARGS] = { 0 };						\
										\
	static_assert(sizeof(args) <= sizeof(arg));				\
	memcpy(arg, &args, sizeof(args));					\
	return hypercall(nr, arg, ret);						\
}
#include <dais/calls.def>
#undef DAIS_CALL
#undef VAL
#undef OPT
#undef CAP

#define hc(name, ret, ...) hc_##name((struct hc_args_##name){ __VA_ARGS__ }, ret)

#endif
