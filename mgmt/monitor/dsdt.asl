/* SPDX-License-Identifier: GPL-2.0-only */
/* Numbers here are those of layout.h. */
DefinitionBlock ("", "DSDT", 2, "DAIS", "DAISGST", 1)
{
	External (\_SB.PCI0.SCAN, MethodObj) /* of pci.asl */

	Name (\_S5, Package () { 5, 0, 0, 0 })

	Scope (\_SB)
	{
		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, Zero)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x03f8, 0x03f8, 0, 8)
				Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 4 }
			})
		}

		Device (PWRB)
		{
			Name (_HID, EisaId ("PNP0C0C"))
		}

		Device (GED)
		{
			Name (_HID, "ACPI0013")
			Name (_CRS, ResourceTemplate ()
			{
				Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 9 }
			})
			OperationRegion (EVTS, SystemIO, 0x0604, 1)
			Field (EVTS, ByteAcc, NoLock, WriteAsZeros) { EVT, 8 }

			Method (_EVT, 1, Serialized)
			{
				/* Reading clears; the button is bit 0, bit 1 comes only where there is a PCI bus. */
				Local0 = EVT
				If (Local0 & 1)
				{
					Notify (\_SB.PWRB, 0x80)
				}
				If (Local0 & 2)
				{
					\_SB.PCI0.SCAN ()
				}
			}
		}
	}
}
