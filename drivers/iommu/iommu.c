/* SPDX-License-Identifier: GPL-2.0-only */
/* Who owns which function, and what becomes of its accesses that were refused. */
#include "drivers/iommu/internal.h"
#include "kernel/arch.h"
#include "kernel/atomic.h"
#include "kernel/domain.h"
#include "kernel/heap.h"
#include "kernel/info.h"
#include "kernel/log.h"
#include "kernel/timer.h"

#define IDS          64u   /* domains with devices; each unit has as many */
#define ID_CONTROL   1u    /* 0 is reserved where there is caching mode (VT-d spec. §6.1) */
#define LOOKS        10u   /* for faults, in a second */
#define STORM_LOOKS  20u   /* so many in a row that found some are a storm */
#define FAULTS_MAX   1024u /* taken at one look */
#define STRANGERS    64u   /* whose faults are counted one by one, though nobody attached them */

/* What is known of a source of requests: a function, or all that share its ID. */
struct source {
	struct list link;
	u32 fn;
	u32 id;             /* of the domain it reaches, 0: none */
	bool quiet;         /* quarantined */
	u64 faults;
	u64 seen;           /* of those, at the last look */
	u32 looks;          /* in a row that found more */
};

const struct boot_iommus *iommus;
static struct iommu_unit units[BOOT_IOMMUS_MAX];
static const struct iommu_ops *ops;
static struct list sources = { &sources, &sources };
static struct source others; /* events without a function, and strangers beyond so many: IDs can be forged, heap is finite */
static u64 strangers; /* their faults */
static struct { struct domain *d; u32 sources; } ids[IDS];
static u32 guests_with;      /* atomic: sources of guests; 0: nothing of theirs to flush */
static spinlock_t iommu_lock;
static struct timer look;

/* --- for the two kinds of hardware --- */

u64 iommu_read(struct iommu_unit *u, u32 reg, u32 size)
{
	struct access a = { .at = u->b->base + reg, .size = size };

	mmio_access(&a);
	return a.value;
}

void iommu_write(struct iommu_unit *u, u32 reg, u32 size, u64 value)
{
	mmio_access(&(struct access){ .at = u->b->base + reg, .size = size, .write = true, .value = value });
}

static void expect(const struct iommu_unit *u, bool done, u64 since)
{
	if (!done && time_now() - since > time_hz())
		panic("the IOMMU at 0x%lx does not answer", u->b->base);
	cpu_relax();
}

void iommu_wait(struct iommu_unit *u, u32 reg, u32 mask, u32 value)
{
	u64 since = time_now();

	for (bool done = false; !done; expect(u, done, since))
		done = (iommu_read(u, reg, 4) & mask) == value;
}

void iommu_put(u64 *entry, u64 value)
{
	atomic_store(entry, value);
	if (iommus->incoherent)
		cache_write_back(entry);
}

void iommu_command(struct iommu_unit *u, u64 low, u64 high)
{
	u->queue[2 * u->tail] = low;
	u->queue[2 * u->tail + 1] = high;
	u->tail = (u->tail + 1) % IOMMU_QUEUE;
}

void iommu_run(struct iommu_unit *u, u32 reg)
{
	u64 since = time_now();

	atomic_store(IOMMU_DONE(u), 0);
	atomic_fence();
	iommu_write(u, reg, 8, u->tail * 16);
	for (bool done = false; !done; expect(u, done, since))
		done = atomic_load(IOMMU_DONE(u));
}

/* --- who is who --- */

static const struct boot_iommu_scope *scope_of(u32 fn)
{
	for (u32 i = iommus ? iommus->scope_count : 0; i-- > 0;)
		if (fn >= iommus->scope[i].first && fn <= iommus->scope[i].last)
			return &iommus->scope[i];
	return NULL;
}

bool iommu_hides(u32 fn)
{
	for (u32 i = 0; iommus && i < iommus->unit_count; i++)
		if (iommus->unit[i].fn == fn)
			return true;
	return false;
}

/* BOOT_NO_FN: no unit covers it. */
static u32 source_of(u32 fn, struct iommu_unit **u, u32 *settings)
{
	const struct boot_iommu_scope *s = scope_of(fn);

	if (!s || iommu_hides(fn))
		return BOOT_NO_FN;
	*u = &units[s->unit];
	*settings = s->settings;
	return s->alias == BOOT_NO_FN ? fn : s->alias;
}

static struct source *find(u32 fn)
{
	list_for(p, &sources)
		if (list_entry(p, struct source, link)->fn == fn)
			return list_entry(p, struct source, link);
	return NULL;
}

static struct source *get(u32 fn)
{
	struct source *s = find(fn);

	if (!s && (s = heap_alloc(sizeof(*s)))) {
		s->fn = fn;
		list_add(&sources, &s->link);
	}
	return s;
}

/* The number of d, or a free one; 0: all are taken. */
static u32 id_of(const struct domain *d)
{
	u32 empty = 0;

	if (d == control_domain)
		return ID_CONTROL;
	for (u32 i = IDS - 1; i > ID_CONTROL; i--) {
		if (ids[i].sources && ids[i].d == d)
			return i;
		if (!ids[i].sources)
			empty = i;
	}
	return empty;
}

static void count(u32 id, int by)
{
	ids[id].sources += by;
	if (id > ID_CONTROL)
		atomic_add(&guests_with, by);
}

/* The root of d's tables, of so many levels as the units take; 0: no memory. */
static u64 root_of(struct domain *d)
{
	u64 root = d == control_domain ? iommus->control : nested_root(d).v;

	/* The first table of the next level: the whole below 512 GiB. */
	if (iommus->levels < 4 && d != control_domain && nested_prepare(d, gpa(0), ORDER_1G) != DAIS_OK)
		return 0;
	return iommus->levels < 4 ? *(u64 *)hpa_to_hva(hpa(root)) & 0x000ffffffffff000ULL : root;
}

/* s reaches d's memory; NULL: nothing. */
static status_t reach(struct iommu_unit *u, struct source *s, struct domain *d, u32 settings, bool quiet)
{
	struct iommu_reach to = { .quiet = quiet, .settings = settings };
	status_t status;

	if (d) {
		to.id = id_of(d);
		if (!to.id)
			return DAIS_NO_SPACE;
		to.root = root_of(d);
		if (!to.root)
			return DAIS_NO_MEMORY;
		ids[to.id].d = d;
		count(to.id, 1); /* before: a flush of what it reads by then must not pass it over */
	}
	status = ops->set(u, s->fn, &to);
	if (status == DAIS_OK) {
		count(s->id, s->id ? -1 : 0);
		s->id = to.id;
		s->quiet = quiet;
	} else if (d) {
		count(to.id, -1);
	}
	return status;
}

/* --- the interface --- */

u64 iommu_state(void)
{
	return facts[DAIS_STAT_IOMMU];
}

status_t iommu_assignable(u32 fn)
{
	const struct boot_iommu_scope *s = scope_of(fn);

	if (!s || s->alias != BOOT_NO_FN || iommu_hides(fn))
		return DAIS_DENIED;
	for (u32 i = 0; i < iommus->region_count; i++)
		if (fn >= iommus->region[i].first && fn <= iommus->region[i].last)
			return DAIS_DENIED;
	return iommus->guests ? DAIS_OK : DAIS_BAD_STATE;
}

status_t iommu_attach(u32 fn, struct domain *d)
{
	struct iommu_unit *u;
	u32 settings, source = source_of(fn, &u, &settings);
	status_t status = d == control_domain ? DAIS_OK : iommu_assignable(fn);
	struct source *s;

	if (status != DAIS_OK || source == BOOT_NO_FN)
		return status != DAIS_OK ? status : DAIS_DENIED;
	spin_guard(&iommu_lock);
	s = get(source);
	if (!s)
		return DAIS_NO_MEMORY;
	if (s->id && ids[s->id].d == d)
		return DAIS_OK;
	return reach(u, s, d, settings, false);
}

void iommu_claim(u32 fn)
{
	if (iommus && !iommu_hides(fn) && iommu_attach(fn, control_domain) != DAIS_OK)
		log_error("iommu: pci %08x: no IOMMU covers it, or no memory: it is not confined, or reaches nothing", fn);
}

/* Of functions that share an ID none can be blocked alone: they are the control domain's. */
void iommu_block(u32 fn)
{
	struct iommu_unit *u;
	u32 settings, source = source_of(fn, &u, &settings);
	spin_guard(&iommu_lock);
	struct source *s = source == fn ? find(fn) : NULL;

	if (s && s->id)
		CHECK(reach(u, s, NULL, settings, false) == DAIS_OK);
}

void iommu_flush(struct domain *d)
{
	if (likely(!atomic_load(&guests_with)) || d == control_domain)
		return;
	spin_guard(&iommu_lock);
	for (u32 id = ID_CONTROL + 1; id < IDS; id++)
		for (u32 i = 0; ids[id].sources && ids[id].d == d && i < iommus->unit_count; i++)
			ops->flush(&units[i], id);
}

u64 iommu_faults(u32 fn)
{
	spin_guard(&iommu_lock);
	const struct source *s = find(fn);

	return s ? s->faults : 0;
}

/* --- interrupts --- */

/* Without 32-bit destinations 8 bits, of which 255 is the broadcast (SDM vol. 3 §10.6.2.1). */
u32 iommu_irq_dest_max(void)
{
	return iommus && iommus->remap && iommus->x2apic ? 0x7fff : 254;
}

u64 iommu_irq_alloc(u32 fn, u64 host)
{
	struct iommu_unit *u;
	u32 n, i = 0, settings, source;
	u64 *e;

	if (!iommus || !iommus->remap)
		return host;
	source = source_of(fn, &u, &settings);
	if (source == BOOT_NO_FN)
		return 0;
	spin_guard(&iommu_lock);
	e = ops->entries(u, source, &n);
	while (e && i < n && e[2 * i] & 1)
		i++;
	if (!e || i == n)
		return 0;
	ops->entry(&e[2 * i], source, MSI_DEST_OF(host), host >> 32 & 0xff);
	ops->flush_entries(u, source);
	return ops->message(i, host);
}

void iommu_irq_free(u32 fn, u64 message)
{
	struct iommu_unit *u;
	u32 n, settings, source;
	u64 *e;

	if (!iommus || !iommus->remap || !message)
		return;
	source = source_of(fn, &u, &settings);
	spin_guard(&iommu_lock);
	e = ops->entries(u, source, &n);
	CHECK(e && ops->index(message) < n);
	e += 2 * ops->index(message);
	iommu_put(&e[0], 0);
	iommu_put(&e[1], 0);
	ops->flush_entries(u, source);
}

/* --- faults: looked for, so that a storm of them costs no interrupts --- */

static void take_fault(const struct iommu_fault *f)
{
	struct source *s = f->fn == BOOT_NO_FN ? &others : find(f->fn);

	if (!s && strangers++ < STRANGERS)
		s = get(f->fn);
	s = s ? s : &others;
	s->faults++;
	if (!(s->faults & (s->faults - 1))) /* the first, second, fourth, … */
		log_warn("iommu: pci %08x: access to 0x%lx refused (reason %u), the %lu.%s", f->fn, f->address, f->reason,
			 s->faults, f->lost ? "; others were lost" : "");
}

static void watch(struct source *s)
{
	struct iommu_unit *u;
	u32 settings;

	s->looks = s->faults != s->seen ? s->looks + 1 : 0;
	s->seen = s->faults;
	if (s->looks < STORM_LOOKS || s->quiet || source_of(s->fn, &u, &settings) == BOOT_NO_FN)
		return;
	s->looks = 0;
	if (reach(u, s, NULL, settings, true) == DAIS_OK)
		log_error("iommu: pci %08x: quarantined after %lu refused accesses", s->fn, s->faults);
}

static void look_for_faults(struct timer *t)
{
	struct iommu_fault f;
	spin_guard(&iommu_lock);

	(void)t;
	for (u32 i = 0, n = 0; i < iommus->unit_count; i++)
		while (n++ < FAULTS_MAX && ops->fault(&units[i], &f))
			take_fault(&f);
	list_for(p, &sources)
		watch(list_entry(p, struct source, link));
}

/* --- start --- */

static bool no_access(struct trap *t, struct access *a)
{
	(void)t;
	(void)a;
	return false;
}

static void start_unit(struct iommu_unit *u, const struct boot_iommu *b)
{
	u->b = b;
	u->queue = heap_pages(3); /* queue, its word, AMD's log */
	if (!u->queue)
		panic("no memory for an IOMMU");
	u->trap = (struct trap){ .size = b->size, .access = no_access };
	trap_reserve(&u->trap, b->base);
	ops->start(u);
	log_info("iommu at 0x%lx: on%s", b->base, iommus->remap ? ", interrupts too" : "");
}

void iommu_init(const struct boot_info *b)
{
	if (!b->iommus)
		return;
	iommus = hpa_to_hva(hpa(b->iommus));
	ops = iommus->amd ? &amdvi_ops : &vtd_ops;
	nested_write_back = iommus->incoherent;
	nested_vtd = !iommus->amd;
	nested_snoop = iommus->snoop;
	for (u32 i = 0; i < iommus->unit_count; i++)
		start_unit(&units[i], &iommus->unit[i]);
	facts[DAIS_STAT_IOMMU] |= DAIS_IOMMU_DMA | (iommus->remap ? DAIS_IOMMU_IRQ : 0) |
				  (iommus->guests ? DAIS_IOMMU_GUESTS : 0) | (iommus->amd ? DAIS_IOMMU_AMD : 0);
	look.fire = look_for_faults;
	timer_set(&look, time_now() + time_hz() / LOOKS, time_hz() / LOOKS);
}

/* Firmware's own devices (keyboards, management) go on until the control domain takes them over. */
void iommu_attach_regions(void)
{
	for (u32 i = 0; iommus && i < iommus->region_count; i++)
		for (u32 fn = iommus->region[i].first; fn <= iommus->region[i].last; fn++)
			if (iommus->region[i].last - iommus->region[i].first < 256)
				iommu_claim(fn);
}
