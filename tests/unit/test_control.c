/* SPDX-License-Identifier: GPL-2.0-only */
/* dais stop, destroy, start, pci return: what is left of a guest, and what is said of it. Dais and the monitor are played. */
/* links: mgmt/dais/take_apart.c mgmt/dais/util.c mgmt/dais/json.c mgmt/monitor/fault.c */
/* flags: -Imgmt/libdais */
/* libs: -ljson-c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define attach attach_run
#define detach detach_run
#define release release_run
#include "mgmt/dais/cmd_control.c"
#include "mgmt/dais/cmd_run.c"
#undef attach
#undef detach
#define list list_pci
#define assign assign_pci
#include "mgmt/dais/cmd_pci.c"

#include <cmocka.h>

#define WEB 7u
#define NIC 0x20 /* 0000:00:04.0 */

static struct {
	bool there, dies_with_monitor, killed, unclaimed, files_removed, launched;
	int monitor_fd;
	unsigned int waited, opened, last_opened;
	uint64_t nic;		/* DAIS_STAT_FN_STATE */
	uint64_t nic_after;	/* once it is bound to its own driver */
} t;

static struct dais_dom_page page;
static struct pci_info nic;

static void play(uint32_t state)
{
	memset(&t, 0, sizeof(t));
	page = (struct dais_dom_page){ .id = WEB, .state = state };
	nic = (struct pci_info){ .fn = NIC, .driver = DAIS_PCI_DRIVER };
	t.there = true;
	t.nic = DAIS_FN_THERE;
	t.monitor_fd = 100;
}

#define DOM ((struct dais_dom *)&page)

/* --- Dais --- */

int dais_open(struct dais_conn **conn) { *conn = (struct dais_conn *)&t; return 0; }
void dais_close(struct dais_conn *conn) { (void)conn; }
const char *dais_strerror(int err) { return strerror(-err); }
int dais_last_status(void) { return 0; }
const char *dais_state_name(unsigned int state) { return state == DAIS_DOM_PAUSED ? "paused" : "dead"; }
const char *dais_death_name(unsigned int death) { (void)death; return "?"; }
struct dais_dom_page *dais_dom_page(struct dais_dom *dom) { return (struct dais_dom_page *)dom; }
void dais_dom_close(struct dais_dom *dom) { (void)dom; }
int dais_dom_pause(struct dais_dom *dom) { (void)dom; return 0; }
int dais_dom_unpause(struct dais_dom *dom) { (void)dom; return 0; }
int dais_dom_activate(struct dais_dom *dom) { (void)dom; return 0; }
int dais_dom_info(struct dais_dom *dom, struct dais_ioc_dom_info *info) { (void)dom; (void)info; return -1; }
const struct dais_info *dais_peek_info(struct dais_conn *conn) { static struct dais_info i; (void)conn; return &i; }

int dais_dom_open(struct dais_conn *conn, uint32_t id, struct dais_dom **dom)
{
	(void)conn;
	*dom = DOM;
	return t.there && id == WEB ? 0 : -ENOENT;
}

int dais_dom_open_name(struct dais_conn *conn, const char *name, struct dais_dom **dom)
{
	(void)name;
	return dais_dom_open(conn, WEB, dom);
}

int dais_dom_kill(struct dais_dom *dom, enum dais_death why)
{
	(void)dom;
	assert_int_equal(why, DAIS_DEATH_DESTROYED);
	page.state = DAIS_DOM_DEAD;
	t.killed = true;
	return 0;
}

int dais_dom_destroy(struct dais_dom *dom, int timeout_ms)
{
	(void)dom;
	(void)timeout_ms;
	assert_int_equal(page.state, DAIS_DOM_DEAD);
	t.there = false;
	t.nic &= 0xffffffff;
	return 0;
}

int dais_function_stat(struct dais_conn *conn, uint32_t fn, enum dais_stat what, uint64_t *value)
{
	(void)conn;
	assert_int_equal(fn, NIC);
	*value = what == DAIS_STAT_FN_STATE ? t.nic : 0;
	return 0;
}

/* --- PCI --- */

int pci_scan(struct pci_machine *m, const char *root, struct fault *err)
{
	(void)err;
	*m = (struct pci_machine){ .root = root, .fn = &nic, .count = 1 };
	return 0;
}

void pci_scan_free(struct pci_machine *m) { (void)m; }
const struct pci_info *pci_lookup(const struct pci_machine *m, uint32_t fn) { return fn == NIC ? m->fn : NULL; }
const char *pci_name(uint32_t fn, char *buf) { (void)fn; return strcpy(buf, "0000:00:04.0"); }
int pci_check_idle(const struct pci_machine *m, uint32_t fn, struct fault *err) { (void)m; (void)fn; (void)err; return 0; }
int pci_reserve(uint32_t fn, bool on, struct fault *err) { (void)fn; (void)on; (void)err; return 0; }
int pci_claim(const struct guest_config *c, struct fault *err) { (void)c; (void)err; return 0; }

int pci_check(const struct pci_machine *m, uint32_t fn, const uint32_t *others, unsigned int count, struct fault *err)
{
	(void)m, (void)fn, (void)others, (void)count, (void)err;
	return 0;
}

int pci_bind(const char *root, uint32_t fn, const char *driver, struct fault *err)
{
	(void)root, (void)fn, (void)err;
	assert_null(driver);
	strcpy(nic.driver, "e1000e");
	t.nic = t.nic_after;
	return 0;
}

void pci_unclaim(const struct guest_config *c)
{
	if (c->functions == 1 && c->function[0] == NIC && !(t.nic >> 32))
		t.unclaimed = true;
}

/* --- the monitor, the files --- */

int monitor_connect(const char *name) { (void)name; return t.monitor_fd; }
int monitor_connect_or_adopt(const char *name, struct fault *err) { (void)name; (void)err; return t.monitor_fd; }
int monitor_ask(int fd, const char *request, struct fault *err) { (void)fd; (void)request; (void)err; return 0; }

int monitor_wait_gone(int fd, int timeout_ms)
{
	(void)timeout_ms;
	assert_int_equal(fd, t.monitor_fd);
	t.waited++;
	if (t.dies_with_monitor)
		page.state = DAIS_DOM_DEAD;
	return 1;
}

void run_files_remove(const char *name) { (void)name; t.files_removed = true; }
int run_dir_make(struct fault *err) { (void)err; return 0; }
char *run_path(const char *name, const char *suffix) { (void)name; return strdup(suffix); }

int launch_guest(struct launch *l, const struct guest_config *c, unsigned int flags, struct fault *err)
{
	(void)l, (void)c, (void)flags, (void)err;
	assert_false(t.there);
	t.launched = true;
	return 0;
}

int launch_end(struct launch *l) { (void)l; return -1; }
enum pump_end console_pump(int fd, uint64_t *received) { (void)fd; (void)received; return PUMP_GUEST_ENDED; }

/* --- guest files --- */

void gconf_init(struct guest_config *c) { memset(c, 0, sizeof(*c)); }
void gconf_free(struct guest_config *c) { (void)c; }
int gconf_read(struct guest_config *c, const char *path, struct fault *err) { (void)c; (void)path; (void)err; return 0; }
int gconf_check(const struct guest_config *c, struct fault *err) { (void)c; (void)err; return 0; }
int gconf_make_absolute(struct guest_config *c, struct fault *err) { (void)c; (void)err; return 0; }
int gconf_add_pci(struct guest_config *c, const char *text, struct fault *err) { (void)c; (void)text; (void)err; return 0; }

int gconf_parse_number(const char *what, const char *text, unsigned int min, unsigned int max, unsigned int *value,
		       struct fault *err)
{
	(void)what, (void)text, (void)min, (void)max, (void)err;
	*value = 1;
	return 0;
}

int guest_options_parse(struct guest_options *o, const struct command *c, int argc, char **argv)
{
	(void)o, (void)c, (void)argc, (void)argv;
	return 3;
}

/* --- the cases --- */

#define CONN ((struct dais_conn *)&t)

static const struct stop_options plain = { .seconds = 1 }, force = { .seconds = 1, .force = true };

static void stop_of_a_guest_that_powers_off(void **state)
{
	(void)state;
	play(DAIS_DOM_RUNNING);
	t.dies_with_monitor = true;
	assert_int_equal(stop(CONN, DOM, "web", &plain), EXIT_OK);
	assert_false(t.killed);
}

/* The connection ended, as by kill -9 of an autonomous guest's monitor; or there was none for the second time. */
static void stop_when_only_the_monitor_ends(void **state)
{
	(void)state;
	play(DAIS_DOM_RUNNING);
	assert_int_equal(stop(CONN, DOM, "web", &plain), EXIT_ERROR);
	assert_false(t.killed);
	assert_int_equal(stop(CONN, DOM, "web", &force), EXIT_OK);
	assert_true(t.killed);
}

static void stop_of_a_paused_guest(void **state)
{
	(void)state;
	play(DAIS_DOM_PAUSED);
	assert_int_equal(stop(CONN, DOM, "web", &plain), EXIT_ERROR);
	assert_false(t.killed);
	assert_int_equal(stop(CONN, DOM, "web", &force), EXIT_OK);
	assert_true(t.killed);
	assert_int_equal(stop(CONN, DOM, "web", &force), EXIT_ERROR); /* it is dead */
}

/* Its monitor ends with the files of this name, which are to be the new one's. */
static void start_waits_for_the_monitor_of_the_dead(void **state)
{
	(void)state;
	play(DAIS_DOM_DEAD);
	assert_int_equal(start(CONN, DOM, "web"), EXIT_OK);
	assert_int_equal(t.waited, 1);
	assert_true(t.launched);
}

static void functions_that_came_later_go_back(void **state)
{
	(void)state;
	play(DAIS_DOM_RUNNING);
	t.nic |= (uint64_t)WEB << 32;
	assert_int_equal(destroy_guest(CONN, DOM, "web"), 0);
	assert_true(t.killed && t.files_removed && t.unclaimed);
	play(DAIS_DOM_DEAD);
	t.nic |= (uint64_t)WEB << 32;
	assert_int_equal(start(CONN, DOM, "web"), EXIT_OK);
	assert_true(t.launched && t.unclaimed);
	play(DAIS_DOM_RUNNING);
	t.nic |= (uint64_t)(WEB + 1) << 32; /* another's */
	assert_int_equal(destroy_guest(CONN, DOM, "web"), 0);
	assert_false(t.unclaimed);
}

static void return_of_what_cannot_be_reset(void **state)
{
	struct pci_machine m = { .fn = &nic, .count = 1 };
	struct guest_config c = { .functions = 1, .function = { NIC } };

	(void)state;
	play(DAIS_DOM_RUNNING);
	t.nic_after = DAIS_FN_THERE;
	assert_int_equal(give_back(CONN, &m, &c), EXIT_OK);
	play(DAIS_DOM_RUNNING);
	t.nic_after = DAIS_FN_THERE | DAIS_FN_BLOCKED;
	assert_int_equal(give_back(CONN, &m, &c), EXIT_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stop_of_a_guest_that_powers_off), cmocka_unit_test(stop_when_only_the_monitor_ends),
		cmocka_unit_test(stop_of_a_paused_guest), cmocka_unit_test(start_waits_for_the_monitor_of_the_dead),
		cmocka_unit_test(functions_that_came_later_go_back), cmocka_unit_test(return_of_what_cannot_be_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
