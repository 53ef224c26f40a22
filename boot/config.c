/* SPDX-License-Identifier: GPL-2.0-only */
#include "boot/config.h"
#include "boot/boot_info.h"

#define LINE_MAX 4096

/* One value being read: what a key's reader needs to store it or to complain. */
struct value {
	struct config *config;
	const char *text;
	struct error *err;
};

struct word {
	const char *name;
	uint32_t number;
};

static bool read_word(const struct value *value, const struct word *words, uint32_t *out)
{
	for (; words->name; words++) {
		if (text_equal(value->text, words->name)) {
			*out = words->number;
			return true;
		}
	}
	return false;
}

/* Decimal, or hexadecimal after 0x; returns what follows, NULL without a digit or on overflow. */
static const char *read_number(const char *s, uint64_t *out)
{
	uint64_t base = 10, n = 0, digit;
	const char *start;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	}
	for (start = s;; s++) {
		if (*s >= '0' && *s <= '9')
			digit = *s - '0';
		else if ((*s | 32) >= 'a' && (*s | 32) <= 'f')
			digit = (*s | 32) - 'a' + 10;
		else
			break;
		if (digit >= base)
			break;
		if (n > (UINT64_MAX - digit) / base)
			return NULL;
		n = n * base + digit;
	}
	*out = n;
	return s == start ? NULL : s;
}

/* A path as the firmware wants it: from the volume's root, with backslashes. */
static bool copy_path(char *out, const char *from, size_t length, struct error *err)
{
	if (length == 0)
		return refuse(err, "a file's path is missing");
	if (length + 1 > CONFIG_PATH_MAX)
		return refuse(err, "the path is longer than %u characters", CONFIG_PATH_MAX - 1);
	for (size_t i = 0; i < length; i++)
		out[i] = from[i] == '/' ? '\\' : from[i];
	out[length] = '\0';
	if (out[0] != '\\')
		return refuse(err, "'%s': give the path from the volume's root, like "
			      "\\EFI\\dais\\file",
			      out);
	return true;
}

static bool set_hypervisor(const struct value *v)
{
	return copy_path(v->config->hypervisor, v->text, text_length(v->text), v->err);
}

/* Lower-case hexadecimal, as sha256sum prints it. */
static bool copy_hash(char *out, const char *from, size_t length, struct error *err)
{
	if (length != SHA256_HEX)
		return refuse(err, "give the %u hexadecimal digits of a SHA-256", SHA256_HEX);
	for (size_t i = 0; i < length; i++) {
		if (!(from[i] >= '0' && from[i] <= '9') && !(from[i] >= 'a' && from[i] <= 'f'))
			return refuse(err, "'%c' is no digit of a SHA-256 (0-9, a-f)", from[i]);
		out[i] = from[i];
	}
	out[length] = '\0';
	return true;
}

static bool set_hypervisor_sha256(const struct value *v)
{
	return copy_hash(v->config->hypervisor_sha256, v->text, text_length(v->text), v->err);
}

static bool set_kernel_sha256(const struct value *v)
{
	return copy_hash(v->config->kernel_sha256, v->text, text_length(v->text), v->err);
}

static bool set_kernel(const struct value *v)
{
	return copy_path(v->config->kernel, v->text, text_length(v->text), v->err);
}

/* Calls take(n, part, its length) for each part of a comma-separated list; how many in *count. */
static bool read_list(const struct value *v, uint32_t *count,
		      bool (*take)(struct config *c, uint32_t n, const char *part, size_t length, struct error *err))
{
	const char *s = v->text, *end, *next;
	uint32_t n = 0;

	for (;; s = next + 1) {
		while (*s == ' ' || *s == '\t')
			s++;
		for (next = s; *next && *next != ','; next++)
			;
		for (end = next; end > s && (end[-1] == ' ' || end[-1] == '\t'); end--)
			;
		if (n == CONFIG_INITRDS_MAX)
			return refuse(v->err, "more than %u files", CONFIG_INITRDS_MAX);
		if (!take(v->config, n++, s, end - s, v->err))
			return false;
		if (!*next)
			break;
	}
	*count = n;
	return true;
}

static bool take_initrd(struct config *c, uint32_t n, const char *part, size_t length, struct error *err)
{
	return copy_path(c->initrd[n], part, length, err);
}

static bool set_initrd(const struct value *v)
{
	return read_list(v, &v->config->initrd_count, take_initrd);
}

static bool take_initrd_sha256(struct config *c, uint32_t n, const char *part, size_t length, struct error *err)
{
	return copy_hash(c->initrd_sha256[n], part, length, err);
}

static bool set_initrd_sha256(const struct value *v)
{
	return read_list(v, &v->config->initrd_hashes, take_initrd_sha256);
}

static bool set_cmdline(const struct value *v)
{
	size_t length = text_length(v->text);

	if (length >= CONFIG_CMDLINE_MAX)
		return refuse(v->err, "longer than %u characters", CONFIG_CMDLINE_MAX - 1);
	text_format(v->config->cmdline, sizeof(v->config->cmdline), "%s", v->text);
	return true;
}

static bool set_control_memory(const struct value *v)
{
	const char *rest;
	uint64_t n;
	unsigned int shift = 0;

	rest = read_number(v->text, &n);
	if (rest && *rest) {
		shift = *rest == 'M' ? 20 : *rest == 'G' ? 30 : *rest == 'T' ? 40 : 0;
		rest = shift ? rest + 1 : NULL;
	}
	if (!rest || *rest || !shift || n == 0 || n > (UINT64_MAX >> 8) >> shift)
		return refuse(v->err, "'%s': give a size like 768M or 4G", v->text);
	v->config->control_memory = n << shift;
	return true;
}

static bool set_count(const struct value *v, uint32_t *out)
{
	const char *rest;
	uint64_t n;

	if (text_equal(v->text, "all")) {
		*out = 0;
		return true;
	}
	rest = read_number(v->text, &n);
	if (!rest || *rest || n == 0 || n > CONFIG_CPUS_MAX)
		return refuse(v->err, "'%s': give a number from 1 to %u, or all", v->text,
			      CONFIG_CPUS_MAX);
	*out = (uint32_t)n;
	return true;
}

static bool set_control_vcpus(const struct value *v)
{
	return set_count(v, &v->config->control_vcpus);
}

static bool set_cpus(const struct value *v)
{
	return set_count(v, &v->config->cpus);
}

static bool set_log_level(const struct value *v)
{
	static const struct word levels[] = {
		{ "error", 0 }, { "warning", 1 }, { "info", 2 }, { "debug", 3 }, { NULL, 0 },
	};

	return read_word(v, levels, &v->config->log_level) ||
	       refuse(v->err, "'%s': give error, warning, info or debug", v->text);
}

static bool set_panic(const struct value *v)
{
	static const struct word actions[] = {
		{ "stop", BOOT_PANIC_STOP }, { "reboot", BOOT_PANIC_REBOOT }, { NULL, 0 },
	};

	return read_word(v, actions, &v->config->panic) ||
	       refuse(v->err, "'%s': give stop or reboot", v->text);
}

static bool set_switch(const struct value *v, bool *out)
{
	static const struct word states[] = { { "off", 0 }, { "on", 1 }, { NULL, 0 } };
	uint32_t state;

	if (!read_word(v, states, &state))
		return refuse(v->err, "'%s': give on or off", v->text);
	*out = state;
	return true;
}

static bool set_mitigations(const struct value *v)
{
	return set_switch(v, &v->config->mitigations);
}

static bool set_x2apic(const struct value *v)
{
	return set_switch(v, &v->config->x2apic);
}

static bool set_apicv(const struct value *v)
{
	return set_switch(v, &v->config->apicv);
}

static bool set_iommu(const struct value *v)
{
	return set_switch(v, &v->config->iommu);
}

/* com1, com2 or an I/O port; then perhaps ", baud". */
static bool set_console(const struct value *v)
{
	const char *s = v->text, *rest;
	uint64_t port = 0, baud = v->config->console_baud;

	if (text_equal(s, "none")) {
		v->config->console = CONSOLE_NONE;
		return true;
	}
	if (s[0] == 'c' && s[1] == 'o' && s[2] == 'm' && (s[3] == '1' || s[3] == '2')) {
		port = s[3] == '1' ? 0x3f8 : 0x2f8;
		rest = s + 4;
	} else {
		rest = read_number(s, &port);
	}
	while (rest && (*rest == ' ' || *rest == '\t'))
		rest++;
	if (rest && *rest == ',') {
		for (rest++; *rest == ' ' || *rest == '\t';)
			rest++;
		rest = read_number(rest, &baud);
	}
	if (!rest || *rest || port == 0 || port > 0xfff8)
		return refuse(v->err, "'%s': give none, com1, com2 or a port like 0x3f8, perhaps "
			      "followed by a speed: com1, 115200", s);
	if (baud < 300 || baud > 115200 || 115200 % baud)
		return refuse(v->err, "%llu baud: give 115200 or a speed that divides it",
			      (unsigned long long)baud);
	v->config->console = CONSOLE_UART_IO;
	v->config->console_port = (uint32_t)port;
	v->config->console_baud = (uint32_t)baud;
	return true;
}

static const struct {
	const char *name;
	bool (*set)(const struct value *value);
} keys[] = {
	{ "hypervisor", set_hypervisor }, { "kernel", set_kernel },
	{ "initrd", set_initrd }, { "cmdline", set_cmdline },
	{ "control_memory", set_control_memory }, { "control_vcpus", set_control_vcpus },
	{ "cpus", set_cpus }, { "log_level", set_log_level }, { "console", set_console },
	{ "hypervisor_sha256", set_hypervisor_sha256 }, { "kernel_sha256", set_kernel_sha256 },
	{ "initrd_sha256", set_initrd_sha256 },
	{ "panic", set_panic }, { "mitigations", set_mitigations }, { "x2apic", set_x2apic },
	{ "apicv", set_apicv },
	{ "iommu", set_iommu },
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

void config_defaults(struct config *config)
{
	static const struct config defaults = {
		.hypervisor = "\\EFI\\dais\\dais.elf",
		.kernel = "\\EFI\\dais\\vmlinuz",
		.log_level = 2,
		.console = CONSOLE_UART_IO,
		.console_port = 0x3f8,
		.console_baud = 115200,
		.panic = BOOT_PANIC_STOP,
		.mitigations = true,
		.x2apic = true,
		.apicv = true,
		.iommu = true,
	};

	*config = defaults;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Splits "key = value" in place; false when there is no key or no '='. */
static bool split(char *line, char **key, char **value)
{
	char *equals = line, *end;

	while (*equals && *equals != '=')
		equals++;
	if (!*equals)
		return false;
	for (end = equals; end > line && is_blank(end[-1]); end--)
		;
	*end = '\0';
	*key = line;
	for (*value = equals + 1; is_blank(**value); (*value)++)
		;
	return **key != '\0';
}

static bool read_line(struct config *config, char *line, uint32_t *seen, struct error *err)
{
	struct value v = { .config = config, .err = err };
	char *key, *value;

	if (!split(line, &key, &value))
		return refuse(err, "'%s' is not of the form: key = value", line);
	v.text = value;
	for (uint32_t i = 0; i < KEYS; i++) {
		if (!text_equal(key, keys[i].name))
			continue;
		if (*seen & (1u << i))
			return refuse(err, "'%s' is given twice", key);
		*seen |= 1u << i;
		return keys[i].set(&v);
	}
	return refuse(err, "unknown key '%s'; docs/boot.md lists the keys", key);
}

/* Copies the next line without leading and trailing blanks; returns what follows it. */
static const char *next_line(const char *text, const char *end, char *line, bool *fits)
{
	size_t n = 0;

	*fits = true;
	while (text < end && is_blank(*text))
		text++;
	for (; text < end && *text != '\n'; text++) {
		if (n + 1 < LINE_MAX)
			line[n++] = *text ? *text : '?';
		else
			*fits = false;
	}
	while (n > 0 && is_blank(line[n - 1]))
		n--;
	line[n] = '\0';
	return text < end ? text + 1 : end;
}

bool config_parse(struct config *config, const char *text, size_t length, struct error *err)
{
	static char line[LINE_MAX];
	const char *end = text + length;
	uint32_t seen = 0, number = 0;
	struct error why;
	bool fits;

	while (text < end) {
		number++;
		text = next_line(text, end, line, &fits);
		if (!fits)
			return refuse(err, "line %u: longer than %u characters", number,
				      LINE_MAX - 1);
		if (line[0] == '\0' || line[0] == '#')
			continue;
		if (!read_line(config, line, &seen, &why))
			return refuse(err, "line %u: %s", number, why.text);
	}
	/* One left out would be a file that nothing verifies. */
	return !config->initrd_hashes || config->initrd_hashes == config->initrd_count ||
	       refuse(err, "initrd_sha256: %u hashes for %u files of initrd; give one each", config->initrd_hashes,
		      config->initrd_count);
}

bool config_hashes_all(const struct config *c, struct error *err)
{
	const char *missing = !c->hypervisor_sha256[0] ? "hypervisor_sha256" : !c->kernel_sha256[0] ? "kernel_sha256" : NULL;

	for (uint32_t i = 0; i < c->initrd_count; i++)
		if (!c->initrd_sha256[i][0])
			missing = "initrd_sha256";
	return !missing || refuse(err, "%s does not name every file's hash, so nothing could verify them", missing);
}
