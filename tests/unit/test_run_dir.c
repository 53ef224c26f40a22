/* SPDX-License-Identifier: GPL-2.0-only */
/* The files of a guest that has ended, when its name may be another's already. */
/* links: mgmt/monitor/fault.c */
/* flags: -Imgmt/libdais */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

static int note_unlink(const char *path);
#define unlink note_unlink
#include "mgmt/dais/run_dir.c"
#undef unlink

#include <cmocka.h>

static unsigned int unlinked;
static struct dais_dom_page page;
static bool there;

static int note_unlink(const char *path)
{
	assert_non_null(strstr(path, RUN_DIR "/no-such-guest."));
	unlinked++;
	return 0;
}

int dais_open(struct dais_conn **conn) { *conn = NULL; return 0; }
void dais_close(struct dais_conn *conn) { (void)conn; }
struct dais_dom_page *dais_dom_page(struct dais_dom *dom) { (void)dom; return &page; }
void dais_dom_close(struct dais_dom *dom) { (void)dom; }

int dais_dom_open_name(struct dais_conn *conn, const char *name, struct dais_dom **dom)
{
	(void)conn, (void)name;
	*dom = NULL;
	return there ? 0 : -ENOENT;
}

void gconf_init(struct guest_config *c) { (void)c; }
void gconf_free(struct guest_config *c) { (void)c; }
int gconf_read(struct guest_config *c, const char *path, struct fault *err) { (void)c; (void)path; (void)err; return -1; }
void pci_unclaim(const struct guest_config *c) { (void)c; }

static unsigned int removed(bool exists, uint32_t state)
{
	there = exists;
	page.state = state;
	unlinked = 0;
	run_files_remove("no-such-guest");
	return unlinked;
}

static void files_go_with_the_guest(void **state)
{
	(void)state;
	assert_int_equal(removed(false, 0), 4);
	assert_int_equal(removed(true, DAIS_DOM_DEAD), 4); /* it itself, as somebody still looks at it */
}

static void a_new_guest_of_that_name_keeps_its_files(void **state)
{
	(void)state;
	assert_int_equal(removed(true, DAIS_DOM_RUNNING), 0);
	assert_int_equal(removed(true, DAIS_DOM_CONFIG), 0);
	assert_int_equal(removed(true, DAIS_DOM_PAUSED), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_go_with_the_guest), cmocka_unit_test(a_new_guest_of_that_name_keeps_its_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
