// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver of Dais's virtual PCI function. It has nothing but an MSI-X table:
 * one vector per CPU, each with a pending area that says which events it
 * stands for. A module can get interrupt vectors in no other way.
 */
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/percpu.h>
#include "dais.h"

static struct pci_dev *function;
static struct dais_pending *pending;
static unsigned int vectors;
static DEFINE_PER_CPU(u32, cpu_vector);

/* The vector of the CPU we are on; only a hint, as we may move. */
u32 dais_this_vector(void)
{
	return raw_cpu_read(cpu_vector);
}

static irqreturn_t vector_raised(int irq, void *area)
{
	events_scan(area);
	return IRQ_HANDLED;
}

/* CPU i's vector is i, or shared when there are fewer. Not managed affinities:
 * the vector of a CPU that goes offline must move to another. */
static void spread(struct pci_dev *pdev)
{
	unsigned int cpu, v = 0;

	for_each_online_cpu(cpu) {
		per_cpu(cpu_vector, cpu) = v % vectors;
		if (v < vectors)
			irq_set_affinity_and_hint(pci_irq_vector(pdev, v), cpumask_of(cpu));
		v++;
	}
}

static void free_vectors(struct pci_dev *pdev, int count)
{
	while (count-- > 0) {
		irq_update_affinity_hint(pci_irq_vector(pdev, count), NULL);
		free_irq(pci_irq_vector(pdev, count), &pending[count]);
	}
	pci_free_irq_vectors(pdev);
}

static int request_vectors(struct pci_dev *pdev)
{
	unsigned int want = min_t(u32, num_online_cpus(), dais_number(DAIS_STAT_PENDING_COUNT));
	unsigned int v;
	int ret;

	ret = pci_alloc_irq_vectors(pdev, 1, want, PCI_IRQ_MSIX);
	if (ret < 0) {
		pci_err(pdev, "no MSI-X vectors (error %d)\n", ret);
		return ret;
	}
	vectors = ret;
	for (v = 0; v < vectors; v++) {
		ret = request_irq(pci_irq_vector(pdev, v), vector_raised, 0, KBUILD_MODNAME,
				  &pending[v]);
		if (ret) {
			pci_err(pdev, "cannot take interrupt %d (error %d)\n", v, ret);
			free_vectors(pdev, v);
			return ret;
		}
	}
	spread(pdev);
	return 0;
}

static int dais_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	u64 hpa = dais_number(DAIS_STAT_PENDING), count = dais_number(DAIS_STAT_PENDING_COUNT);
	int ret;

	if (function) {
		pci_err(pdev, "a second function of Dais: ignored\n");
		return -EBUSY;
	}
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	pci_set_master(pdev); /* an MSI-X message is a write of the function's */
	pending = memremap(hpa, sizeof(*pending) * count, MEMREMAP_WB);
	if (!pending) {
		pci_err(pdev, "cannot map the pending areas at %#llx\n", hpa);
		return -ENOMEM;
	}
	ret = request_vectors(pdev);
	if (ret)
		goto unmap;
	ret = dais_device_up();
	if (ret)
		goto vectors;
	function = pdev;
	return 0;

vectors:
	free_vectors(pdev, vectors);
unmap:
	memunmap(pending);
	return ret;
}

static void dais_remove(struct pci_dev *pdev)
{
	function = NULL;
	dais_device_down();
	free_vectors(pdev, vectors);
	memunmap(pending);
}

static const struct pci_device_id dais_ids[] = {
	{ PCI_DEVICE(DAIS_PCI_VENDOR, DAIS_PCI_DEVICE) },
	{ }
};
MODULE_DEVICE_TABLE(pci, dais_ids);

static struct pci_driver dais_driver = {
	.name = KBUILD_MODNAME,
	.id_table = dais_ids,
	.probe = dais_probe,
	.remove = dais_remove,
	.driver.suppress_bind_attrs = true, /* open files stand on it */
};

int dais_pci_register(void)
{
	int ret = pci_register_driver(&dais_driver);

	if (ret)
		return ret;
	if (!function) {
		pci_unregister_driver(&dais_driver);
		pr_err("no working PCI function %04x:%04x: is PCI switched off, or was it claimed?\n",
		       DAIS_PCI_VENDOR, DAIS_PCI_DEVICE);
		return -ENODEV;
	}
	return 0;
}

void dais_pci_unregister(void)
{
	pci_unregister_driver(&dais_driver);
}
